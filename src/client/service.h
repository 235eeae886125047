#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "client/http_client.h"

namespace quipu {

/// The service that a command speaks to when nothing else is said: the one of this machine.
inline constexpr std::string_view kDefaultServer = "http://127.0.0.1:8080";

/// Where the service is, and how it is asked.
struct ServiceOptions {
  std::string server = std::string(kDefaultServer);  ///< A URL, or HOST:PORT alone.
  std::string key;                                   ///< An API key; "" where there is none.
  std::int64_t answer_ms_max = 60'000;
};

/// What became of a request.
enum class ServiceOutcome : std::uint8_t {
  kDone,         ///< 2xx: what was asked for is so.
  kRefused,      ///< Nothing was changed; the same request will fail again.
  kNotFound,     ///< As refused: what it names does not exist.
  kNotAllowed,   ///< As refused: the key is missing, unknown, or has not the right.
  kTooLarge,     ///< As refused: a bound of the service is passed.
  kBusy,         ///< Nothing was changed; it can be tried again after `retry_after_ms`.
  kUnknown,      ///< Perhaps done: only a repeat with the same id or sequence is safe.
  kUnreachable,  ///< Nothing was sent.
};

/// The word for it: `done`, `refused`, `busy`, `unknown`, ...
std::string_view outcome_word(ServiceOutcome outcome);

struct ServiceAnswer {
  ServiceOutcome outcome = ServiceOutcome::kDone;
  int status = 0;    ///< Of HTTP; 0 where there was no answer.
  std::string body;  ///< JSON where it is done.
  std::string what;  ///< Where it is not done: what went wrong, in the words of the service.
  std::int64_t retry_after_ms = 0;

  bool done() const { return outcome == ServiceOutcome::kDone; }
};

/// A running service, over HTTP. What does not speak as Quipu does is said to be something else.
/// Thread: one at a time. Blocks within the bounds of the options. See HttpClient for what is sent twice.
class Service {
 public:
  explicit Service(const ServiceOptions& options);

  /// `path` begins with `/`.
  ServiceAnswer get(const std::string& path);
  using Fields = std::vector<std::pair<std::string, std::string>>;
  ServiceAnswer post(const std::string& path, std::string_view content_type, std::string_view body,
                     const Fields& fields = {});

  /// The address as it is used, without a slash at its end.
  const std::string& server() const { return server_; }

 private:
  ServiceAnswer send(HttpCall call, const std::string& path);

  std::string server_;
  std::string key_;
  HttpClient http_;
};

/// The address with its scheme and without a slash at its end; kRefused with what is wrong with it. A name and password
/// in it, a query or a fragment are refused.
Result<std::string> normal_server(std::string_view server);

}  // namespace quipu
