#include "http/verdict.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "net/limits.h"

namespace quipu {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// RFC 9110, 5.6.2.
constexpr auto kTokenTable = [] {
  std::array<bool, 256> table{};
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = true;
  for (char c = '0'; c <= '9'; ++c) table[static_cast<unsigned char>(c)] = true;
  for (char c = 'a'; c <= 'z'; ++c) table[static_cast<unsigned char>(c)] = true;
  for (char c = 'A'; c <= 'Z'; ++c) table[static_cast<unsigned char>(c)] = true;
  return table;
}();

/// A name or address, and perhaps a port; no path, no user.
bool is_authority(std::string_view text) {
  if (text.empty()) return false;
  std::string_view port;
  if (text[0] == '[') {
    const auto end = text.find(']');
    if (end == std::string_view::npos || end == 1) return false;
    const auto inside = text.substr(1, end - 1);
    if (!std::ranges::all_of(inside, [](char c) { return is_digit(c) || is_letter(c) || c == ':' || c == '.'; })) {
      return false;
    }
    port = text.substr(end + 1);
  } else {
    const auto end = std::min(text.find(':'), text.size());
    const auto name = text.substr(0, end);
    if (name.empty()) return false;
    const auto allowed = [](char c) {
      return is_digit(c) || is_letter(c) || c == '-' || c == '.' || c == '_' || c == '~';
    };
    if (!std::ranges::all_of(name, allowed)) return false;
    port = text.substr(end);
  }
  if (port.empty()) return true;
  if (port[0] != ':' || port.size() > 6) return false;
  return std::ranges::all_of(port.substr(1), is_digit);
}

HttpVerdict judge_version(std::string_view text, HttpRequest& request) {
  const bool formed =
      text.size() == 8 && text.starts_with("HTTP/") && is_digit(text[5]) && text[6] == '.' && is_digit(text[7]);
  if (!formed) return {400, "the request line does not end in HTTP/1.1"};
  if (text[5] != '1' || text[7] > '1') return {505, "only HTTP/1.1 and HTTP/1.0 are spoken here"};
  request.minor_version = text[7] - '0';
  return kSound;
}

HttpVerdict judge_target(std::string_view target, HttpRequest& request) {
  for (const char c : target) {
    if (c <= ' ' || c > '~') return {400, "the target holds a byte that must be percent-encoded"};
    if (c == '#') return {400, "the target holds a fragment"};
    if (c == '\\') return {400, "the target holds a backslash"};
  }
  request.authority = {};
  request.target = target;
  if (target.starts_with('/')) return kSound;
  if (target == "*") {
    return request.method == HttpMethod::kOptions ? kSound : HttpVerdict{400, "the target * is for OPTIONS alone"};
  }
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!same_token(target.substr(0, scheme.size()), scheme)) continue;
    const auto rest = target.substr(scheme.size());
    const auto end = rest.find_first_of("/?");
    request.authority = rest.substr(0, end);
    if (!is_authority(request.authority)) break;
    if (end == std::string_view::npos) {
      request.target = "/";
      return kSound;
    }
    if (rest[end] == '?') break;
    request.target = rest.substr(end);
    return kSound;
  }
  return {400, "the target does not begin with /"};
}

}  // namespace

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return kTokenTable[static_cast<unsigned char>(c)]; });
}

bool same_token(std::string_view a, std::string_view b) { return std::ranges::equal(a, b, {}, lower, lower); }

HttpMethod http_method(std::string_view token) {
  switch (token.size()) {
    case 3:
      if (token == "GET") return HttpMethod::kGet;
      if (token == "PUT") return HttpMethod::kPut;
      break;
    case 4:
      if (token == "POST") return HttpMethod::kPost;
      if (token == "HEAD") return HttpMethod::kHead;
      break;
    case 5:
      if (token == "PATCH") return HttpMethod::kPatch;
      if (token == "TRACE") return HttpMethod::kTrace;
      break;
    case 6:
      if (token == "DELETE") return HttpMethod::kDelete;
      break;
    case 7:
      if (token == "OPTIONS") return HttpMethod::kOptions;
      break;
    default:
      break;
  }
  return HttpMethod::kOther;
}

HttpVerdict judge_request_line(std::string_view line, HttpRequest& request) {
  const auto method_end = line.find(' ');
  if (method_end > kHttpMethodBytesMax || !is_token(line.substr(0, method_end))) {  // npos is beyond any bound.
    return {400, "this is not a request of HTTP"};
  }
  const auto rest = line.substr(method_end + 1);
  const auto target_end = rest.find(' ');
  if (target_end == std::string_view::npos) return {400, "the request line has no version"};
  if (target_end == 0) return {400, "the request line has no target"};
  if (const auto verdict = judge_version(rest.substr(target_end + 1), request); !verdict.sound()) return verdict;
  request.method = http_method(line.substr(0, method_end));
  if (request.method == HttpMethod::kOther) return {501, "the method is not known here"};
  return judge_target(rest.substr(0, target_end), request);
}

HttpVerdict judge_line_begin(std::string_view bytes) {
  const auto method = bytes.substr(0, std::min(bytes.find(' '), bytes.size()));
  if (method.empty() && bytes.empty()) return kSound;
  if (method == "\r") return kSound;  // Perhaps the one empty line that may stand before a request.
  if (method.size() > kHttpMethodBytesMax || !is_token(method)) return {400, "this is not a request of HTTP"};
  return kSound;
}

HttpVerdict HttpFieldJudge::content_length(std::string_view value) {
  if (has_length_) return {400, "Content-Length stands twice"};
  if (value.empty() || !std::ranges::all_of(value, is_digit)) return {400, "Content-Length is not one number"};
  if (value.size() > kContentLengthDigitsMax) return {413, "the body is larger than limits.body_bytes"};
  std::from_chars(value.data(), value.data() + value.size(), content_length_);
  has_length_ = true;
  return kSound;
}

HttpVerdict HttpFieldJudge::transfer_encoding(std::string_view value, const HttpRequest& request) {
  if (chunked_) return {400, "Transfer-Encoding stands twice"};
  if (request.minor_version == 0) return {400, "Transfer-Encoding is not part of HTTP/1.0"};
  if (!same_token(value, "chunked")) return {501, "of the transfer codings only chunked is known here"};
  chunked_ = true;
  return kSound;
}

HttpVerdict HttpFieldJudge::connection(std::string_view value) {
  while (!value.empty()) {
    const auto end = std::min(value.find(','), value.size());
    auto token = value.substr(0, end);
    value.remove_prefix(std::min(end + 1, value.size()));
    while (token.starts_with(' ') || token.starts_with('\t')) token.remove_prefix(1);
    while (token.ends_with(' ') || token.ends_with('\t')) token.remove_suffix(1);
    close_ |= same_token(token, "close");
    stay_ |= same_token(token, "keep-alive");
  }
  return kSound;
}

HttpVerdict HttpFieldJudge::field(std::string_view name, std::string_view value, HttpRequest& request) {
  if (++fields_ > kHttpFieldsMax) return {431, "there are more than 100 header fields"};
  const auto once = [&](std::optional<std::string_view>& place, const char* twice) -> HttpVerdict {
    if (place) return {400, twice};
    place = value;
    return kSound;
  };
  switch (name.size()) {
    case 4:
      if (same_token(name, "host")) {
        if (has_host_) return {400, "Host stands twice"};
        if (!is_authority(value)) return {400, "Host is not a name and perhaps a port"};
        has_host_ = true;
        request.host = value;
      }
      break;
    case 6:
      if (same_token(name, "expect")) {
        if (!same_token(value, "100-continue")) return {417, "of the expectations only 100-continue is known here"};
        wants_continue_ = request.minor_version > 0;
      } else if (same_token(name, "origin")) {
        return once(request.origin, "Origin stands twice");
      }
      break;
    case 10:
      if (same_token(name, "connection")) return connection(value);
      break;
    case 12:
      if (same_token(name, "content-type")) return once(request.content_type, "Content-Type stands twice");
      if (same_token(name, "quipu-source")) return once(request.source, "Quipu-Source stands twice");
      break;
    case 13:
      if (same_token(name, "authorization")) return once(request.authorization, "Authorization stands twice");
      if (same_token(name, "if-none-match")) return once(request.if_none_match, "If-None-Match stands twice");
      break;
    case 14:
      if (same_token(name, "content-length")) return content_length(value);
      if (same_token(name, "quipu-sequence")) return once(request.sequence, "Quipu-Sequence stands twice");
      if (same_token(name, "content_length")) return {400, "a field is named almost as Content-Length"};
      break;
    case 15:
      if (same_token(name, "idempotency-key")) return once(request.idempotency_key, "Idempotency-Key stands twice");
      break;
    case 16:
      if (same_token(name, "content-encoding")) {
        return once(request.content_encoding, "Content-Encoding stands twice");
      }
      break;
    case 17:
      if (same_token(name, "transfer-encoding")) return transfer_encoding(value, request);
      if (same_token(name, "transfer_encoding")) return {400, "a field is named almost as Transfer-Encoding"};
      break;
    default:
      break;
  }
  return kSound;
}

HttpVerdict HttpFieldJudge::finish(HttpRequest& request) const {
  if (chunked_ && has_length_) return {400, "Content-Length and Transfer-Encoding stand together"};
  if (request.minor_version > 0 && !has_host_) return {400, "Host is missing"};
  if (!request.authority.empty() && has_host_ && !same_token(request.authority, request.host)) {
    return {400, "Host is not what the target names"};
  }
  request.keep_alive = !close_ && (request.minor_version > 0 || stay_);
  return kSound;
}

HttpVerdict HttpFieldJudge::trailer(std::string_view name) {
  for (const std::string_view framing : {"content-length", "transfer-encoding", "host", "authorization", "trailer",
                                         "content-type", "content-encoding", "idempotency-key", "connection"}) {
    if (same_token(name, framing)) return {400, "a field stands behind the body that must stand before it"};
  }
  return kSound;
}

const char* http_reason(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Error";
  }
}

}  // namespace quipu
