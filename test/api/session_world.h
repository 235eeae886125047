#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/world.h"
#include "http/architecture_answer.h"
#include "http/session.h"
#include "model/sruja.h"
#include "resp/session.h"

namespace quipu {

/// A node with one connection of each kind, without sockets.
class SessionWorld : public ApiWorld {
 public:
  void serve() {
    start();
    connect();
  }
  void connect() {
    http.reset();
    resp.reset();
    rest_.clear();
    http_context_ = std::make_unique<HttpContext>(HttpContext{
        .service = *node,
        .limits = {},
        .cors_origins = {},
        .future_ms_max = 300'000,
        .version = "1.2.3",
        .metrics = [] { return std::string("up 1\n"); },
        .server_figures = [] { return std::vector<std::pair<std::string, std::uint64_t>>{{"http_connections", 1}}; }});
    http_context_->architecture = architecture_answer(*read_architecture(architecture_text()), {}, "Embedded");
    resp_context_ = std::make_unique<RespContext>(
        RespContext{.service = *node, .limits = {}, .namespaces = {"views"}, .version = "1.2.3", .connections = [] {
                      return std::uint64_t{1};
                    }});
    http = std::make_unique<HttpSession>(*http_context_);
    resp = std::make_unique<RespSession>(*resp_context_);
  }
  /// Sessions go before what stands behind them.
  void disconnect() {
    http.reset();
    resp.reset();
  }

  /// What comes back for these bytes, when nothing is under way any more. What was not used is offered again.
  std::string say(Session& session, std::string_view bytes) {
    auto held = std::make_unique<std::string>(std::exchange(rest_[&session], "") + std::string(bytes));
    std::string out;
    for (int quiet = 0; quiet < 5; ++quiet) {
      if (!session.busy() && !held->empty()) {
        const auto used = session.receive(*held);
        if (used > 0) {
          // What is not used stays where it is while the session is busy.
          spent_ = std::move(held);
          held = std::make_unique<std::string>(spent_->substr(used));
          quiet = 0;
        }
      }
      step();
      session.tick(now);
      out += sent(session);
      if (session.busy() && ++waits_ < 200'000) quiet = 0;
    }
    rest_[&session] = *held;
    return out;
  }
  /// What may leave now.
  std::string sent(Session& session) const {
    std::string out(session.output().releasable(node->durable()));
    session.output().consumed(out.size());
    return out;
  }
  /// The workers catch up, and all that was kept of before is too old.
  void catch_up() {
    flush();
    now += options.settings_ms;
    steps(3);
  }

  std::unique_ptr<HttpSession> http;
  std::unique_ptr<RespSession> resp;

 private:
  std::unique_ptr<HttpContext> http_context_;
  std::unique_ptr<RespContext> resp_context_;
  std::unique_ptr<std::string> spent_;
  std::map<const Session*, std::string> rest_;  // What was not used.
  int waits_ = 0;
};

}  // namespace quipu
