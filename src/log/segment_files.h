#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "log/log_disk.h"

/// The system calls behind PosixLogDisk, one file operation each. All of them block; none keeps anything.
namespace quipu {

/// An open file. Closes it when it goes.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() { close(); }
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void close();

 private:
  int fd_ = -1;
};

/// What becomes of files that were half made when a process ended.
enum class UnfinishedFiles : std::uint8_t { kGo, kStay };

/// The files of one log directory. Copies share nothing but the path.
class SegmentFiles {
 public:
  explicit SegmentFiles(std::string directory, std::uint64_t free_bytes_min)
      : directory_(std::move(directory)), free_bytes_min_(free_bytes_min) {}

  std::string path(SegmentNumber segment) const;
  std::string name(SegmentNumber segment) const;

  Result<void> make_directory() const;
  Result<std::vector<SegmentFile>> list(UnfinishedFiles unfinished = UnfinishedFiles::kGo) const;
  Result<FileDescriptor> open_for_reading(SegmentNumber segment) const;
  /// With `direct`, reads and writes go past the page cache if the file system can; `direct` then says whether.
  Result<FileDescriptor> open_for_writing(SegmentNumber segment, bool& direct) const;
  Result<void> create(SegmentNumber segment, std::uint64_t bytes) const;
  Result<void> remove(SegmentNumber segment) const;

 private:
  Result<void> fill(const std::string& path, std::uint64_t bytes) const;
  Result<void> check_room(std::uint64_t bytes) const;
  Result<void> sync_directory() const;

  std::string directory_;
  std::uint64_t free_bytes_min_;
};

Result<void> read_fully(const FileDescriptor& file, std::uint64_t at, std::span<std::byte> out);
/// Writes all of it. `invalid` becomes true when the very first call was refused as EINVAL, which is how a file system
/// says that it does not do direct writes: nothing was written then.
Result<void> write_fully(const FileDescriptor& file, std::uint64_t at, ByteView bytes, bool& invalid);
Result<void> sync_data(const FileDescriptor& file);

}  // namespace quipu
