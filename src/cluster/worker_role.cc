#include "cluster/worker_role.h"

#include <algorithm>
#include <utility>

#include "cluster/cluster_metrics.h"
#include "node/metric_families.h"

namespace quipu {
namespace {

constexpr TimeMs kStepMs = 1'000;

std::unexpected<Error> refused() { return failure(Code::kRefused, WorkerRole::kNoCounters); }

EngineStats sum_of(const std::vector<WorkerReport>& reports) {
  EngineStats stats;
  for (const WorkerReport& report : reports) {
    stats.frames_delivered += report.stats.frames;
    stats.flushes += report.stats.flushes;
    stats.rows_flushed += report.stats.rows_flushed;
    stats.rows_loaded += report.stats.rows_loaded;
    stats.rows_evicted += report.stats.rows_evicted;
    stats.saturations += report.stats.saturations;
    for (const PartitionHealth& health : report.partitions) {
      PartitionStats partition;
      partition.partition = health.partition;
      partition.read = health.read;
      partition.flushed = health.flushed;
      partition.watermark = health.watermark;
      stats.partitions.push_back(partition);
    }
  }
  return stats;
}

}  // namespace

Result<std::unique_ptr<WorkerRole>> WorkerRole::open(const Config& config, const std::function<void()>& wake) {
  std::unique_ptr<WorkerRole> role(new WorkerRole(config));
  for (std::uint16_t number = 1; number <= config.cluster.workers; ++number) {
    auto worker = WorkerThread::start(config, number, wake);
    if (!worker) return std::unexpected(worker.error());
    role->workers_.push_back(std::move(*worker));
  }
  role->state_ = EngineState::kServing;
  role->join_parts();
  return role;
}

/// Beside the model (architecture.sruja).
void WorkerRole::join_parts() {
  graph_.join({"CounterService.Worker", "container", "workers of one consumer group", workers_.size()}, [this] {
    return LiveGraph::Figures{{"partitions", counted_.partitions.size()},
                              {"flushes", counted_.flushes},
                              {"rows_loaded", counted_.rows_loaded}};
  });
  graph_.join({"CounterService.EventLog", "CounterService.Worker"}, "frames", counted_.frames_delivered);
  graph_.join({"CounterService.Worker", "CounterService.DB"}, "rows", counted_.rows_flushed);
  if (config_.cache_kind == "redis") {
    graph_.join({"CounterService.Worker", "CounterService.Cache"}, "rows", rows_cached_);
  }
}

void WorkerRole::count() {
  const auto all = reports();
  counted_ = sum_of(all);
  std::uint64_t dropped = 0;
  for (const WorkerReport& report : all) dropped += report.cache.dropped;
  rows_cached_ = counted_.rows_flushed - std::min(dropped, counted_.rows_flushed);
}

TimeMs WorkerRole::step(TimeMs now, bool) {
  now_ = now;
  count();
  if (state_ == EngineState::kDraining &&
      std::ranges::all_of(workers_, [](const auto& worker) { return worker->drained(); })) {
    state_ = EngineState::kStopped;
  }
  return now + kStepMs;
}

void WorkerRole::drain() {
  state_ = EngineState::kDraining;
  for (const auto& worker : workers_) worker->drain();
}

bool WorkerRole::submit(Batch& batch, BatchClient& client) {
  batch.outcomes.assign(batch.operations.size(), Outcome{});
  batch.durable_at = kNoOffset;
  for (Outcome& outcome : batch.outcomes) {
    outcome.error = Code::kRefused;
    outcome.error_text = kNoCounters;
  }
  client.batch_done(batch);
  return true;
}

Result<CounterService::Reach> WorkerRole::reach(std::span<const Position>) { return refused(); }

EngineStats WorkerRole::stats() const { return sum_of(reports()); }

void WorkerRole::scan(const std::vector<NamespaceId>&, std::uint64_t, std::size_t,
                      std::function<void(Result<ScanPage>)> done) {
  done(refused());
}
void WorkerRole::top(NamespaceId, std::size_t, std::function<void(Result<ScanPage>)> done) { done(refused()); }
void WorkerRole::reset_all(const std::vector<NamespaceId>&, std::function<void(Result<Offset>)> done) {
  done(refused());
}
void WorkerRole::put_namespace(std::string_view, const NamespacePolicy&, std::function<void(Result<void>)> done) {
  done(refused());
}

std::vector<WorkerReport> WorkerRole::reports() const {
  std::vector<WorkerReport> all;
  all.reserve(workers_.size());
  for (const auto& worker : workers_) all.push_back(worker->report());
  return all;
}

std::string WorkerRole::metrics(const ServerStats& servers) const {
  MetricFamilies out;
  add_server_metrics(out, servers);
  add_worker_metrics(out, reports());
  return out.text();
}

}  // namespace quipu
