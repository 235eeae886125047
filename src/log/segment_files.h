#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "log/file_system.h"
#include "log/log_disk.h"

/// The file operations behind PosixLogDisk, by the calls of a FileSystem. All of them block; none keeps anything.
namespace quipu {

/// An open file. Closes it when it goes.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  FileDescriptor(FileSystem& system, int fd) : system_(&system), fd_(fd) {}
  ~FileDescriptor() { close(); }
  FileDescriptor(FileDescriptor&& other) noexcept : system_(other.system_), fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
      close();
      system_ = other.system_;
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }

  int get() const { return fd_; }
  FileSystem& system() const { return *system_; }
  explicit operator bool() const { return fd_ >= 0; }
  void close();

 private:
  FileSystem* system_ = nullptr;
  int fd_ = -1;
};

/// What becomes of files that were half made when a process ended.
enum class UnfinishedFiles : std::uint8_t { kGo, kStay };

/// The files of one log directory. Copies share nothing but the path and the FileSystem, which must outlive them.
class SegmentFiles {
 public:
  SegmentFiles(FileSystem& system, std::string directory, std::uint64_t free_bytes_min)
      : system_(&system), directory_(std::move(directory)), free_bytes_min_(free_bytes_min) {}

  std::string path(SegmentNumber segment) const;
  std::string name(SegmentNumber segment) const;

  Result<void> make_directory() const;
  /// The segments by their numbers. With kGo their names are durable afterwards, whoever gave them.
  Result<std::vector<SegmentFile>> list(UnfinishedFiles unfinished = UnfinishedFiles::kGo) const;
  /// With `direct`, reads and writes go past the page cache if the file system can; `direct` then says whether.
  Result<FileDescriptor> open_for_reading(SegmentNumber segment, bool& direct) const;
  Result<FileDescriptor> open_for_writing(SegmentNumber segment, bool& direct) const;
  /// Writes and syncs, through the page cache and a descriptor of its own.
  Result<void> write(SegmentNumber segment, std::uint64_t at, ByteView bytes) const;
  Result<void> create(SegmentNumber segment, std::uint64_t bytes) const;
  Result<void> remove(SegmentNumber segment) const;

 private:
  Result<void> fill(const std::string& path, std::uint64_t bytes) const;
  Result<void> check_room(std::uint64_t bytes) const;
  Result<FileDescriptor> open(const std::string& path, FileUse use, bool& direct, const char* what) const;
  Result<void> sync_directory() const;
  Result<void> sync(const std::string& directory, const std::string& what) const;

  FileSystem* system_;
  std::string directory_;
  std::uint64_t free_bytes_min_;
};

Result<void> read_fully(const FileDescriptor& file, std::uint64_t at, std::span<std::byte> out);
/// Writes all of it. `invalid` becomes true when the very first call was refused as EINVAL, which is how a file system
/// says that it does not do direct writes: nothing was written then.
Result<void> write_fully(const FileDescriptor& file, std::uint64_t at, ByteView bytes, bool& invalid);
Result<void> sync_data(const FileDescriptor& file);

}  // namespace quipu
