#pragma once

#include <cstdint>

#include "base/identifiers.h"
#include "base/result.h"
#include "cluster/waiting_store.h"
#include "log/event_log.h"
#include "node/doorbell.h"

namespace quipu {

/// Tells a log that is new, or partitions that are, of every counter that was ever reset, from the store's rows: a
/// shard learns of epochs from its log alone, and a total is the sum of the shards of the highest epoch. The partitions
/// of `log` from `first` on get a RESET with the epoch of each; repeats do no harm. `bell` is rung by both. Answers how
/// many counters. Waits until the log has all; kTimeout where `store` says that it was interrupted.
Result<std::uint64_t> write_epochs(WaitingStore& store, EventLog& log, PartitionId first, Doorbell& bell);

}  // namespace quipu
