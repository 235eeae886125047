#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/identifiers.h"
#include "ingest/namespaces.h"
#include "log/event_log.h"

namespace quipu {

/// Walks over all counters that are under way at once: SCAN, TOP, resets of all. Beyond: busy.
inline constexpr std::size_t kJobsMax = 64;
/// How far the table may be above its bound, beside an eighth of it, while what is new waits for the store. Beyond:
/// busy.
inline constexpr std::size_t kTableSlackBytes = std::size_t{32} << 20;

/// What the engine is told when it is made. Times are in milliseconds, sizes in bytes.
struct EngineOptions {
  HashSecret secret;                  ///< Of the data directory.
  NodeIdentity writer;                ///< Who writes frames here; the boot is new at every start.
  std::uint16_t id_partitions = 8;    ///< P0: ids, sources and resets keep to these partitions.
  std::uint64_t table_hash_seed = 0;  ///< Random at each start.
  std::size_t ids_max = 1'000'000;
  std::size_t sources_max = 100'000;
  std::size_t namespaces_max = 1'000;
  bool namespaces_auto_create = true;
  /// Exist from the start, with the policy that the store has for them.
  std::vector<std::string> namespaces_present = {"default", "views"};
  /// Made or changed at start, over what the store has.
  std::map<std::string, NamespacePolicy> namespaces;
  std::size_t open_bytes_max = 64 << 20;    ///< Frames that wait for the commit before theirs; above it, busy.
  std::size_t dirty_bytes_max = 256 << 20;  ///< Rows that wait for the store; above it, busy.
  std::size_t table_bytes_max = std::size_t{1} << 30;
  std::int64_t flush_interval_ms = 1'000;
  std::int64_t sync_interval_ms =
      60'000;  ///< How often a flush ends with the store's own sync, which bounds the replay.
  /// Beyond so many rows that are not synced, and nothing else to do for a flush's interval, it does so at once: the
  /// store's buffers go, and a start has nothing to replay.
  std::uint64_t idle_sync_rows = 100'000;
  std::int64_t base_interval_ms = 3'600'000;
  std::size_t base_log_bytes = std::size_t{4} << 30;  ///< A base is made after so much log, too.
  /// What a start reads the log through; null: the log's own walk.
  std::function<std::unique_ptr<LogScan>(std::unique_ptr<LogScan>)> read_ahead;
};

}  // namespace quipu
