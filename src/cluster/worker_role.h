#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/identifiers.h"
#include "cluster/worker_thread.h"
#include "engine/counter_service.h"
#include "ingest/namespaces.h"
#include "model/live_graph.h"
#include "node/config.h"
#include "node/metrics.h"
#include "node/random_value.h"

namespace quipu {

/// The workers of a process, as the service that its servers show: health and metrics. Whoever asks it for a counter
/// is told to ask an API node.
///
/// Thread: the one that opened it.
class WorkerRole final : public CounterService {
 public:
  static constexpr const char* kNoCounters =
      "this process is a worker: it counts, and has no counters to show; ask an API node (`quipu api`)";

  /// Starts `worker.count` workers; waits for the servers. `wake` is called on other threads when a step has something
  /// to do. Errors say what to do.
  static Result<std::unique_ptr<WorkerRole>> open(const Config& config, const std::function<void()>& wake);

  void tick(TimeMs) override {}  ///< It takes nothing.
  /// kStopped as soon as all that were drained have ended.
  TimeMs step(TimeMs now, bool may_commit = true) override;
  void drain() override;

  bool submit(Batch& batch, BatchClient& client) override;
  Offset durable() const override { return kNoOffset; }
  Offset newest() const override { return kNoOffset; }
  Result<Reach> reach(std::span<const Position>) override;
  std::uint64_t last_sequence(const Hash128&) const override { return 0; }
  std::vector<ShardView> shards(NamespaceId, std::string_view) const override { return {}; }
  std::uint64_t count(const std::vector<NamespaceId>&) const override { return 0; }
  EngineStats stats() const override;
  void scan(const std::vector<NamespaceId>& spaces, std::uint64_t cursor, std::size_t limit,
            std::function<void(Result<ScanPage>)> done) override;
  void top(NamespaceId space, std::size_t limit, std::function<void(Result<ScanPage>)> done) override;
  void reset_all(const std::vector<NamespaceId>& spaces, std::function<void(Result<Offset>)> done) override;
  void put_namespace(std::string_view name, const NamespacePolicy& policy,
                     std::function<void(Result<void>)> done) override;

  /// How each stands.
  std::vector<WorkerReport> reports() const;
  std::string metrics(const ServerStats& servers) const;
  /// What the workers are in the model, and what has crossed to and from them as of the last step.
  LiveGraph& graph() { return graph_; }

 private:
  explicit WorkerRole(const Config& config)
      : config_(config.cluster), spaces_(config.namespaces_max, false, random_value<std::uint64_t>()) {
    show({&identity_, &secret_, &spaces_, &now_});
    no_counters_ = kNoCounters;
  }

  void join_parts();
  void count();

  const ClusterConfig config_;
  LogIdentity identity_;
  HashSecret secret_;
  NamespaceRegistry spaces_;
  TimeMs now_ = 0;
  std::vector<std::unique_ptr<WorkerThread>> workers_;
  EngineStats counted_;
  std::uint64_t rows_cached_ = 0;
  LiveGraph graph_;
};

}  // namespace quipu
