#include "load/reply_counter.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace quipu {
namespace {

constexpr std::size_t kReplyBytesMax = 1 << 20;

void note_error(ReplyTally& tally, std::string_view reply) {
  if (tally.first_error.empty()) tally.first_error = reply.substr(0, 300);
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

/// The value of a header in `head`, the lines behind the status line; "" when it is not there.
std::string_view header(std::string_view head, std::string_view name) {
  while (!head.empty()) {
    const auto end = std::min(head.find("\r\n"), head.size());
    const auto line = head.substr(0, end);
    head = end + 2 <= head.size() ? head.substr(end + 2) : std::string_view();
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !equals_ignoring_case(line.substr(0, colon), name)) continue;
    auto value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    return value;
  }
  return {};
}

template <class T>
std::optional<T> to_number(std::string_view text) {
  T value{};
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || rest != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Result<std::uint64_t> ReplyCounter::feed(std::string_view bytes, ReplyTally& tally) {
  std::string_view rest = bytes;
  if (!kept_.empty()) {
    kept_.append(bytes);
    rest = kept_;
  }
  std::uint64_t replies = 0;
  while (!rest.empty()) {
    const auto taken = protocol_ == LoadProtocol::kResp ? take_resp(rest, tally) : take_http(rest, tally);
    if (!taken) return std::unexpected(taken.error());
    if (!*taken) break;
    ++replies;
  }
  if (rest.size() > kReplyBytesMax) return failure(Code::kRefused, "a reply of more than 1 MiB");
  kept_ = std::string(rest);
  return replies;
}

Result<bool> ReplyCounter::take_resp(std::string_view& bytes, ReplyTally& tally) const {
  // memchr is some five times as fast as looking for both bytes.
  const auto feed = bytes.find('\n');
  if (feed == std::string_view::npos) return false;
  if (feed == 0 || bytes[feed - 1] != '\r') {
    return failure(Code::kRefused,
                   fmt::format("not a reply to INCR: {}", bytes.substr(0, std::min<std::size_t>(feed, 60))));
  }
  const auto end = feed - 1;
  const auto line = bytes.substr(0, end);
  if (line.starts_with(':')) {
    ++tally.accepted;
  } else if (line.starts_with('-')) {
    note_error(tally, line.substr(1));
    auto& kind = line.starts_with("-BUSY") ? tally.busy : line.starts_with("-UNKNOWN") ? tally.unknown : tally.refused;
    ++kind;
  } else {
    return failure(Code::kRefused, fmt::format("not a reply to INCR: {}", line.substr(0, 60)));
  }
  bytes.remove_prefix(end + 2);
  return true;
}

Result<bool> ReplyCounter::take_http(std::string_view& bytes, ReplyTally& tally) {
  if (!accepted_.empty() && bytes.starts_with(accepted_)) {
    ++tally.accepted;
    bytes.remove_prefix(accepted_.size());
    return true;
  }
  const auto end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return false;
  const auto head = bytes.substr(0, end);
  const auto status = to_number<int>(head.substr(std::min<std::size_t>(9, head.size()), 3));
  if (!head.starts_with("HTTP/1.1 ") || !status) {
    return failure(Code::kRefused, fmt::format("not an answer of HTTP/1.1: {}", head.substr(0, 60)));
  }
  const auto lines = head.substr(std::min(head.find("\r\n"), head.size()));
  const auto headers = lines.empty() ? lines : lines.substr(2);
  const auto length = to_number<std::size_t>(header(headers, "Content-Length"));
  if (!length) return failure(Code::kRefused, "an answer without Content-Length");
  if (*length > kReplyBytesMax) return failure(Code::kRefused, "an answer of more than 1 MiB");
  const auto size = end + 4 + *length;
  if (bytes.size() < size) return false;
  if (*status >= 200 && *status < 300) {
    ++tally.accepted;
    accepted_ = bytes.substr(0, size);
  } else {
    const auto body = bytes.substr(end + 4, *length);
    note_error(tally, fmt::format("{} {}", *status, body));
    const bool busy = *status == 429 || (*status == 503 && !header(headers, "Retry-After").empty());
    auto& kind = busy ? tally.busy : *status >= 500 ? tally.unknown : tally.refused;
    ++kind;
  }
  bytes.remove_prefix(size);
  return true;
}

}  // namespace quipu
