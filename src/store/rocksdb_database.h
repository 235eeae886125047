#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "store/counter_store.h"

namespace quipu {

/// What the database may use.
struct RocksdbLimits {
  /// Rows that are not flushed; the write that finds more flushes first. They are in memory twice: in RocksDB's buffer,
  /// and as they came, to be written again after an error.
  std::size_t write_buffer_bytes = std::size_t{16} << 20;
  std::size_t cache_bytes = std::size_t{32} << 20;  ///< Blocks, indexes and filters together.
  int open_files_max = 512;
};

/// The rows and what goes with them in one RocksDB directory: every call waits until it is done.
///
/// One column family, and no write-ahead log: buffers are flushed in the order of the writes, so after a crash it holds
/// a prefix of them, each whole. With a second column family that would not be so. Buffers are flushed by `write` and
/// `flush` alone, one at a time, and only when there is room.
/// Errors name the directory. kBusy: the disk is full or failed; the same call may be tried again, and goes on when the
/// disk does, with everything that was written before. kDamaged: what is read is not what was written. No exception
/// leaves it. Thread: one call at a time.
class RocksdbDatabase {
 public:
  /// Opens or makes the directory. kRefused when another process has it open, or when a newer version wrote it.
  static Result<std::unique_ptr<RocksdbDatabase>> open(const std::string& directory, const RocksdbLimits& limits);
  /// Opens a directory that is there to be read alone: nothing in it changes, and `write` must not be called.
  static Result<std::unique_ptr<RocksdbDatabase>> open_to_read(const std::string& directory,
                                                               const RocksdbLimits& limits);
  /// Flushes what was written.
  ~RocksdbDatabase();
  RocksdbDatabase(const RocksdbDatabase&) = delete;
  RocksdbDatabase& operator=(const RocksdbDatabase&) = delete;

  /// Takes the whole write or nothing of it. Does not look at `sync`.
  Result<void> write(const StoreWrite& write);
  /// Returns when everything written so far survives a power cut.
  Result<void> flush();
  /// Flushes, and makes a directory `path`, which must not exist, that can be opened as a database of its own.
  Result<void> checkpoint(const std::string& path);

  /// Adds all rows of these counters.
  Result<void> load(const std::vector<CounterKey>& keys, RowBatch& rows) const;
  /// Adds a page of rows, and answers where the next one begins.
  Result<std::optional<std::uint64_t>> scan(const StoreScan& scan, RowBatch& rows) const;
  Result<std::vector<Watermark>> watermarks() const;
  Result<std::vector<SourceRow>> sources() const;
  Result<std::vector<std::pair<std::string, std::string>>> settings() const;

 private:
  class State;
  explicit RocksdbDatabase(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace quipu
