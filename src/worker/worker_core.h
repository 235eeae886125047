#pragma once

#include <cstdint>

#include "base/identifiers.h"
#include "cache/totals_cache.h"
#include "ingest/namespaces.h"
#include "log/event_log.h"
#include "log/log_group.h"
#include "store/counter_store.h"
#include "worker/entry_appender.h"
#include "worker/partition_store.h"
#include "worker/worker_calls.h"
#include "worker/worker_options.h"

namespace quipu {

/// What a worker works on; all of it outlives the worker.
struct WorkerParts {
  EventLog& log;  ///< Read by partition; each has offsets of its own, without gaps.
  LogGroup& group;
  CounterStore& store;
  PartitionStore& partitions;
  TotalsCache& cache;
  EntryAppender& appender;
};

/// Counted since the worker was made.
struct WorkerStats {
  std::uint64_t frames = 0;            ///< Applied.
  std::uint64_t rows_loaded = 0;       ///< Read from the store at first touch.
  std::uint64_t rows_flushed = 0;      ///< Acknowledged by the store.
  std::uint64_t rows_evicted = 0;      ///< Clean, and dropped for memory.
  std::uint64_t flushes = 0;           ///< After which everything read until then was in the store.
  std::uint64_t watermarks = 0;        ///< Written.
  std::uint64_t bases = 0;             ///< Written.
  std::uint64_t resets_passed_on = 0;  ///< All partitions have them.
  std::uint64_t saturations = 0;       ///< Totals that were held at an end of 64 bits.
  std::uint64_t store_failures = 0;    ///< Requests that had to be made again.
  std::uint64_t returns = 0;           ///< To the watermark: the store may have forgotten, or the place was trimmed.
  std::uint64_t store_forgot = 0;      ///< Times that the store may have forgotten what it acknowledged.
  std::uint64_t pauses = 0;            ///< Of reading, because the store is slow or memory full.
  std::uint64_t forced_releases = 0;   ///< Revoked partitions that were given up before they were flushed.
};

/// What the parts of a worker share; the worker owns it.
struct WorkerCore {
  WorkerCore(const WorkerOptions& worker_options, const WorkerParts& worker_parts)
      : options(worker_options),
        parts(worker_parts),
        calls(parts.store, parts.partitions, parts.appender),
        spaces(options.namespaces_max, true, options.table_hash_seed) {}

  WorkerOptions options;
  WorkerParts parts;
  std::size_t base_bytes = 0;  ///< Of bases in making and with the store: HeldBytes counts them.
  WorkerCalls calls;
  NamespaceRegistry spaces;
  WorkerStats stats;
  TimeMs steady = 0;         ///< Only ever rises: waits are measured by it.
  TimeMs wall = 0;           ///< The time of day: what readers are told.
  bool flush_early = false;  ///< So much has changed that a flush does not wait for its interval.
};

}  // namespace quipu
