#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "log/log_disk.h"

namespace quipu {

struct PosixLogDiskOptions {
  /// Called on the disk's threads when completions are there. Must not block.
  std::function<void()> wake = [] {};
  /// Making a segment leaves at least this much free, so that what else is on the disk can go on (a full disk would
  /// also stop the store that frees the log).
  std::uint64_t free_bytes_min = std::uint64_t{32} << 20;
  /// A small write (kWaitedForBytesMax) is done in `begin_write`, on the owner's thread, while the last writes took
  /// on average at most so many microseconds (WriteTimes): to hand it to the disk's thread and back costs more than
  /// such a disk does. 0: every write is handed over.
  std::int64_t wait_us_max = 0;
  /// Changes nothing: the directory must be there, and what is half made in it stays. For looking at a log only.
  bool only_read = false;
};

/// Segments as files of a directory of the system: the shell of the segment log.
///
/// Promises of LogDisk, and how: a write is pwrite and fdatasync, direct where the file system can, on the owner's
/// thread where that is known to be quick, else on one of the disk's (docs/ideas/group-commit.md has the measurements);
/// reads of whole blocks go past the page cache, too;
/// a segment is made under another name, filled with zeros, synced, renamed, and the directory synced, on a second
/// thread that also removes. A failed write closes its descriptor for good. Threads: two of its own. All calls on the
/// owner's thread; the destructor waits for what is under way.
class PosixLogDisk final : public LogDisk {
 public:
  /// The largest write that the owner may wait for.
  static constexpr std::size_t kWaitedForBytesMax = std::size_t{16} << 10;

  /// Makes the directory (mode 0700) if it is not there.
  static Result<std::unique_ptr<PosixLogDisk>> open(const std::string& directory, PosixLogDiskOptions options);

  ~PosixLogDisk() override;

  Result<std::vector<SegmentFile>> list() override;
  Result<void> read(SegmentNumber segment, std::uint64_t at, std::span<std::byte> out) override;
  Result<void> write(SegmentNumber segment, std::uint64_t at, ByteView bytes) override;
  Result<void> create(SegmentNumber segment, std::uint64_t bytes) override;
  Result<void> remove(SegmentNumber segment) override;
  void begin_write(SegmentNumber segment, std::uint64_t at, ByteView bytes) override;
  void begin_create(SegmentNumber segment, std::uint64_t bytes) override;
  void begin_remove(SegmentNumber segment) override;
  void take_completions(std::vector<DiskCompletion>& out) override;
  void wait_for_write() override;
  void rolling(bool active) override;
  std::string name(SegmentNumber segment) const override;

 private:
  class State;
  explicit PosixLogDisk(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace quipu
