#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "store/counter_store.h"
#include "store/rocksdb_database.h"

namespace quipu {

struct RocksdbStoreOptions {
  /// Called on the store's thread when completions are there. Must not block.
  std::function<void()> wake = [] {};
  /// Called on the store's thread when RocksDB has written its buffers out and freed them.
  std::function<void()> flushed = [] {};
  /// Beyond either, a request is completed with kBusy in its turn, and nothing of it is kept until then.
  std::size_t waiting_requests_max = 4'096;
  std::size_t waiting_bytes_max = std::size_t{256} << 20;
  RocksdbLimits limits;
};

/// The counter store of one process: RocksDB in one directory, without RocksDB's own log, and bases in another.
///
///   owner ─ write, load, scan, write_base ─► queue ─► the store's thread ─► RocksDB
///         ◄─ wake, take_completions ────────────────┘
///
/// Promises of CounterStore, and how they are kept:
/// - A write is whole or not there: it is one WriteBatch of one column family.
/// - After a crash the store is a prefix of the completed writes: RocksDB writes its buffers out in order, and there is
///   one column family. A write with `sync`, and a base, end with a flush that is waited for. The log above a
///   watermark brings back what a crash takes.
/// - Completions in order, and a load sees all before it: one thread does one request after the other.
/// - An older write of a row loses: there is none. One process owns the directory (RocksDB's lock, and that of the data
///   directory), and its owner writes a row in the order of its offsets. Rows are not read before they are written.
/// - After a failed write the store is as it was. Where only the sync of a write failed, the batch is in it and is
///   completed with the error: giving it again changes nothing. A disk that is full or fails is kBusy; the next write
///   opens RocksDB anew and gives it again what it had not flushed, so it heals when the disk does.
/// - durable_watermark: what was read at open, and then what the flush of a sync or a base covers. Flushes in between,
///   when the buffer is full, are not counted.
/// - Bases: hard links in a directory that gets its name when all of it is synced (store/base_files.h).
/// Threads: one of its own. All calls on the owner's thread. The destructor drops requests that wait, waits for the one
/// under way, and flushes.
class RocksdbStore final : public CounterStore {
 public:
  /// Opens or makes both directories, of mode 0700; their parents must exist, on one file system.
  static Result<std::unique_ptr<RocksdbStore>> open(const std::string& directory, const std::string& bases_directory,
                                                    RocksdbStoreOptions options);

  ~RocksdbStore() override;

  Result<std::vector<Watermark>> watermarks() override;
  Result<std::vector<SourceRow>> sources() override;
  Result<std::vector<std::pair<std::string, std::string>>> settings() override;
  Result<std::optional<Base>> newest_base(Offset offset) override;

  void write(StoreWrite write) override;
  void load(StoreLoad load) override;
  void scan(StoreScan scan) override;
  void write_base(Base base, std::uint64_t token) override;
  void take_completions(std::vector<StoreCompletion>& out) override;
  std::size_t pending() const override;
  Offset durable_watermark(PartitionId partition) const override;
  Offset oldest_base() const override;

 private:
  class State;
  explicit RocksdbStore(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace quipu
