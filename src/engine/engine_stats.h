#pragma once

#include <cstdint>
#include <vector>

#include "base/identifiers.h"

namespace quipu {

/// How far one partition is.
struct PartitionStats {
  PartitionId partition{};
  Offset read{};          ///< How far the aggregator has read.
  Offset flushed{};       ///< Rows up to here are in the store.
  Offset watermark{};     ///< Recovery starts here.
  std::uint64_t ids = 0;  ///< Distinct ids in the window now.
  std::uint64_t ids_max = 0;
  TimeMs oldest_id_time = 0;  ///< When the oldest id in the window came; 0 when it is empty.
  std::uint64_t sources = 0;
};

/// What the engine counts. Plain integers: gathered by whoever asks, on the engine's thread.
struct EngineStats {
  std::uint64_t events_accepted = 0;
  std::uint64_t events_duplicate = 0;
  std::uint64_t operations_refused = 0;
  std::uint64_t operations_busy = 0;
  std::uint64_t operations = 0;       ///< Handed in by sessions, reads among them.
  std::uint64_t reads = 0;            ///< Totals that were looked up in the table.
  std::uint64_t counters_missed = 0;  ///< Counters that an operation needed and that had to be read from the store.
  std::uint64_t frames_written = 0;
  std::uint64_t frames_delivered = 0;  ///< That the log handed on: durable now, or read in a replay.
  std::uint64_t bytes_written = 0;     ///< Of frames.
  std::uint64_t commits = 0;
  std::uint64_t flushes = 0;
  std::uint64_t rows_flushed = 0;
  std::uint64_t rows_loaded = 0;
  std::uint64_t rows_evicted = 0;
  std::uint64_t saturations = 0;
  std::uint64_t counters = 0;  ///< That exist.
  std::uint64_t table_rows = 0;
  std::uint64_t table_bytes = 0;
  std::uint64_t dirty_rows = 0;
  std::uint64_t parked_batches = 0;
  std::uint64_t replayed_frames = 0;
  std::uint64_t replay_frames_left = 0;  ///< 0 when recovery is over.
  Offset durable{};
  Offset newest{};  ///< The newest offset given out, durable or not.
  std::vector<PartitionStats> partitions;
};

}  // namespace quipu
