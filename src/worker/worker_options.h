#pragma once

#include <cstddef>
#include <cstdint>

#include "base/hash.h"

namespace quipu {

/// What a worker is told when it is made. Times are in milliseconds, sizes in bytes; bounds are for all its partitions
/// together unless said.
struct WorkerOptions {
  HashSecret secret;                  ///< Of the log, from the store.
  std::uint64_t table_hash_seed = 0;  ///< Random at each start.
  std::size_t ids_max = 1'000'000;    ///< Distinct ids remembered, of each partition.
  std::size_t sources_max = 100'000;  ///< Sources remembered, of each partition.
  std::size_t namespaces_max = 1'000;

  std::size_t table_bytes_max = std::size_t{1} << 30;
  /// Changed rows that wait for the store. From a quarter of it on a flush begins early; above it nothing is read.
  std::size_t dirty_bytes_max = std::size_t{256} << 20;
  std::size_t read_bytes = std::size_t{1} << 20;  ///< Of one partition in one turn.
  std::size_t load_keys_max = 4'096;              ///< Counters in one request to the store.
  std::size_t resets_owed_max = 10'000;           ///< Of each partition. Above it the partition is not read on.

  /// Without a base the ids are rebuilt from so many frames before the watermark, and from four times as many while
  /// those do not fill the window.
  std::uint64_t read_back_frames = 1'024;

  std::int64_t flush_interval_ms = 5'000;
  /// How long after its rows were acknowledged a watermark may be written: what the store's own sync and the news of
  /// its restart take together. 0 for a store that acknowledges only what is on disk.
  std::int64_t commit_delay_ms = 30'000;
  std::int64_t retry_ms = 500;           ///< After an answer of the store, or of the log, that was none.
  std::int64_t release_ms_max = 10'000;  ///< A partition that was revoked is given up after this, flushed or not.
  std::int64_t log_grace_ms = 10'000;    ///< How long a log may end before what was counted, if asked since.
  std::int64_t base_interval_ms = 3'600'000;
  std::size_t base_log_bytes = std::size_t{4} << 30;  ///< Of one partition: a base is made after so much log, too.
  /// Bases that are made, each counted as it is kept for another try and as it is given to the store, until the store
  /// has answered. Beyond it the next partition's base waits for a later flush; one at a time is always made.
  std::size_t base_bytes_max = std::size_t{256} << 20;
};

}  // namespace quipu
