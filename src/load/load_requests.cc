#include "load/load_requests.h"

#include <fmt/format.h>

#include <iterator>

#include "base/check.h"

namespace quipu {
namespace {

void append_resp(std::string& out, std::string_view space, const std::string& key) {
  const auto name = space == "default" ? key : fmt::format("{}:{}", space, key);
  fmt::format_to(std::back_inserter(out), "*2\r\n$4\r\nINCR\r\n${}\r\n{}\r\n", name.size(), name);
}

const std::string kNoId(kEventIdBytes, '0');

void append_http(std::string& out, const RequestForm& form, const std::string& key) {
  const bool view = form.space == "views";
  const auto target = view ? std::string("/view") : fmt::format("/v1/counters/{}/{}", form.space, key);
  auto body = view ? fmt::format(R"({{"video_id":"{}"}})", key) : std::string("{}");
  if (form.ids) {
    body = view ? fmt::format(R"({{"video_id":"{}","event_id":"{}"}})", key, kNoId)
                : fmt::format(R"({{"id":"{}"}})", kNoId);
  }
  fmt::format_to(std::back_inserter(out),
                 "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
                 target, form.host, body.size(), body);
}

void append_batch(std::string& out, const RequestForm& form, KeyDistribution& keys) {
  std::string lines;
  for (std::size_t i = 0; i < form.batch; ++i) {
    fmt::format_to(std::back_inserter(lines), R"({{"namespace":"{}","counter":"{}")", form.space,
                   key_name(keys.next(), form.name_bytes));
    if (form.ids) fmt::format_to(std::back_inserter(lines), R"(,"id":"{}")", kNoId);
    lines += "}\n";
  }
  fmt::format_to(std::back_inserter(out),
                 "POST /v1/events HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-ndjson\r\n"
                 "Content-Length: {}\r\n\r\n{}",
                 form.host, lines.size(), lines);
}

}  // namespace

std::string key_name(std::uint64_t number, std::size_t bytes) { return fmt::format("key-{:0{}}", number, bytes - 4); }

RequestRing::RequestRing(const RequestForm& form, KeyDistribution& keys, std::size_t count) {
  starts_.reserve(count + 1);
  starts_.push_back(0);
  for (std::size_t i = 0; i < count; ++i) {
    if (form.protocol == LoadProtocol::kResp) {
      append_resp(bytes_, form.space, key_name(keys.next(), form.name_bytes));
    } else if (form.batch == 1) {
      append_http(bytes_, form, key_name(keys.next(), form.name_bytes));
    } else {
      append_batch(bytes_, form, keys);
    }
    starts_.push_back(bytes_.size());
  }
  if (!form.ids) return;
  for (auto at = bytes_.find(kNoId); at != std::string::npos; at = bytes_.find(kNoId, at + kEventIdBytes)) {
    ids_.push_back(at);
  }
  QUIPU_CHECK(ids_.size() == count * form.batch);
}

std::string RequestRing::stamped(std::size_t from, std::size_t to, std::uint32_t run, std::uint64_t& next) const {
  std::string bytes(range(from, to));
  const auto each = ids_.size() / size();
  for (std::size_t at = from * each; at < to * each; ++at) {
    fmt::format_to(bytes.data() + (ids_[at] - starts_[from]), "{:08x}{:016x}", run, next++);
  }
  return bytes;
}

}  // namespace quipu
