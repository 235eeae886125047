#pragma once

#include <string>
#include <string_view>

#include "base/identifiers.h"
#include "http/problem.h"

namespace quipu {

/// What the request decides about how its reply looks, whatever the reply is.
struct HttpReplyShape {
  bool head_only = false;        ///< HEAD: the fields of the answer without its body.
  bool close = false;            ///< The connection closes behind it.
  bool told_to_stay = false;     ///< HTTP/1.0 that asked to stay must be told so.
  std::string_view cors_origin;  ///< An origin of the configuration that may read the answer; "" = none.
};

/// Writes replies behind what a buffer holds. The date is written out once a second.
class HttpReplyWriter {
 public:
  static constexpr std::string_view kJson = "application/json";
  static constexpr std::string_view kText = "text/plain; charset=utf-8";

  /// The time of the replies to come.
  void set_time(TimeMs now);

  /// A whole reply. `fields`: whole lines, each with its CR LF. Statuses 204 and 304 have no body.
  void reply(std::string& out, const HttpReplyShape& shape, int status, std::string_view content_type,
             std::string_view fields, std::string_view body) const;

  /// A problem document, with Retry-After where the problem says when.
  void problem(std::string& out, const HttpReplyShape& shape, const Problem& problem,
               std::string_view fields = {}) const;

 private:
  TimeMs second_ = -1;
  std::string date_;  // The whole line.
};

}  // namespace quipu
