#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/counter_service.h"
#include "http/context.h"
#include "ingest/api_keys.h"
#include "model/live_graph.h"
#include "net/clients_memory.h"
#include "net/event_loop.h"
#include "net/tcp_server.h"
#include "node/config.h"
#include "node/metrics.h"
#include "node/servers_graph.h"
#include "resp/context.h"

namespace quipu {

/// What a process serves, and how it shows it. All of it outlives the host.
struct Served {
  CounterService& service;
  LiveGraph& graph;  ///< Of what stands behind the servers; the host joins the servers to it.
  /// What crosses from the servers to the parts behind them; nullopt where the servers are not the model's API.
  std::optional<ServersGraph> crossings;
  std::string form;  ///< Whose technologies of architecture.sruja these are.
  bool whole{};      ///< The process is all of the system: what differs from the model is told.
  std::vector<std::string> resp_namespaces;
  std::function<std::string(const ServerStats&)> metrics;  ///< The body of `/metrics`.
  std::function<std::string()> ready;                      ///< What is said once it serves.
  std::string unfinished;                                  ///< What is said when a stop took too long.
  /// Microseconds, by the steady clock, until frames that wait for more go to the log. Null: it never waits.
  std::function<std::int64_t(std::int64_t now_us)> commit_wait_us;
};

/// The servers of a process, the loop that serves them and drives what is behind them, and its orderly stop.
///
///   sockets ─► loop ─► sessions ─► service ─ step ─► replies that may leave
///
/// Thread: the one that made it.
class Host {
 public:
  explicit Host(const Config& config);
  ~Host();

  /// Reads the keys and refuses to be open to others without them; makes the loop. First of all.
  Result<void> open();
  /// Makes `run`'s loop turn. Any thread, once `open` is through.
  void wake() const { loop_->wake(); }

  /// Listens for clients of `served`.
  Result<void> listen(Served served);
  /// Serves until it is told to stop, or the service fails. Answers the exit code.
  int run();

 private:
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
  std::optional<Served> served_;
  std::unique_ptr<HttpContext> http_context_;
  std::unique_ptr<RespContext> resp_context_;
  std::unique_ptr<TcpServer> http_;
  std::unique_ptr<TcpServer> resp_;
  const std::int64_t began_us_;
  TimeMs next_step_ = 0;
  std::int64_t commit_wait_us_ = 0;  // Until the frames that wait for more go to the log.
  TimeMs stop_by_ = 0;               // By the steady clock; 0: no stop was asked for.
  TimeMs told_at_ = 0;               // By the steady clock.
  bool ready_told_ = false;
};

/// What every verb that serves does first: memory, log lines, signals, `diagnostics.phases_file`. kRefused names it.
Result<void> set_up_process(const Config& config);

}  // namespace quipu
