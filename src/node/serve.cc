#include "node/serve.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/build_info.h"
#include "base/phases.h"
#include "engine/commit_pacer.h"
#include "http/architecture_answer.h"
#include "http/context.h"
#include "http/session.h"
#include "model/sruja.h"
#include "net/event_loop.h"
#include "net/tcp_server.h"
#include "node/allocator.h"
#include "node/embedded.h"
#include "node/log_lines.h"
#include "node/metrics.h"
#include "node/node_clock.h"
#include "node/safe_start.h"
#include "node/servers_graph.h"
#include "resp/context.h"
#include "resp/session.h"

namespace quipu {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using namespace std::chrono_literals;

/// How long a graceful stop may take.
constexpr std::int64_t kStopMs = 30'000;
/// How long the answers of a failed log get to leave.
constexpr std::int64_t kFailMs = 1'000;
/// How often a replay says how far it is.
constexpr std::int64_t kProgressMs = 2'000;

/// The embedded service with its servers.
class Node {
 public:
  explicit Node(const Config& config) : config_(config) {}

  Result<void> open();
  int run();

 private:
  Result<void> listen();
  Result<void> join_servers();
  void listen_to(const std::string& name, const std::string& address, std::function<std::unique_ptr<Session>()> make,
                 std::unique_ptr<TcpServer>& server, Result<void>& result);
  void stop();
  void turn();
  void tell_progress();
  bool stopped() const;
  int run_down();
  ServerStats server_stats() const;

  template <class Action>
  void each_server(Action action) {
    if (http_) action(*http_);
    if (resp_) action(*resp_);
  }

  const Config& config_;
  ClientsMemory clients_{config_.limits.clients_bytes_max};
  std::optional<ApiKeys> keys_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<Embedded> parts_;
  std::unique_ptr<HttpContext> http_context_;
  std::unique_ptr<RespContext> resp_context_;
  std::unique_ptr<TcpServer> http_;
  std::unique_ptr<TcpServer> resp_;
  CommitPacer pacer_{config_.log_commit_wait_us};
  const std::int64_t began_us_ = steady_clock_us();
  TimeMs next_step_ = 0;
  std::int64_t commit_wait_us_ = 0;  // Until the frames that wait for more go to the log.
  TimeMs stop_by_ = 0;               // 0: no stop was asked for.
  TimeMs told_at_ = 0;
  bool ready_told_ = false;
};

Result<void> Node::open() {
  auto keys = load_api_keys(config_);
  if (!keys) return std::unexpected(keys.error());
  keys_.emplace(std::move(*keys));
  if (auto safe = check_exposure(config_, !keys_->empty()); !safe) return safe;
  for (const auto& warning : exposure_warnings(config_, !keys_->empty())) spdlog::warn("{}", warning);
  auto loop = EventLoop::make();
  if (!loop) return std::unexpected(loop.error());
  loop_ = std::move(*loop);
  auto parts = Embedded::open(config_, [this] { loop_->wake(); });
  if (!parts) return std::unexpected(parts.error());
  parts_ = std::move(*parts);
  if (const auto& cut = parts_->log().cut()) {
    spdlog::warn("the log ended in a torn write that nobody was told of: {} bytes were cut from segment {} at byte {}",
                 cut->bytes, cut->segment.value, cut->at);
  }
  if (auto started = parts_->engine().start(wall_clock_ms()); !started) return started;
  return listen();
}

Result<void> Node::listen() {
  Engine& engine = parts_->engine();
  http_context_ = std::make_unique<HttpContext>(
      HttpContext{engine, config_.limits, config_.http_cors_origins, config_.future_ms_max, build_info().version,
                  [this] { return metrics_text(parts_->engine().stats(), server_stats()); },
                  [this] {
                    const auto stats = server_stats();
                    return std::vector<std::pair<std::string, std::uint64_t>>{
                        {"http_connections", stats.http_connections},
                        {"resp_connections", stats.resp_connections},
                        {"uptime_ms", static_cast<std::uint64_t>(steady_clock_us() - began_us_) / 1'000}};
                  }});
  resp_context_ =
      std::make_unique<RespContext>(RespContext{engine, config_.limits, config_.resp_namespaces, build_info().version,
                                                wall_clock_ms(), [this] { return server_stats().resp_connections; }});
  http_context_->keys = resp_context_->keys = &*keys_;
  http_context_->public_view = config_.http_public_view;
  if (auto joined = join_servers(); !joined) return joined;
  Result<void> result;
  listen_to(
      "http.listen", config_.http_listen, [this] { return std::make_unique<HttpSession>(*http_context_); }, http_,
      result);
  listen_to(
      "resp.listen", config_.resp_listen, [this] { return std::make_unique<RespSession>(*resp_context_); }, resp_,
      result);
  return result;
}

/// Makes the graph whole, and holds it against the model.
Result<void> Node::join_servers() {
  LiveGraph& graph = parts_->graph();
  join_servers_to(graph, parts_->engine(), http_context_->requests_beside, [this] { return server_stats(); });
  const auto model = read_architecture(architecture_text());
  if (!model) return failure(model.error().code, "architecture.sruja:" + model.error().what);
  const auto found = differences(*model, graph, "Embedded");
  for (const auto& difference : found) spdlog::warn("beside architecture.sruja: {}", difference);
  http_context_->graph = &graph;
  http_context_->architecture = architecture_answer(*model, found, "Embedded");
  return {};
}

void Node::listen_to(const std::string& name, const std::string& address,
                     std::function<std::unique_ptr<Session>()> make, std::unique_ptr<TcpServer>& server,
                     Result<void>& result) {
  if (address.empty() || !result) return;
  Engine& engine = parts_->engine();
  auto listening =
      TcpServer::listen(*loop_, {name, address, config_.limits, std::move(make), [&engine] { return engine.durable(); },
                                 [&engine] { return engine.now(); }, &clients_});
  if (!listening) {
    result = std::unexpected(listening.error());
    return;
  }
  server = std::move(*listening);
  spdlog::info("{} {}", name, server->address());
}

ServerStats Node::server_stats() const {
  ServerStats stats;
  if (http_) stats.http_connections = http_->connections(), stats.http_ended = http_->ended();
  if (resp_) stats.resp_connections = resp_->connections(), stats.resp_ended = resp_->ended();
  return stats;
}

int Node::run() {
  loop_->on_stop_signal([this] { stop(); });
  while (parts_->engine().state() != EngineState::kFailed && !stopped()) turn();
  const int code = run_down();
  // Sessions go before the engine that they point into.
  each_server([](TcpServer& server) { server.stop_accepting(); });
  http_.reset();
  resp_.reset();
  return code;
}

void Node::turn() {
  Engine& engine = parts_->engine();
  const auto wait = milliseconds(std::clamp<std::int64_t>(next_step_ - wall_clock_ms(), 0, 1'000));
  loop_->turn(commit_wait_us_ > 0 ? std::min<microseconds>(wait, microseconds(commit_wait_us_)) : wait);
  commit_wait_us_ = pacer_.wait(steady_clock_us(), engine.events_taken(), engine.commits_begun());
  next_step_ = engine.step(wall_clock_ms(), commit_wait_us_ == 0);
  each_server([&](TcpServer& server) {
    if (server.after_step()) next_step_ = engine.now();
  });
  if (!ready_told_) tell_progress();
  if (stop_by_ != 0) each_server([](TcpServer& server) { server.close_idle(); });
}

void Node::tell_progress() {
  const Engine& engine = parts_->engine();
  if (engine.state() == EngineState::kServing) {
    ready_told_ = true;
    spdlog::info("ready: data in {}, {} counters, log at offset {}", parts_->directory().path(),
                 engine.stats().counters, engine.newest().value);
  } else if (engine.now() - told_at_ >= kProgressMs && engine.state() == EngineState::kRecovering) {
    told_at_ = engine.now();
    spdlog::info("reading the log: {} offsets to go", engine.stats().replay_frames_left);
  }
}

void Node::stop() {
  if (stop_by_ != 0) {
    spdlog::warn("stopped by a second signal, without waiting; the log has everything that was acknowledged");
    std::_Exit(EXIT_FAILURE);
  }
  spdlog::info("stopping");
  stop_by_ = wall_clock_ms() + kStopMs;
  each_server([](TcpServer& server) { server.stop_accepting(); });
  parts_->engine().drain();
}

bool Node::stopped() const {
  if (stop_by_ == 0) return false;
  if (wall_clock_ms() >= stop_by_) return true;
  const auto stats = server_stats();
  return parts_->engine().state() == EngineState::kStopped && stats.http_connections + stats.resp_connections == 0;
}

int Node::run_down() {
  Engine& engine = parts_->engine();
  if (engine.state() == EngineState::kFailed) {
    spdlog::error("{}", engine.failure().what);
    const auto until = wall_clock_ms() + kFailMs;
    each_server([](TcpServer& server) {
      server.stop_accepting();
      server.fail();
    });
    for (auto stats = server_stats(); stats.http_connections + stats.resp_connections > 0 && wall_clock_ms() < until;
         stats = server_stats()) {
      each_server([](TcpServer& server) {
        server.after_step();
        server.close_idle();
      });
      loop_->turn(10ms);
    }
    return EXIT_FAILURE;
  }
  if (engine.state() != EngineState::kStopped) {
    spdlog::warn("not everything reached the store in time; the log has it, and the next start reads it");
  }
  spdlog::info("stopped");
  return EXIT_SUCCESS;
}

}  // namespace

int serve(const Config& config) {
  tune_allocator();
  set_up_log_lines(config);
  std::signal(SIGPIPE, SIG_IGN);
  if (!config.phases_file.empty()) {
    if (auto published = publish_phases(config.phases_file); !published) {
      spdlog::error("diagnostics.phases_file: {}", published.error().what);
      return EXIT_FAILURE;
    }
  }
  Node node(config);
  if (auto opened = node.open(); !opened) {
    spdlog::error("{}", opened.error().what);
    return EXIT_FAILURE;
  }
  return node.run();
}

}  // namespace quipu
