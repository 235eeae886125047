#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "node/config.h"
#include "store/counter_store.h"

namespace quipu {

/// A shard of which the store says something else than the log.
struct AuditDifference {
  std::string space;
  std::string counter;
  PartitionId partition{};
  Offset upto{};  ///< The log was counted up to here for it.
  bool in_store = false;
  Row store;  ///< What the store has; nothing where `in_store` is false.
  Row log;    ///< What the log comes to.
};

/// What an audit came to.
struct AuditReport {
  std::uint64_t counters = 0;  ///< With a row in this generation of the log.
  std::uint64_t rows = 0;      ///< Compared.
  std::uint64_t frames = 0;    ///< Replayed.
  std::uint64_t entries = 0;
  Offset base{};                    ///< The checkpoint that it began with; 0: the beginning of the log.
  Offset log_end{};                 ///< The last offset of the log.
  std::uint64_t later_entries = 0;  ///< Of the log, not in the store yet: the next start brings them in.
  /// Of which the log does not keep the beginning, so that only their being there was compared. Distributed form alone.
  std::uint64_t partial_rows = 0;
  std::uint64_t older_rows = 0;                    ///< Of older generations of the log, which is gone: not audited.
  std::uint64_t differences = 0;                   ///< How many there are ...
  std::vector<AuditDifference> first_differences;  ///< ... and the first kAuditShown of them.
};

inline constexpr std::size_t kAuditShown = 100;

/// Replays the log of a data directory into a fresh table and compares that with the store's rows.
///
///   base (a checkpoint, or nothing) + log from there  ──►  fresh rows  ◄─ compared ─►  rows of the store
///
/// The table is a plain one of its own, and shares with the service only the rules that decide what counts: chains, the
/// windows of ids, the sources. Each shard is counted up to the offset that its row includes, or to the partition's
/// watermark where that is further: what the log has beyond is not due in the store yet.
///
/// Promise: changes nothing but the lock that it holds: the service must be stopped. Errors: kRefused, in use;
/// kNotFound, no data directory; kDamaged, the log or the store can not be read. Memory: every counter's rows, twice.
/// Thread: the caller's, until it is done; `progress` is told offsets to go, `interrupted` ends it with kTimeout.
Result<AuditReport> audit(const Config& config, const std::function<void(std::uint64_t offsets_left)>& progress,
                          const std::function<bool()>& interrupted);

}  // namespace quipu
