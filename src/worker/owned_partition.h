#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/identifiers.h"
#include "worker/partition_core.h"
#include "worker/partition_flush.h"
#include "worker/partition_health.h"
#include "worker/partition_reader.h"

namespace quipu {

/// One partition from its assignment until its state is dropped.
///
///   assigned ─► restored ─► ids rebuilt ─► read, applied, flushed ─► revoked ─► flushed once more ─► released
///                  ▲                              │                     (watermark only as far as its delay allows)
///                  └── a new object: may have forgotten, or was trimmed
///
/// Promise: after `stop`, or when it is destroyed, it writes nothing more. It never trusts a row that was loaded before
/// its assignment.
class OwnedPartition {
 public:
  /// `trimmed_at`: what it was restored from when it was found to be trimmed before.
  OwnedPartition(WorkerCore& worker, PartitionId partition, Owner owner, std::optional<RestoredPlace> trimmed_at);
  ~OwnedPartition();
  OwnedPartition(const OwnedPartition&) = delete;
  OwnedPartition& operator=(const OwnedPartition&) = delete;

  /// Does what can be done now. `may_read` false: begins no new stretch.
  void step(bool may_read);

  /// It was revoked: what was read goes to the store.
  void release();
  bool releasing() const { return released_by_.has_value(); }
  /// It is done with, and can be dropped.
  bool released() const;

  /// Stops for good. What was asked of the store may still arrive there; the answers are not waited for.
  void stop(const std::string& alarm);
  const std::string& alarm() const { return alarm_; }

  /// It has to be made anew, with `restored_from` as `trimmed_at`.
  bool begin_again() const { return alarm_.empty() && reader_.begin_again(); }
  /// What the store had when this partition was taken over.
  RestoredPlace restored_from() const { return reader_.restored_from(); }

  /// Drops clean rows until the table is within `bytes_max`, unless a stretch waits that needs them. How many went.
  std::size_t evict(std::size_t bytes_max);
  std::size_t table_bytes() const { return core_.totals.table().live_bytes(); }
  bool table_full() const { return core_.totals.table().full(); }
  std::size_t dirty_bytes() const { return core_.dirty_bytes(); }

  PartitionFlush& flush() { return flush_; }
  PartitionHealth health(bool paused) const;
  /// When a step is needed if nothing else happens, by the steady clock.
  TimeMs due() const;

 private:
  static constexpr std::size_t kAwakeShare = 128;
  static constexpr std::size_t kEvictVisits = 100'000;

  PartitionHealth::State state(bool paused) const;

  PartitionCore core_;
  PartitionReader reader_;
  PartitionFlush flush_;
  bool flush_restored_ = false;
  std::optional<TimeMs> released_by_;  // Released at this time at the latest.
  std::string alarm_;
};

}  // namespace quipu
