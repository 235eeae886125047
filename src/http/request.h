#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace quipu {

/// The methods that the service knows; every other token is `kOther`.
enum class HttpMethod : std::uint8_t { kGet, kHead, kPost, kPut, kDelete, kOptions, kPatch, kTrace, kOther };

/// `GET` is kGet and so on; methods are case-sensitive.
HttpMethod http_method(std::string_view token);

/// One request, framed and found sound. Views point into the parser or into the bytes that it was given; those of
/// header values are trimmed, and nullopt where there is no such field.
struct HttpRequest {
  HttpMethod method = HttpMethod::kGet;
  int minor_version = 1;       ///< Of HTTP/1.x.
  bool keep_alive = true;      ///< What the client wants, and what its version means where it does not say.
  std::string_view target;     ///< In origin form: the path and, after `?`, the query; or `*`.
  std::string_view authority;  ///< Of a target in absolute form; else empty.
  std::string_view host;       ///< Empty in HTTP/1.0 without one.
  std::optional<std::string_view> authorization;
  std::optional<std::string_view> content_type;
  std::optional<std::string_view> content_encoding;
  std::optional<std::string_view> idempotency_key;
  std::optional<std::string_view> source;    ///< `Quipu-Source`
  std::optional<std::string_view> sequence;  ///< `Quipu-Sequence`
  std::optional<std::string_view> if_none_match;
  std::optional<std::string_view> origin;
  std::string_view body;
  bool chunked = false;  ///< Then all views point into the parser, and end with its next call.
};

}  // namespace quipu
