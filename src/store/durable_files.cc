#include "store/durable_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

namespace quipu {
namespace {

constexpr std::int64_t kDiskFullRetryMs = 1'000;

/// A descriptor that is closed with the scope.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

Result<void> write_all(int fd, ByteView bytes, const std::string& path) {
  while (!bytes.empty()) {
    const auto written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_failure("cannot write " + path, errno);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> write_new(const std::string& path, ByteView bytes) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (file.get() < 0) return system_failure("cannot make " + path, errno);
  if (auto written = write_all(file.get(), bytes, path); !written) return written;
  if (::fsync(file.get()) != 0) return system_failure("cannot sync " + path, errno);
  return {};
}

}  // namespace

std::unexpected<Error> system_failure(const std::string& what, int error) {
  auto text = what + ": " + std::system_category().message(error);
  if (error == ENOSPC || error == EDQUOT) return busy(std::move(text), kDiskFullRetryMs);
  return failure(Code::kRefused, std::move(text));
}

std::string parent_of(const std::string& path) {
  std::string_view name(path);
  while (name.size() > 1 && name.ends_with('/')) name.remove_suffix(1);
  const auto slash = name.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return slash == 0 ? "/" : std::string(name.substr(0, slash));
}

Result<void> replace_file(const std::string& path, ByteView bytes) {
  const auto fresh = path + ".tmp";
  if (auto written = write_new(fresh, bytes); !written) {
    ::unlink(fresh.c_str());  // It may take the last of the space. What failed before is what is told.
    return written;
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return system_failure("cannot rename " + fresh, errno);
  return sync_path(parent_of(path));
}

Result<Bytes> read_file(const std::string& path, std::size_t size_max) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 && errno == ENOENT) return failure(Code::kNotFound, path + " does not exist");
  if (file.get() < 0) return system_failure("cannot open " + path, errno);
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return system_failure("cannot read " + path, errno);
  if (!S_ISREG(status.st_mode)) return failure(Code::kRefused, path + " is not a file");
  if (static_cast<std::uint64_t>(status.st_size) > size_max) {
    return failure(Code::kTooLarge,
                   path + " has " + std::to_string(status.st_size) + " bytes, more than " + std::to_string(size_max));
  }
  Bytes bytes(static_cast<std::size_t>(status.st_size));
  for (std::size_t at = 0; at < bytes.size();) {
    const auto size = ::read(file.get(), bytes.data() + at, bytes.size() - at);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return system_failure("cannot read " + path, errno);
    if (size == 0) return failure(Code::kRefused, path + " became shorter while it was read");
    at += static_cast<std::size_t>(size);
  }
  return bytes;
}

Result<void> make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0) {
    struct stat status{};
    const int error = errno;
    if (error == EEXIST && ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return {};
    return system_failure("cannot make the directory " + path, error);
  }
  if (::chmod(path.c_str(), 0700) != 0) return system_failure("cannot set the mode of " + path, errno);
  return sync_path(parent_of(path));
}

Result<void> sync_path(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return system_failure("cannot open " + path, errno);
  if (::fsync(file.get()) != 0) return system_failure("cannot sync " + path, errno);
  return {};
}

Result<void> sync_tree(const std::string& path) {
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    if (auto synced = sync_path(at->path().string()); !synced) return synced;
  }
  if (error) return system_failure("cannot list " + path, error.value());
  return sync_path(path);
}

Result<void> remove_tree(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return system_failure("cannot remove " + path, error.value());
  return {};
}

Result<void> replace_tree(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return sync_path(parent_of(to));
  if (errno != ENOTEMPTY && errno != EEXIST) return system_failure("cannot rename " + from, errno);
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) != 0) {
    return system_failure("cannot put " + from + " in the place of " + to, errno);
  }
  if (auto synced = sync_path(parent_of(to)); !synced) return synced;
  return remove_tree(from);
}

}  // namespace quipu
