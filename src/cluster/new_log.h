#pragma once

#include <cstdint>

#include "base/result.h"
#include "cluster/cluster_identity.h"
#include "node/config.h"

namespace quipu {

/// What beginning to count from another log came to.
struct BegunLog {
  ClusterIdentity before;  ///< Of `adopt_topic`; of `migrate_store` that of the directory.
  ClusterIdentity after;
  std::uint64_t counters_reset = 0;  ///< Whose epochs the new log was told of.
  std::uint64_t counters = 0;        ///< Of `migrate_store`: that were brought over ...
  std::uint64_t rows = 0;            ///< ... and in how many rows.
};

/// `quipu log adopt` in the distributed form: goes on with a topic that was made anew, or with another one, in the next
/// generation. Totals stay: the old log's rows are frozen, and the new log's are added to them. What the old log had
/// and the rows do not have is lost; its ids and sources are forgotten. No process may run on the store meanwhile.
/// Waits.
///
/// Promise: until all is through nothing has changed but the new topic; it may be called again. kRefused where the
/// topic is the one that the store counts from, once the store has synced that, or has frames of another log. kNotFound
/// where nothing was ever started on the store.
Result<BegunLog> adopt_topic(const Config& config);

/// `quipu store migrate`: brings the totals of a data directory, whose service is stopped, into the shared store that
/// `config` names, which must not be in use, and begins to count from its topic. The directory keeps what it
/// has, and is refused by `quipu serve` from then on. Ids and sources are not brought over. Waits.
///
/// Promise: from its begin until all is through no process can start on the store; it may be called again. kRefused
/// where the store is in use, the directory is, or `store.kind` counts at least once.
Result<BegunLog> migrate_store(const Config& config);

}  // namespace quipu
