#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/identifiers.h"
#include "base/result.h"
#include "engine/applier.h"
#include "engine/core.h"
#include "engine/counter_service.h"
#include "engine/engine_options.h"
#include "engine/engine_stats.h"
#include "engine/flusher.h"
#include "engine/jobs.h"
#include "engine/operation.h"
#include "engine/recovery.h"
#include "engine/views.h"

namespace quipu {

/// The deterministic step machine that owns every counter of the process: tables, windows, open frames.
///
///   batches ─► applier ─► tables (speculative) + open frames ─► log ─► durable: replies may leave
///                                     └─► flusher ─► store (only what is durable)
///
/// Sessions hand in batches; shells call `step` whenever something may have happened, and hand in the time. A row above
/// the durable offset is speculative: it is neither flushed, evicted nor shown, so no reply can be taken back by a
/// crash. No clock, thread, socket or file. All calls on one thread. The log and the store must outlive it.
class Engine final : public CounterService {
 public:
  Engine(const EngineOptions& options, EventLog& log, CounterStore& store);
  ~Engine() override;

  /// Begins recovery. Waits for the store; `step` does the rest. kDamaged where the log and the store do not fit
  /// together.
  Result<void> start(TimeMs now);

  void tick(TimeMs now) override { core_.now = now; }
  /// Completions, commits, flushes, a stretch of a replay. `may_commit`: see CommitPacer.
  TimeMs step(TimeMs now, bool may_commit = true) override;
  void drain() override;

  /// Answers at once where every row is in memory.
  bool submit(Batch& batch, BatchClient& client) override;

  Offset durable() const override { return core_.durable; }
  /// The newest offset that was given out, durable or not.
  Offset newest() const override { return core_.newest; }
  Result<Reach> reach(std::span<const Position> after) override;

  /// Events that were taken since the start, and commits that were begun: what a CommitPacer goes by.
  std::uint64_t events_taken() const { return core_.stats.events_accepted; }
  std::uint64_t commits_begun() const { return core_.stats.commits; }

  /// The newest over all partitions.
  std::uint64_t last_sequence(const Hash128& source) const override { return applier_.last_sequence(source); }
  std::vector<ShardView> shards(NamespaceId space, std::string_view counter) const override;
  /// Exact.
  std::uint64_t count(const std::vector<NamespaceId>& spaces) const override;
  EngineStats stats() const override;
  /// The plain counters of `stats` alone, which stay where they are: what counts up by itself can be pointed at.
  const EngineStats& counted() const { return core_.stats; }

  void scan(const std::vector<NamespaceId>& spaces, std::uint64_t cursor, std::size_t limit,
            std::function<void(Result<ScanPage>)> done) override;
  /// Of those in memory.
  void top(NamespaceId space, std::size_t limit, std::function<void(Result<ScanPage>)> done) override;
  void reset_all(const std::vector<NamespaceId>& spaces, std::function<void(Result<Offset>)> done) override;
  void put_namespace(std::string_view name, const NamespacePolicy& policy,
                     std::function<void(Result<void>)> done) override;

 private:
  struct Parked {
    Batch* batch;
    BatchClient* client;
    std::vector<CounterIndex> pinned;
    std::vector<CounterKey> missing;
  };

  /// A counter while it is looked up.
  struct LookedUp {
    std::uint32_t tag;
    RecordRef likely;
  };

  void resolve(const Batch& batch, std::vector<CounterIndex>& counters, bool& missing);
  void park(Batch& batch, BatchClient& client);
  void unpark(std::list<Parked>::iterator parked, StoreCompletion& completion);
  static void answer_all(Batch& batch, Code code, const char* text, std::int64_t retry_after_ms);

  void take_log_completions();
  void recover();
  void commit();
  void evict();
  void finish_drain();
  void fail(Error error);
  TimeMs next_step() const;

  Core core_;
  Applier applier_;
  Flusher flusher_;
  Jobs jobs_;
  std::unique_ptr<Recovery> recovery_;
  std::list<Parked> parked_;
  std::vector<CounterIndex> counters_;
  std::vector<LookedUp> looked_up_;
  std::vector<OpenFrames::Submitted> submitted_;
  std::vector<LogCompletion> completions_;
  std::size_t table_size_ = 0;  // After the last eviction.
  bool more_work_ = false;
  bool drain_flush_asked_ = false;
};

}  // namespace quipu
