#pragma once

#include <cstdint>

#include "base/result.h"
#include "log/event_log.h"
#include "node/doorbell.h"
#include "store/counter_store.h"

namespace quipu {

/// Tells all partitions of a log that is new of every counter that was ever reset, from the store's rows (EpochTeller).
/// `bell` is rung by both. Answers how many counters. Waits until the log has all; kTimeout where store or log answer
/// nothing for a minute.
Result<std::uint64_t> write_epochs(CounterStore& store, EventLog& log, Doorbell& bell);

}  // namespace quipu
