#pragma once

#include <cstdint>
#include <functional>

#include "base/result.h"
#include "node/audit.h"
#include "node/config.h"

namespace quipu {

/// `quipu audit` in the distributed form: counts the log again and compares that with the rows of the shared store.
///
///   watermarks, then rows of a range of counters ─► each partition's log from its beginning ─► compared ─► next range
///
/// A row is held against the log up to the offset that it includes, or to its partition's watermark of before the rows
/// were read, where that is further: so nodes and workers may go on meanwhile. It shares with the service only the
/// rules that decide what counts: chains, the windows of ids, the sources.
///
/// Where the log does not keep a partition's beginning, a shard's total is not in it: a row there is whole again from
/// the counter's next reset in its home partition on; else only its being there is compared, and it is counted among
/// `partial_rows`. The sums of `base` and `log_end` are over all partitions: frames that are not kept, and all that
/// ever were.
///
/// Promise: changes nothing. Memory: about `memory.table_bytes`, and one partition's window of ids; a store that needs
/// more is taken in several ranges, and the log is read once for each. Errors: as of SharedParts::open; kDamaged where
/// the log can not be read; kRefused where the store counts at least once. Thread: the caller's, until it is done;
/// `progress` is told frames to go, `interrupted` ends it with kTimeout.
Result<AuditReport> audit_cluster(const Config& config, const std::function<void(std::uint64_t frames_left)>& progress,
                                  const std::function<bool()>& interrupted);

}  // namespace quipu
