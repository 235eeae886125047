#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace quipu {

struct HttpClientOptions {
  std::int64_t connect_ms_max = 5'000;                   ///< For the connection.
  std::int64_t answer_ms_max = 60'000;                   ///< For a whole request, its connection included.
  std::size_t answer_bytes_max = std::size_t{64} << 20;  ///< Of an answer's body; a longer one is an error.
};

struct HttpCall {
  std::string method = "GET";
  std::string url;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string_view body;  ///< Sent where the method is POST; must live until the call returns.
};

struct HttpReply {
  int status = 0;
  std::string content_type;
  std::string body;
  std::int64_t retry_after_ms = 0;  ///< What Retry-After says; 0 where it says nothing.
};

/// Sends requests, one after the other, on a connection that is kept.
///
/// Promise: no redirect is followed, nothing but http and https is spoken, an address of the loopback is reached
/// without a proxy whatever the environment says. Thread: one at a time. Blocks, within the bounds of the options.
/// Errors: kNotFound when no connection came about, so that nothing was sent; kUnknown when the connection was lost or
/// the time was over afterwards, so that the service has perhaps done it; kRefused for an address that is none. A
/// request on a kept connection that the service had closed meanwhile is sent once more by the library: send only what
/// may be repeated, or open a client for it alone.
class HttpClient {
 public:
  explicit HttpClient(const HttpClientOptions& options);
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;

  Result<HttpReply> send(const HttpCall& call);

 private:
  class State;
  std::unique_ptr<State> state_;
};

/// The text as one segment of a path or one value of a query: everything but letters, digits and `-._~` as %XX.
std::string percent_encoded(std::string_view text);

}  // namespace quipu
