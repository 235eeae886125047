#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "import/access_log_line.h"

namespace quipu {

/// Reads lines that are one JSON object each, as nginx (with a log_format of JSON), Caddy, Traefik and others write
/// them. The only file that knows the JSON parser. Thread: one at a time. No exception leaves it.
class JsonLogLineReader {
 public:
  /// `field` is the field that holds the request or its path, `request.uri` for one inside of another. "" looks for
  /// the usual ones, the first that is there: request_uri, request (a text, or an object with uri, url or path), uri,
  /// url, path, RequestPath, requestUrl, httpRequest.requestUrl, cs-uri-stem.
  explicit JsonLogLineReader(std::string field = {});
  ~JsonLogLineReader();
  JsonLogLineReader(const JsonLogLineReader&) = delete;
  JsonLogLineReader& operator=(const JsonLogLineReader&) = delete;

  /// `line` is without its end. The answer's path lives until the next call.
  LineVerdict read(std::string_view line);

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace quipu
