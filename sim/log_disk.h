#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "log/log_disk.h"
#include "log/segment_files.h"
#include "log/segment_writer.h"
#include "sim/file_system.h"

namespace quipu::sim {

/// The log's disk of one process: what PosixLogDisk does on two threads, done when the world says so. The order of the
/// file calls is that of SegmentFiles and SegmentWriter.
class SimLogDisk final : public LogDisk {
 public:
  explicit SimLogDisk(FileSystem& files) : files_(files, "log", 0), writer_(files_) {}

  /// The write that was begun, from its first file call to the last.
  void finish_write();
  /// The oldest file that was to be made or removed.
  void finish_file();
  bool writing() const { return write_.has_value(); }
  bool upkeeping() const { return !file_work_.empty(); }
  /// The process has ended: nothing of what was begun goes on.
  void end() { ended_ = true; }

  Result<std::vector<SegmentFile>> list() override { return files_.list(); }
  Result<void> read(SegmentNumber segment, std::uint64_t at, std::span<std::byte> out) override;
  Result<void> write(SegmentNumber segment, std::uint64_t at, ByteView bytes) override;
  Result<void> create(SegmentNumber segment, std::uint64_t bytes) override { return files_.create(segment, bytes); }
  Result<void> remove(SegmentNumber segment) override { return files_.remove(segment); }
  void begin_write(SegmentNumber segment, std::uint64_t at, ByteView bytes) override;
  void begin_create(SegmentNumber segment, std::uint64_t bytes) override;
  void begin_remove(SegmentNumber segment) override;
  void take_completions(std::vector<DiskCompletion>& out) override;
  void wait_for_write() override;
  std::string name(SegmentNumber segment) const override { return files_.name(segment); }

 private:
  struct Write {
    SegmentNumber segment{};
    std::uint64_t at = 0;
    ByteView bytes;
  };
  struct FileWork {
    DiskCompletion::Kind kind{};
    SegmentNumber segment{};
    std::uint64_t bytes = 0;
  };

  const SegmentFiles files_;
  SegmentWriter writer_;
  std::optional<Write> write_;
  std::deque<FileWork> file_work_;
  std::vector<DiskCompletion> done_;
  bool ended_ = false;
};

}  // namespace quipu::sim
