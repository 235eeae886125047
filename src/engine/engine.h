#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/identifiers.h"
#include "base/result.h"
#include "engine/applier.h"
#include "engine/core.h"
#include "engine/engine_options.h"
#include "engine/engine_stats.h"
#include "engine/flusher.h"
#include "engine/jobs.h"
#include "engine/operation.h"
#include "engine/recovery.h"
#include "engine/views.h"
#include "ingest/namespaces.h"

namespace quipu {

enum class EngineState : std::uint8_t {
  kRecovering,  ///< Replaying the log; takes no operations yet.
  kServing,
  kDraining,  ///< Takes no new operations; commits and flushes what is there.
  kStopped,   ///< Drained: everything acknowledged is in the store.
  kFailed,    ///< The log or the store failed for good; `failure()` says how. Held replies must be answered as unknown.
};

/// The deterministic step machine that owns every counter of the process: tables, windows, open frames.
///
///   batches ─► applier ─► tables (speculative) + open frames ─► log ─► durable: replies may leave
///                                     └─► flusher ─► store (only what is durable)
///
/// Sessions hand in batches; shells call `step` whenever something may have happened, and hand in the time. A row above
/// the durable offset is speculative: it is neither flushed, evicted nor shown, so no reply can be taken back by a
/// crash. No clock, thread, socket or file. All calls on one thread. The log and the store must outlive it.
class Engine {
 public:
  Engine(const EngineOptions& options, EventLog& log, CounterStore& store);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Begins recovery. Waits for the store; `step` does the rest. kDamaged where the log and the store do not fit
  /// together.
  Result<void> start(TimeMs now);

  /// Does everything that can be done at `now`: completions, commits, flushes, a stretch of a replay. Never waits.
  /// Answers when it wants to be called again if nothing else happens before: `now` means at once. With `may_commit`
  /// false the frames that are being filled wait for more (CommitPacer).
  TimeMs step(TimeMs now, bool may_commit = true);

  EngineState state() const { return state_; }
  /// Why the state is kFailed.
  const Error& failure() const { return failure_; }

  /// Takes no more operations, and goes on to kStopped as soon as all that was taken is committed and flushed.
  void drain();

  /// Takes a batch. Answers at once through `client.batch_done` where every row is in memory, else later (then `submit`
  /// returns false, and the batch, its bytes and the client must stay until `batch_done`).
  bool submit(Batch& batch, BatchClient& client);

  /// Every reply whose batch has `durable_at` at or below this may leave.
  Offset durable() const { return core_.durable; }
  /// The newest offset that was given out, durable or not.
  Offset newest() const { return core_.newest; }
  /// Events that were taken since the start, and commits that were begun: what a CommitPacer goes by.
  std::uint64_t events_taken() const { return core_.stats.events_accepted; }
  std::uint64_t commits_begun() const { return core_.stats.commits; }
  /// The time of the last step, in milliseconds since 1970.
  TimeMs now() const { return core_.now; }

  // What sessions need beside operations. All of these answer at once.
  const LogIdentity& identity() const { return core_.log.identity(); }
  const HashSecret& secret() const { return core_.options.secret; }
  NamespaceRegistry& namespaces() { return core_.spaces; }
  /// The last sequence of (namespace, source), the newest over all partitions; 0 when it is unknown.
  std::uint64_t last_sequence(const Hash128& source) const { return applier_.last_sequence(source); }
  /// The shards of a counter that is in memory; call after a kRead of it in the same turn.
  std::vector<ShardView> shards(NamespaceId space, std::string_view counter) const;
  /// How many counters of these namespaces exist. Exact.
  std::uint64_t count(const std::vector<NamespaceId>& spaces) const;
  EngineStats stats() const;
  /// The plain counters of `stats` alone, which stay where they are: what counts up by itself can be pointed at.
  const EngineStats& counted() const { return core_.stats; }

  // What needs more than one turn. Each calls its function once, later or at once.
  /// A page of the counters that exist, from `cursor` (0 = the beginning), about `limit` of them.
  void scan(const std::vector<NamespaceId>& spaces, std::uint64_t cursor, std::size_t limit,
            std::function<void(Result<ScanPage>)> done);
  /// The counters in memory with the largest totals of a namespace.
  void top(NamespaceId space, std::size_t limit, std::function<void(Result<ScanPage>)> done);
  /// Resets every counter of these namespaces. The answer is the offset to wait for.
  void reset_all(const std::vector<NamespaceId>& spaces, std::function<void(Result<Offset>)> done);
  /// Makes a namespace or changes its policy, and answers when that is durable.
  void put_namespace(std::string_view name, const NamespacePolicy& policy, std::function<void(Result<void>)> done);

 private:
  struct Parked {
    Batch* batch;
    BatchClient* client;
    std::vector<CounterIndex> pinned;
    std::vector<CounterKey> missing;
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
  EngineState state_ = EngineState::kRecovering;
  Error failure_;
  std::list<Parked> parked_;
  std::vector<CounterIndex> counters_;
  std::vector<std::uint32_t> tags_;
  std::vector<OpenFrames::Submitted> submitted_;
  std::vector<LogCompletion> completions_;
  std::size_t table_size_ = 0;  // After the last eviction.
  bool more_work_ = false;
  bool drain_flush_asked_ = false;
};

}  // namespace quipu
