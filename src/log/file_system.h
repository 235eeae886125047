#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace quipu {

/// What a file is opened for.
enum class FileUse : std::uint8_t {
  kRead,
  kWrite,
  kMake,       ///< To write; made, or emptied where it is there.
  kDirectory,  ///< To sync what a directory names.
};

/// The system calls behind SegmentFiles and SegmentWriter, so that the simulator can stand in for the kernel and
/// the order of those calls is what it tests. All of them block. Each answers as the call does, with `-errno` for an
/// error.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  /// A file descriptor. `direct`: past the page cache; -EINVAL where the file system can not.
  virtual int open(const std::string& path, FileUse use, bool direct) = 0;
  virtual void close(int fd) = 0;

  /// How many bytes were read or written; fewer than asked for is no error.
  virtual std::int64_t read(int fd, std::uint64_t at, std::span<std::byte> out) = 0;
  virtual std::int64_t write(int fd, std::uint64_t at, ByteView bytes) = 0;
  /// fdatasync and fsync.
  virtual int sync_data(int fd) = 0;
  virtual int sync(int fd) = 0;
  /// Makes the file so large, with blocks of its own.
  virtual int reserve(int fd, std::uint64_t bytes) = 0;

  virtual int rename(const std::string& from, const std::string& to) = 0;
  virtual int remove(const std::string& path) = 0;
  /// Mode 0700.
  virtual int make_directory(const std::string& path) = 0;

  struct Entry {
    std::string name;
    std::uint64_t bytes = 0;
  };
  /// The files of a directory, in any order.
  virtual int list(const std::string& directory, std::vector<Entry>& out) = 0;
  /// What an ordinary user can still write.
  virtual int free_bytes(const std::string& directory, std::uint64_t& out) = 0;
};

}  // namespace quipu
