#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/identifiers.h"
#include "base/result.h"
#include "node/directory_identity.h"

namespace quipu {

/// Bytes of a directory's identity, most of them names of RESP namespaces. Beyond: refused.
inline constexpr std::size_t kIdentityBytesMax = std::size_t{1} << 20;

/// What a data directory must agree with, or is made with where there is none.
struct DirectoryOptions {
  std::uint16_t partitions = 8;
  std::vector<std::string> resp_namespaces = {"views"};  ///< Their order does not matter.
  std::string machine_id_file = "/etc/machine-id";       ///< Another one in tests.
};

/// The lock of a data directory: held by one process at a time, and free when it ends, however it ends.
class DirectoryLock {
 public:
  /// kRefused, naming the process that holds it, when it is held; the directory must exist.
  static Result<DirectoryLock> acquire(const std::string& directory);
  ~DirectoryLock();
  DirectoryLock(DirectoryLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  DirectoryLock& operator=(DirectoryLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

 private:
  explicit DirectoryLock(int fd) : fd_(fd) {}
  int fd_;
};

/// The directory in which one node keeps everything, held by this process for as long as the object lives.
///
///   LOCK       held by the process that serves
///   identity   what the directory is, and where (docs/formats/identity.md)
///   left       where its totals were brought, if they were
///   log/  store/  bases/
///
/// Promise: two processes never serve one directory, and a copy is not taken for the original: both would give out the
/// same offsets and frame numbers. The boot number of `node` is higher than in any open before, and durable. A crash
/// at any moment leaves a directory that the next open completes. All calls wait for the disk. Errors name the path,
/// what differs and the remedy.
class DataDirectory {
 public:
  /// Opens a directory, or makes it (mode 0700; its parent must exist). kRefused: it is in use, is no data directory
  /// but has something in it, was made with other partitions or namespaces, was copied or moved to this place, was left
  /// for a shared store, or would be made with more names of namespaces than an identity holds.
  /// kDamaged: its identity is unreadable or missing beside a log.
  static Result<DataDirectory> open(const std::string& path, const DirectoryOptions& options);

  /// Takes the lock of a directory that is there, whatever is wrong with its place or its log, and changes nothing:
  /// for the commands that bring it in order. kNotFound, kRefused (in use), kDamaged (its identity).
  static Result<DataDirectory> hold(const std::string& path);

  const LogIdentity& log_identity() const { return identity_.log; }
  NodeIdentity node() const { return identity_.node; }
  const HashSecret& secret() const { return identity_.secret; }
  std::uint16_t partitions() const { return identity_.partitions; }
  /// P0: the partitions that ids and sources keep to, as many as there were when the log was made.
  std::uint16_t id_partitions() const { return identity_.id_partitions; }

  const std::vector<std::string>& resp_namespaces() const { return identity_.resp_namespaces; }

  const std::string& path() const { return path_; }
  std::string log_dir() const { return path_ + "/log"; }
  /// Where the log is put when the next generation begins.
  std::string aside_dir() const;
  std::string store_dir() const { return path_ + "/store"; }
  std::string bases_dir() const { return path_ + "/bases"; }

  /// The identity before and after `adopt`.
  struct Adopted {
    DirectoryIdentity before;
    DirectoryIdentity after;
  };
  enum class Log : std::uint8_t {
    kSame,  ///< The log goes on: a directory that was copied or moved, whose original is gone.
    kNew,   ///< A log of the next generation begins; the old one was set aside before.
  };

  /// Makes a directory that was copied or moved one of this place: a new node id with boot 0, the same secret. With
  /// kNew also the next generation with a new random identity; log/ must be empty then, and with kSame no log of this
  /// generation may have been set aside. The object is of no use afterwards but for its lock.
  Result<Adopted> adopt(Log log, const DirectoryOptions& options = {});
  /// The same with `hold`.
  static Result<Adopted> adopt(const std::string& path, Log log, const DirectoryOptions& options = {});

  /// Renames log/ to log.generation-G, G being its generation, and makes an empty log/. Answers the new path. May be
  /// repeated after a crash: what is done stays done. From then on `open` refuses the directory until `adopt` with kNew
  /// is through. kNotFound when there is nothing to set aside.
  Result<std::string> set_aside_log() const;
  /// The same with `hold`.
  static Result<std::string> set_aside_log(const std::string& path);

  /// Notes that what it counted goes on elsewhere, in these words: `open` refuses it from then on. May be repeated.
  Result<void> leave(std::string_view where) const;
  /// Whether that was noted.
  Result<bool> left() const;

 private:
  DataDirectory(std::string path, DirectoryLock lock, DirectoryIdentity identity)
      : path_(std::move(path)), lock_(std::move(lock)), identity_(std::move(identity)) {}

  std::string path_;
  DirectoryLock lock_;
  DirectoryIdentity identity_;
};

}  // namespace quipu
