#include "http/query.h"

#include <charconv>
#include <string>

#include "http/url.h"

namespace quipu {
namespace {

std::unexpected<Error> refuse(std::string_view name, const char* why) {
  return failure(Code::kRefused, std::string("the parameter ").append(name.substr(0, 64)).append(" ").append(why));
}

std::optional<std::int64_t> natural(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || text[0] == '-' || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

enum Parameter : unsigned { kAck = 1, kAfter = 2, kTimeout = 4, kShards = 8, kLimit = 16 };

/// Reads one parameter; `seen` are those before it.
Result<void> read_pair(const FormPairs::Pair& pair, const HttpQueryNames& names, unsigned& seen, HttpQuery& query) {
  const auto [name, value] = pair;
  const auto first = [&](Parameter parameter) {
    const bool fresh = (seen & parameter) == 0;
    seen |= parameter;
    return fresh;
  };
  if (names.view && (name == "video_id" || name == "viewer_id" || name == "event_id")) {
    return set_view_field(query.view, name, value);
  }
  if (names.counters && name == "counter") {
    query.counters.push_back(value);
    return {};
  }
  if (names.ack && name == "ack") {
    if (!first(kAck)) return refuse(name, "stands twice");
    if (value != "durable" && value != "memory") return refuse(name, "is durable or memory");
    query.ack = value == "memory" ? AckWish::kMemory : AckWish::kDurable;
    return {};
  }
  if (names.after && name == "after") {
    if (!first(kAfter)) return refuse(name, "stands twice");
    auto positions = parse_positions(value);
    if (!positions) return std::unexpected(positions.error());
    query.after = std::move(*positions);
    return {};
  }
  if (names.after && name == "timeout") {
    if (!first(kTimeout)) return refuse(name, "stands twice");
    query.timeout_ms = natural(value);
    if (!query.timeout_ms) return refuse(name, "is a number of milliseconds");
    return {};
  }
  if (names.shards && name == "shards") {
    if (!first(kShards)) return refuse(name, "stands twice");
    if (value != "0" && value != "1") return refuse(name, "is 0 or 1");
    query.shards = value == "1";
    return {};
  }
  if (names.limit && name == "limit") {
    if (!first(kLimit)) return refuse(name, "stands twice");
    const auto limit = natural(value);
    if (!limit || *limit == 0) return refuse(name, "is a number from 1");
    query.limit = static_cast<std::size_t>(*limit);
    return {};
  }
  return refuse(name, "is not known here");
}

}  // namespace

Result<void> read_query(std::string_view text, const HttpQueryNames& names, Arena& arena, HttpQuery& query) {
  if (text.empty()) return {};
  FormPairs pairs(text, arena);
  unsigned seen = 0;
  while (true) {
    const auto pair = pairs.next();
    if (!pair) return std::unexpected(pair.error());
    if (!*pair) return {};
    if (auto read = read_pair(**pair, names, seen, query); !read) return read;
  }
}

}  // namespace quipu
