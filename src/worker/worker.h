#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/identifiers.h"
#include "worker/owned_partition.h"
#include "worker/partition_health.h"
#include "worker/worker_core.h"
#include "worker/worker_options.h"

namespace quipu {

/// The aggregator of a log that several processes share: owns the partitions that the group assigns, sums their events,
/// and keeps the store's rows of those partitions up to the log.
///
///   group ─ assigned, revoked, lost ─►┌────────┐◄─ frames ─ log
///                                     │ worker │─ rows ─► store, then cache     (RESETs) ─► other partitions' logs
///                  hint ◄─────────────└────────┘─ watermark, later ─► store
///
/// Promises: a row that it writes is the total of the log's prefix up to the row's offset, and of a shard of a
/// partition that it owned when it read that prefix; so it does no harm where another worker believes the same (design:
/// a zombie). A watermark is written only when every row up to it was acknowledged `commit_delay_ms` before, and every
/// RESET up to it stands in every partition. Nothing waits: a partition whose rows are missing, whose store is slow or
/// whose log is damaged holds up no other. Memory is bounded by the options: above them, reading pauses.
///
/// What it needs of the store: an older row, watermark or base loses against a newer one (by generation and offset);
/// after it may have forgotten, no row that rests on a later load, no watermark and no base is written before kForgot
/// is completed; and `commit_delay_ms` covers the store's own sync interval and the time until that news.
///
/// Pure: time comes in with `step`. All calls on one thread.
class Worker {
 public:
  Worker(const WorkerOptions& options, const WorkerParts& parts);
  ~Worker();

  /// One turn: takes what has become known, and does what can be done now. `steady` (milliseconds) only ever rises, and
  /// waits go by it; `wall` is the time of day, and may jump.
  void step(TimeMs steady, TimeMs wall);
  /// When the next step is needed if nothing becomes known before, by the steady clock.
  TimeMs due() const;

  /// The process is to end: every partition is flushed and released, and none is taken any more. Then the process
  /// leaves the group.
  void drain();
  bool drained() const { return draining_ && partitions_.empty(); }

  /// Of every partition that it owns, in their order.
  std::vector<PartitionHealth> health() const;
  const WorkerStats& stats() const { return core_.stats; }
  /// Why no partition is read at all; empty if that is not so.
  const std::string& alarm() const { return alarm_; }

 private:
  struct Owned {
    std::unique_ptr<OwnedPartition> partition;
    bool paused = false;
    bool revoked = false;  // The group waits for `released`.
  };

  void take_changes();
  void assign(PartitionId partition, std::optional<RestoredPlace> trimmed_at);
  void begin_again();
  void forgot();
  bool may_read();
  void pause(PartitionId partition, Owned& owned, bool paused);
  void drop_released();
  void bound_memory();
  void tell_flushed();

  WorkerCore core_;
  std::map<PartitionId, Owned> partitions_;
  Owner next_owner_ = 1;
  bool reading_ = true;  // False from the bound on dirty rows or memory until there is room again.
  bool draining_ = false;
  bool telling_ = false;  // Marks of what was flushed are on their way.
  TimeMs told_at_ = 0;
  std::string alarm_;
  std::vector<LogGroup::Change> changes_;
};

}  // namespace quipu
