#include "import/access_log_line.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "event/entry.h"

namespace quipu {
namespace {

constexpr LineVerdict broken(const char* what) { return {{}, what}; }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// How many bytes the UTF-8 character at the beginning of `text` has; 0 where none stands there (RFC 3629).
std::size_t utf8_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xc0) == 0x80; };
  const auto first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (!follows(1) || !follows(2)) return 0;
    const bool overlong = first == 0xe0 && byte(1) < 0xa0;
    const bool surrogate = first == 0xed && byte(1) > 0x9f;
    return overlong || surrogate ? 0 : 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    const bool overlong = first == 0xf0 && byte(1) < 0x90;
    const bool beyond = first == 0xf4 && byte(1) > 0x8f;
    return overlong || beyond ? 0 : 4;
  }
  return 0;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    // Nearly all paths are ASCII throughout: eight bytes at a time.
    std::uint64_t eight = 0;
    while (text.size() >= sizeof eight) {
      std::memcpy(&eight, text.data(), sizeof eight);
      if ((eight & 0x8080808080808080) != 0) break;
      text.remove_prefix(sizeof eight);
    }
    if (text.empty()) return true;
    const auto size = utf8_character(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

/// Where the quote ends that was opened before `from`: a backslash takes the meaning of what follows it.
std::size_t end_of_quote(std::string_view line, std::size_t from) {
  for (auto at = from; at < line.size();) {
    const auto quote = line.find('"', at);
    if (quote == std::string_view::npos) return quote;
    std::size_t slashes = 0;
    while (quote - slashes > from && line[quote - slashes - 1] == '\\') ++slashes;
    if (slashes % 2 == 0) return quote;
    at = quote + 1;
  }
  return std::string_view::npos;
}

/// ` 200 1234`, ` 304 -`, with whatever behind.
bool is_status_and_size(std::string_view rest) {
  if (rest.size() < 6 || rest[0] != ' ' || !is_digit(rest[1]) || !is_digit(rest[2]) || !is_digit(rest[3]) ||
      rest[4] != ' ') {
    return false;
  }
  const auto size = rest.substr(5, rest.find(' ', 5) - 5);
  return size == "-" || (!size.empty() && std::ranges::all_of(size, is_digit));
}

}  // namespace

LineVerdict path_of_target(std::string_view target) {
  const auto path = target.substr(0, target.find('?'));
  if (path.empty()) return broken("the request has no path");
  if (path.size() > kCounterBytesMax) return broken("the path is longer than 1,024 bytes");
  if (!is_utf8(path)) return broken("the path is not UTF-8");
  return {path, nullptr};
}

LineVerdict path_of_request(std::string_view request) {
  const auto method_end = request.find(' ');
  if (method_end == 0 || method_end == std::string_view::npos) return broken("the request is not METHOD PATH VERSION");
  const auto target_end = request.find(' ', method_end + 1);
  if (target_end != std::string_view::npos && !request.substr(target_end + 1).starts_with("HTTP/")) {
    return broken("the request is not METHOD PATH VERSION");
  }
  return path_of_target(request.substr(method_end + 1, target_end - method_end - 1));
}

LineVerdict read_access_log_line(std::string_view line) {
  // A user's name may hold anything but the bracket of the time.
  const auto time_at = line.find(" [");
  if (time_at == std::string_view::npos || time_at == 0) return broken("there is no [time] behind host and user");
  const auto time_end = line.find("] \"", time_at);
  if (time_end == std::string_view::npos) return broken("there is no \"request\" behind the time");
  const auto request_at = time_end + 3;
  const auto request_end = end_of_quote(line, request_at);
  if (request_end == std::string_view::npos) return broken("the request's quote does not end");
  if (!is_status_and_size(line.substr(request_end + 1))) return broken("status and size do not follow the request");
  return path_of_request(line.substr(request_at, request_end - request_at));
}

}  // namespace quipu
