#include "node/host.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "base/build_info.h"
#include "base/phases.h"
#include "http/architecture_answer.h"
#include "http/session.h"
#include "model/sruja.h"
#include "node/allocator.h"
#include "node/log_lines.h"
#include "node/node_clock.h"
#include "node/safe_start.h"
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

}  // namespace

Result<void> set_up_process(const Config& config) {
  tune_allocator();
  set_up_log_lines(config);
  std::signal(SIGPIPE, SIG_IGN);
  if (config.phases_file.empty()) return {};
  auto published = publish_phases(config.phases_file);
  if (!published) return failure(published.error().code, "diagnostics.phases_file: " + published.error().what);
  return {};
}

Host::Host(const Config& config) : config_(config), began_us_(steady_clock_us()) {}
Host::~Host() = default;

Result<void> Host::open() {
  auto keys = load_api_keys(config_);
  if (!keys) return std::unexpected(keys.error());
  keys_.emplace(std::move(*keys));
  if (auto safe = check_exposure(config_, !keys_->empty()); !safe) return safe;
  for (const auto& warning : exposure_warnings(config_, !keys_->empty())) spdlog::warn("{}", warning);
  auto loop = EventLoop::make();
  if (!loop) return std::unexpected(loop.error());
  loop_ = std::move(*loop);
  return {};
}

Result<void> Host::listen(Served served) {
  served_.emplace(std::move(served));
  CounterService& service = served_->service;
  http_context_ = std::make_unique<HttpContext>(
      HttpContext{service, config_.limits, config_.http_cors_origins, config_.future_ms_max, build_info().version,
                  [this] { return served_->metrics(server_stats()); },
                  [this] {
                    const auto stats = server_stats();
                    return std::vector<std::pair<std::string, std::uint64_t>>{
                        {"http_connections", stats.http_connections},
                        {"resp_connections", stats.resp_connections},
                        {"uptime_ms", static_cast<std::uint64_t>(steady_clock_us() - began_us_) / 1'000}};
                  }});
  resp_context_ =
      std::make_unique<RespContext>(RespContext{service, config_.limits, served_->resp_namespaces, build_info().version,
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
Result<void> Host::join_servers() {
  LiveGraph& graph = served_->graph;
  if (served_->crossings) {
    join_servers_to(graph, *served_->crossings, http_context_->requests_beside, [this] { return server_stats(); });
  }
  const auto model = read_architecture(architecture_text());
  if (!model) return failure(model.error().code, "architecture.sruja:" + model.error().what);
  std::vector<std::string> found;
  if (served_->whole) found = differences(*model, graph, served_->form);
  for (const auto& difference : found) spdlog::warn("beside architecture.sruja: {}", difference);
  http_context_->graph = &graph;
  http_context_->architecture = architecture_answer(*model, found, served_->form);
  return {};
}

void Host::listen_to(const std::string& name, const std::string& address,
                     std::function<std::unique_ptr<Session>()> make, std::unique_ptr<TcpServer>& server,
                     Result<void>& result) {
  if (address.empty() || !result) return;
  CounterService& service = served_->service;
  auto listening = TcpServer::listen(
      *loop_, {name, address, config_.limits, std::move(make), [&service] { return service.durable(); },
               [] { return steady_clock_ms(); }, &clients_});
  if (!listening) {
    result = std::unexpected(listening.error());
    return;
  }
  server = std::move(*listening);
  spdlog::info("{} {}", name, server->address());
}

ServerStats Host::server_stats() const {
  ServerStats stats;
  if (http_) stats.http_connections = http_->connections(), stats.http_ended = http_->ended();
  if (resp_) stats.resp_connections = resp_->connections(), stats.resp_ended = resp_->ended();
  return stats;
}

int Host::run() {
  loop_->on_stop_signal([this] { stop(); });
  while (served_->service.state() != EngineState::kFailed && !stopped()) turn();
  const int code = run_down();
  // Sessions go before the engine that they point into.
  each_server([](TcpServer& server) { server.stop_accepting(); });
  http_.reset();
  resp_.reset();
  return code;
}

void Host::turn() {
  CounterService& service = served_->service;
  const auto wait = milliseconds(std::clamp<std::int64_t>(next_step_ - wall_clock_ms(), 0, 1'000));
  loop_->wait(commit_wait_us_ > 0 ? std::min<microseconds>(wait, microseconds(commit_wait_us_)) : wait);
  service.tick(wall_clock_ms());
  loop_->serve();
  if (served_->commit_wait_us) commit_wait_us_ = served_->commit_wait_us(steady_clock_us());
  next_step_ = service.step(wall_clock_ms(), commit_wait_us_ == 0);
  each_server([&](TcpServer& server) {
    if (server.after_step()) next_step_ = service.now();
  });
  if (!ready_told_) tell_progress();
  if (stop_by_ != 0) each_server([](TcpServer& server) { server.close_idle(); });
}

void Host::tell_progress() {
  const CounterService& service = served_->service;
  if (service.state() == EngineState::kServing) {
    ready_told_ = true;
    spdlog::info("ready: {}", served_->ready());
  } else if (steady_clock_ms() - told_at_ >= kProgressMs && service.state() == EngineState::kRecovering) {
    told_at_ = steady_clock_ms();
    spdlog::info("reading the log: {} offsets to go", service.stats().replay_frames_left);
  }
}

void Host::stop() {
  if (stop_by_ != 0) {
    spdlog::warn("stopped by a second signal, without waiting; the log has everything that was acknowledged");
    std::_Exit(EXIT_FAILURE);
  }
  spdlog::info("stopping");
  stop_by_ = steady_clock_ms() + kStopMs;
  each_server([](TcpServer& server) { server.stop_accepting(); });
  served_->service.drain();
}

bool Host::stopped() const {
  if (stop_by_ == 0) return false;
  if (steady_clock_ms() >= stop_by_) return true;
  const auto stats = server_stats();
  return served_->service.state() == EngineState::kStopped && stats.http_connections + stats.resp_connections == 0;
}

int Host::run_down() {
  CounterService& service = served_->service;
  if (service.state() == EngineState::kFailed) {
    spdlog::error("{}", service.failure().what);
    const auto until = steady_clock_ms() + kFailMs;
    each_server([](TcpServer& server) {
      server.stop_accepting();
      server.fail();
    });
    for (auto stats = server_stats(); stats.http_connections + stats.resp_connections > 0 && steady_clock_ms() < until;
         stats = server_stats()) {
      each_server([](TcpServer& server) {
        server.after_step();
        server.close_idle();
      });
      loop_->turn(10ms);
    }
    return EXIT_FAILURE;
  }
  if (service.state() != EngineState::kStopped) {
    spdlog::warn("{}", served_->unfinished);
  }
  spdlog::info("stopped");
  return EXIT_SUCCESS;
}

}  // namespace quipu
