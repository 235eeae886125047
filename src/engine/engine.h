#pragma once
// DRAFT of the interface that sessions use; the implementation is on its way.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/identifiers.h"
#include "base/result.h"
#include "engine/operation.h"
#include "ingest/namespaces.h"

namespace quipu {

class EventLog;
class CounterStore;

/// One shard of a counter, as `?shards=1` and the page show it.
struct ShardView {
  Generation generation{};
  PartitionId partition{};
  std::int64_t total = 0;
  std::uint64_t events = 0;
  Epoch epoch{};
  Offset applied{};
  bool counts = true;  ///< False where an older epoch keeps it out of the sum.
};

struct NamedTotal {
  std::string counter;
  std::int64_t value = 0;
};

struct ScanPage {
  std::vector<NamedTotal> counters;  ///< Existing ones only. May be empty before the end.
  std::uint64_t next = 0;            ///< Where to go on; 0 at the end.
  Offset durable_at{};
};

struct PartitionStats {
  PartitionId partition{};
  Offset read{};          ///< How far the aggregator has read.
  Offset flushed{};       ///< Rows up to here are in the store.
  Offset watermark{};     ///< Recovery starts here.
  std::uint64_t ids = 0;  ///< Distinct ids in the window now.
  std::uint64_t ids_max = 0;
  TimeMs oldest_id_time = 0;  ///< When the oldest id in the window came; 0 when it is empty.
  std::uint64_t sources = 0;
};

struct EngineStats {
  std::uint64_t events_accepted = 0;
  std::uint64_t events_duplicate = 0;
  std::uint64_t operations_refused = 0;
  std::uint64_t operations_busy = 0;
  std::uint64_t frames_written = 0;
  std::uint64_t bytes_written = 0;  ///< Of frames.
  std::uint64_t commits = 0;
  std::uint64_t flushes = 0;
  std::uint64_t rows_flushed = 0;
  std::uint64_t rows_loaded = 0;
  std::uint64_t rows_evicted = 0;
  std::uint64_t saturations = 0;
  std::uint64_t counters = 0;  ///< That exist.
  std::uint64_t table_rows = 0;
  std::uint64_t table_bytes = 0;
  std::uint64_t dirty_rows = 0;
  std::uint64_t parked_batches = 0;
  std::uint64_t replayed_frames = 0;
  std::uint64_t replay_frames_left = 0;  ///< 0 when recovery is over.
  Offset durable{};
  Offset newest{};  ///< The newest offset given out, durable or not.
  std::vector<PartitionStats> partitions;
};

enum class EngineState : std::uint8_t {
  kRecovering,  ///< Replaying the log; takes no operations yet.
  kServing,
  kDraining,  ///< Takes no new operations; commits and flushes what is there.
  kStopped,   ///< Drained: everything acknowledged is in the store.
  kFailed,    ///< The log or an invariant failed; `failure()` says what. Held replies must be answered as unknown.
};

/// The deterministic step machine that owns every counter of the process: tables, windows, open frames.
///
/// Sessions hand in batches; shells call `step` whenever something may have happened, and hand in the time.
/// No clock, thread, socket or file. Thread: all calls on one thread.
class Engine {
 public:
  EngineState state() const;
  const Error& failure() const;

  /// Takes a batch. Answers at once through `client.batch_done` where every row is in memory, else later (then
  /// `submit` returns false, and the batch, its bytes and the client must stay until `batch_done`).
  bool submit(Batch& batch, BatchClient& client);

  /// Every reply whose batch has `durable_at` at or below this may leave.
  Offset durable() const;

  /// The time of the last step, in milliseconds since 1970.
  TimeMs now() const;

  // What sessions need beside operations. All of these answer at once.
  const LogIdentity& identity() const;
  const HashSecret& secret() const;
  NamespaceRegistry& namespaces();
  /// The last sequence of (namespace, source), the newest over all partitions; 0 when it is unknown.
  std::uint64_t last_sequence(const Hash128& source) const;
  /// The shards of a counter that is in memory; call after a kRead of it in the same turn.
  std::vector<ShardView> shards(NamespaceId space, std::string_view counter) const;
  /// How many counters of these namespaces exist.
  std::uint64_t count(const std::vector<NamespaceId>& spaces) const;
  EngineStats stats() const;

  // What needs more than one turn. Each calls its function once, later or at once.
  /// A page of the counters that exist, from `cursor` (0 = the beginning), about `limit` of them.
  void scan(const std::vector<NamespaceId>& spaces, std::uint64_t cursor, std::size_t limit,
            std::function<void(Result<ScanPage>)> done);
  /// The counters with the largest totals of a namespace, by a bounded scan.
  void top(NamespaceId space, std::size_t limit, std::function<void(Result<ScanPage>)> done);
  /// Resets every counter of these namespaces. The answer is the offset to wait for.
  void reset_all(const std::vector<NamespaceId>& spaces, std::function<void(Result<Offset>)> done);
  /// Changes a namespace's policy and answers when that is durable.
  void put_namespace(std::string_view name, const NamespacePolicy& policy, std::function<void(Result<void>)> done);
};

}  // namespace quipu
