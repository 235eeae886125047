#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/parser.h"

namespace quipu {

/// Feeds a parser as a connection does: what was not used is offered again with what came behind it, somewhere else in
/// memory each time, so that a view kept too long is found by the address sanitizer.
class HttpFeed {
 public:
  explicit HttpFeed(const NetLimits& limits = {}) : parser_(limits) {}

  void arrive(std::string_view bytes) {
    waiting_ = std::make_unique<std::string>(*waiting_ + std::string(bytes));
    waiting_->shrink_to_fit();
    while (true) {
      const auto step = parser_.parse(*waiting_);
      if (step.status == HttpParser::Status::kRequest) note_request();
      if (step.status == HttpParser::Status::kRefused) {
        if (events_.empty() || !events_.back().starts_with('!')) {
          events_.push_back("!" + std::to_string(parser_.verdict().status));
        }
        return;
      }
      waiting_ = std::make_unique<std::string>(waiting_->substr(step.used));
      if (step.status == HttpParser::Status::kNeedMore) return;
    }
  }

  /// `METHOD target body [close]` of each request, and `!status` of a refusal.
  const std::vector<std::string>& events() const { return events_; }
  HttpParser& parser() { return parser_; }
  std::size_t waiting() const { return waiting_->size(); }

 private:
  void note_request() {
    static constexpr const char* kNames[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "?"};
    const HttpRequest& request = parser_.request();
    std::string event = kNames[static_cast<int>(request.method)];
    event.append(" ").append(request.target).append(" ").append(request.body);
    if (request.idempotency_key) event.append(" key=").append(*request.idempotency_key);
    if (!request.keep_alive) event.append(" close");
    events_.push_back(std::move(event));
  }

  HttpParser parser_;
  std::unique_ptr<std::string> waiting_ = std::make_unique<std::string>();
  std::vector<std::string> events_;
};

inline std::vector<std::string> http_events(std::string_view bytes, const NetLimits& limits = {}) {
  HttpFeed feed(limits);
  feed.arrive(bytes);
  return feed.events();
}

}  // namespace quipu
