#include "cluster/cluster_verbs.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>

#include "cluster/api_role.h"
#include "cluster/worker_role.h"
#include "node/host.h"
#include "node/node_clock.h"

namespace quipu {
namespace {

using namespace std::chrono_literals;

/// How long workers get to flush and hand over when the process ends.
constexpr TimeMs kHandOverMs = 30'000;

Result<int> serve_clients(const Config& config, Host& host) {
  auto opened = ApiRole::open(config, [&host] { host.wake(); });
  if (!opened) return std::unexpected(opened.error());
  ApiRole& role = **opened;
  ApiNode& node = role.node();
  auto listening = host.listen({
      .service = node,
      .graph = role.graph(),
      .crossings = ServersGraph{"stateless nodes of the same program", node.counted(),
                                node.producer().stats().frames_sent, node.reader().stats().store_loads},
      .form = "Distributed",
      .whole = false,
      .resp_namespaces = role.identity().resp_namespaces,
      .metrics = [&role](const ServerStats& servers) { return role.metrics(servers); },
      .ready =
          [&] {
            return fmt::format("log: topic {} at {}, store: {}, cache: {}", config.cluster.kafka_topic,
                               config.cluster.kafka_brokers, config.cluster.store_kind, config.cluster.cache_kind);
          },
      .unfinished = "not every write was acknowledged in time; those that were not got no answer",
      .commit_wait_us = {},
  });
  if (!listening) return std::unexpected(listening.error());
  return host.run();
}

Result<int> api(const Config& config) {
  if (auto ready = set_up_process(config); !ready) return std::unexpected(ready.error());
  Host host(config);
  if (auto opened = host.open(); !opened) return std::unexpected(opened.error());
  return serve_clients(config, host);
}

Result<int> workers(const Config& config) {
  if (auto ready = set_up_process(config); !ready) return std::unexpected(ready.error());
  // Its servers show health and metrics alone.
  Config shown = config;
  shown.http_listen = config.cluster.worker_listen;
  shown.resp_listen = "";
  Host host(shown);
  if (auto opened = host.open(); !opened) return std::unexpected(opened.error());
  auto opened = WorkerRole::open(config, [&host] { host.wake(); });
  if (!opened) return std::unexpected(opened.error());
  WorkerRole& role = **opened;
  auto listening = host.listen({
      .service = role,
      .graph = role.graph(),
      .crossings = {},
      .form = "Distributed",
      .whole = false,
      .resp_namespaces = {},
      .metrics = [&role](const ServerStats& servers) { return role.metrics(servers); },
      .ready =
          [&] {
            return fmt::format("{} workers of group {}, topic {} at {}, store: {}", config.cluster.workers,
                               config.cluster.kafka_group, config.cluster.kafka_topic, config.cluster.kafka_brokers,
                               config.cluster.store_kind);
          },
      .unfinished = "not everything reached the store in time; the log has it, and other workers read it from there",
      .commit_wait_us = {},
  });
  if (!listening) return std::unexpected(listening.error());
  return host.run();
}

/// Clients first, so that the workers have all that was acknowledged when they flush for the last time.
Result<int> both(const Config& config) {
  if (auto ready = set_up_process(config); !ready) return std::unexpected(ready.error());
  Host host(config);
  if (auto opened = host.open(); !opened) return std::unexpected(opened.error());
  auto opened = WorkerRole::open(config, [] {});
  if (!opened) return std::unexpected(opened.error());
  WorkerRole& role = **opened;
  auto code = serve_clients(config, host);
  if (!code) return code;
  role.drain();
  const auto until = wall_clock_ms() + kHandOverMs;
  while (role.state() != EngineState::kStopped && wall_clock_ms() < until) {
    role.step(wall_clock_ms());
    std::this_thread::sleep_for(10ms);
  }
  if (role.state() != EngineState::kStopped) {
    spdlog::warn("not everything reached the store in time; the log has it, and the next start reads it");
  }
  return code;
}

int code_of(const Result<int>& code) {
  if (code) return *code;
  spdlog::error("{}", code.error().what);
  return EXIT_FAILURE;
}

}  // namespace

int serve_api(const Config& config) { return code_of(api(config)); }
int run_workers(const Config& config) { return code_of(workers(config)); }
int serve_cluster(const Config& config) { return code_of(both(config)); }

}  // namespace quipu
