#pragma once

#include "aggregate/aggregator.h"
#include "aggregate/live_totals.h"
#include "base/planted.h"
#include "worker/reset_relay.h"
#include "worker/worker_core.h"

namespace quipu {

/// What the parts of one owned partition share: its tables and how far it is. Its table is of this partition alone, so
/// dropping it drops everything that was known, and nothing in here can name a row of another partition.
struct PartitionCore {
  PartitionCore(WorkerCore& worker_core, PartitionId id, Owner who)
      : worker(worker_core),
        shard{worker.parts.log.identity().generation, id},
        owner(who),
        aggregator(shard, {worker.options.ids_max, worker.options.sources_max}),
        totals(worker.options.table_hash_seed, shard),
        relay(worker, owner, id) {}

  WorkerCore& worker;
  ShardId shard;
  Owner owner;
  Aggregator aggregator;
  LiveTotals totals;
  ResetRelay relay;
  TimeMs newest_time = 0;        ///< When the newest frame that was read was made, as its writer says.
  std::uint64_t bytes_read = 0;  ///< Of frames that were applied.

  /// Everything that the log has is applied.
  bool caught_up() const { return worker.parts.log.bounds(shard.partition).end.value <= aggregator.read().value + 1; }
  /// When the log had no more than `bounds` says of it, for all that is known here; by the wall clock.
  TimeMs bounds_as_of() const {
    return worker.wall - (QUIPU_PLANTED("age-of-bounds-ignored") ? 0 : worker.parts.log.bounds_age_ms(shard.partition));
  }
  /// About how many bytes that which is not flushed yet would take on its way to the store.
  std::size_t dirty_bytes() const {
    return totals.dirty_shards() * kDirtyShardBytes + aggregator.sources().changes() * kDirtySourceBytes;
  }

 private:
  static constexpr std::size_t kDirtyShardBytes = 128;
  static constexpr std::size_t kDirtySourceBytes = 64;
};

}  // namespace quipu
