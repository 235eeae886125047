#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "http/request.h"

namespace quipu {

/// Why a request can not be run. The connection closes behind the answer, and no later byte is run as a request: where
/// the framing is in doubt, what follows may be the body of this one. Static text.
struct HttpVerdict {
  int status = 0;
  const char* detail = "";

  bool sound() const { return status == 0; }
};

inline constexpr HttpVerdict kSound{};

/// Judges `METHOD SP target SP HTTP/d.d`, without its line end, and fills method, version and target.
HttpVerdict judge_request_line(std::string_view line, HttpRequest& request);

/// Judges the beginning of a request line that has no end yet: whether it can still become one.
HttpVerdict judge_line_begin(std::string_view bytes);

/// Judges the header fields of one request, one by one and together. It knows what general parsers let through: other
/// codings than `chunked`, Transfer-Encoding beside Content-Length or in HTTP/1.0, lengths that are lists or stand
/// twice, no Host or two of them, names that a proxy may take for one of these.
class HttpFieldJudge {
 public:
  void begin() { *this = HttpFieldJudge(); }

  /// One field, its value trimmed of spaces and tabs.
  HttpVerdict field(std::string_view name, std::string_view value, HttpRequest& request);

  /// After the last field.
  HttpVerdict finish(HttpRequest& request) const;

  /// One field behind the last chunk.
  static HttpVerdict trailer(std::string_view name);

  bool chunked() const { return chunked_; }
  std::size_t content_length() const { return content_length_; }
  bool wants_continue() const { return wants_continue_; }

 private:
  HttpVerdict content_length(std::string_view value);
  HttpVerdict transfer_encoding(std::string_view value, const HttpRequest& request);
  HttpVerdict connection(std::string_view value);

  std::size_t fields_ = 0;
  std::size_t content_length_ = 0;
  bool has_length_ = false;
  bool chunked_ = false;
  bool has_host_ = false;
  bool close_ = false;
  bool stay_ = false;
  bool wants_continue_ = false;
};

/// The name of a status, such as `Not Found`.
const char* http_reason(int status);

/// Whether `text` is a token of RFC 9110: a method, or a field's name.
bool is_token(std::string_view text);

/// Whether two names of fields or tokens are the same, in any case of letters.
bool same_token(std::string_view a, std::string_view b);

}  // namespace quipu
