#include "log/posix_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <string_view>

namespace quipu {
namespace {

int flags_of(FileUse use) {
  switch (use) {
    case FileUse::kRead:
      return O_RDONLY;
    case FileUse::kWrite:
      return O_WRONLY;
    case FileUse::kMake:
      return O_WRONLY | O_CREAT | O_TRUNC;
    case FileUse::kDirectory:
      return O_RDONLY | O_DIRECTORY;
  }
  return O_RDONLY;
}

int outcome(int answer) { return answer == 0 ? 0 : -errno; }

class PosixFileSystem final : public FileSystem {
 public:
  int open(const std::string& path, FileUse use, bool direct) override {
    const int fd = ::open(path.c_str(), flags_of(use) | O_CLOEXEC | (direct ? O_DIRECT : 0), 0600);
    return fd >= 0 ? fd : -errno;
  }
  void close(int fd) override { ::close(fd); }

  std::int64_t read(int fd, std::uint64_t at, std::span<std::byte> out) override {
    const auto size = ::pread(fd, out.data(), out.size(), static_cast<off_t>(at));
    return size >= 0 ? size : -errno;
  }
  std::int64_t write(int fd, std::uint64_t at, ByteView bytes) override {
    const auto size = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
    return size >= 0 ? size : -errno;
  }
  int sync_data(int fd) override { return outcome(::fdatasync(fd)); }
  int sync(int fd) override { return outcome(::fsync(fd)); }
  int reserve(int fd, std::uint64_t bytes) override { return -::posix_fallocate(fd, 0, static_cast<off_t>(bytes)); }

  int rename(const std::string& from, const std::string& to) override {
    return outcome(::rename(from.c_str(), to.c_str()));
  }
  int remove(const std::string& path) override { return outcome(::unlink(path.c_str())); }
  int make_directory(const std::string& path) override { return outcome(::mkdir(path.c_str(), 0700)); }

  int list(const std::string& directory, std::vector<Entry>& out) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> opened(::opendir(directory.c_str()), ::closedir);
    if (!opened) return -errno;
    errno = 0;
    while (const auto* entry = ::readdir(opened.get())) {
      const std::string_view name(entry->d_name);
      if (name != "." && name != "..") {
        struct stat status{};
        if (::fstatat(::dirfd(opened.get()), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) return -errno;
        out.push_back({std::string(name), static_cast<std::uint64_t>(status.st_size)});
      }
      errno = 0;
    }
    return -errno;
  }
  int free_bytes(const std::string& directory, std::uint64_t& out) override {
    struct statvfs status{};
    if (::statvfs(directory.c_str(), &status) != 0) return -errno;
    out = static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
    return 0;
  }
};

}  // namespace

FileSystem& posix_file_system() {
  static PosixFileSystem files;
  return files;
}

}  // namespace quipu
