#include "log/segment_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <new>
#include <string_view>

#include "log/segment_format.h"

namespace quipu {

namespace {

constexpr std::string_view kPrefix = "segment-";
constexpr std::string_view kUnfinished = ".new";
constexpr std::size_t kDigits = 10;
constexpr std::size_t kFillBytes = std::size_t{256} << 10;

std::unexpected<Error> system_failure(const std::string& what, int error) {
  const auto code = error == ENOSPC || error == EDQUOT ? Code::kBusy : Code::kDamaged;
  return std::unexpected(Error{code, what + ": " + std::strerror(error), code == Code::kBusy ? 1'000 : 0});
}

std::optional<SegmentNumber> segment_of(std::string_view name) {
  if (!name.starts_with(kPrefix) || name.size() != kPrefix.size() + kDigits) return std::nullopt;
  std::uint64_t number = 0;
  const auto* end = name.data() + name.size();
  const auto [at, error] = std::from_chars(name.data() + kPrefix.size(), end, number);
  if (error != std::errc{} || at != end || number == 0) return std::nullopt;
  return SegmentNumber(number);
}

}  // namespace

void FileDescriptor::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::string SegmentFiles::path(SegmentNumber segment) const {
  char digits[32];
  std::snprintf(digits, sizeof(digits), "%0*llu", static_cast<int>(kDigits),
                static_cast<unsigned long long>(segment.value));
  return directory_ + "/" + std::string(kPrefix) + digits;
}

std::string SegmentFiles::name(SegmentNumber segment) const { return path(segment); }

Result<void> SegmentFiles::make_directory() const {
  if (::mkdir(directory_.c_str(), 0700) != 0) {
    if (errno == EEXIST) return {};
    return system_failure("making " + directory_, errno);
  }
  const auto parent = std::filesystem::path(directory_).parent_path();
  const FileDescriptor file(::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!file || ::fsync(file.get()) != 0) return system_failure("syncing the directory of " + directory_, errno);
  return {};
}

Result<std::vector<SegmentFile>> SegmentFiles::list(UnfinishedFiles unfinished) const {
  std::vector<SegmentFile> files;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(directory_.c_str()), ::closedir);
  if (!directory) return system_failure("opening " + directory_, errno);
  errno = 0;
  while (const auto* entry = ::readdir(directory.get())) {
    const std::string_view file(entry->d_name);
    const auto file_path = directory_ + "/" + entry->d_name;
    if (file.starts_with(kPrefix) && file.ends_with(kUnfinished)) {
      if (unfinished == UnfinishedFiles::kGo && ::unlink(file_path.c_str()) != 0)
        return system_failure("removing the unfinished " + file_path, errno);
    } else if (const auto number = segment_of(file)) {
      struct stat status{};
      if (::stat(file_path.c_str(), &status) != 0) return system_failure("looking at " + file_path, errno);
      files.push_back({*number, static_cast<std::uint64_t>(status.st_size)});
    }
    errno = 0;
  }
  if (errno != 0) return system_failure("reading " + directory_, errno);
  std::sort(files.begin(), files.end(), [](const SegmentFile& a, const SegmentFile& b) { return a.number < b.number; });
  return files;
}

Result<FileDescriptor> SegmentFiles::open_for_reading(SegmentNumber segment) const {
  FileDescriptor file(::open(path(segment).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return system_failure("opening " + path(segment), errno);
  return file;
}

Result<FileDescriptor> SegmentFiles::open_for_writing(SegmentNumber segment, bool& direct) const {
  if (direct) {
    FileDescriptor file(::open(path(segment).c_str(), O_WRONLY | O_CLOEXEC | O_DIRECT));
    if (file) return file;
    if (errno != EINVAL) return system_failure("opening " + path(segment), errno);
    direct = false;
  }
  FileDescriptor file(::open(path(segment).c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return system_failure("opening " + path(segment), errno);
  return file;
}

Result<void> SegmentFiles::create(SegmentNumber segment, std::uint64_t bytes) const {
  if (auto room = check_room(bytes); !room) return room;
  const auto unfinished = path(segment) + std::string(kUnfinished);
  auto done = fill(unfinished, bytes);
  if (done && ::rename(unfinished.c_str(), path(segment).c_str()) != 0) {
    done = system_failure("renaming " + unfinished, errno);
  }
  if (!done) {
    ::unlink(unfinished.c_str());
    return done;
  }
  return sync_directory();
}

/// Zeros are written, not only reserved: the first write into reserved blocks changes the file system's own records,
/// and the sync that every commit waits for would have to write those too. Direct and in small pieces, since a sync
/// of all of it at once would hold up the commits that go on beside it.
Result<void> SegmentFiles::fill(const std::string& path, std::uint64_t bytes) const {
  bool direct = true;
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_DIRECT, 0600));
  if (!file && errno == EINVAL) {
    direct = false;
    file = FileDescriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  }
  if (!file) return system_failure("making " + path, errno);
  if (const auto error = ::posix_fallocate(file.get(), 0, static_cast<off_t>(bytes)); error != 0) {
    return system_failure("reserving " + std::to_string(bytes) + " bytes for " + path, error);
  }
  struct Free {
    void operator()(std::byte* memory) const { ::operator delete[](memory, std::align_val_t{kBlockBytes}); }
  };
  const std::unique_ptr<std::byte[], Free> zeros(new (std::align_val_t{kBlockBytes}) std::byte[kFillBytes]());
  for (std::uint64_t at = 0; at < bytes;) {
    const auto size = std::min<std::uint64_t>(kFillBytes, bytes - at);
    bool invalid = false;
    auto written = write_fully(file, at, {zeros.get(), size}, invalid);
    if (!written && invalid && direct) {
      direct = false;
      file = FileDescriptor(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
      if (!file) return system_failure("opening " + path, errno);
      continue;
    }
    if (!written) return written;
    at += size;
    if (!direct) {
      if (auto synced = sync_data(file); !synced) return synced;
    }
  }
  if (::fsync(file.get()) != 0) return system_failure("syncing " + path, errno);
  return {};
}

Result<void> SegmentFiles::check_room(std::uint64_t bytes) const {
  struct statvfs status{};
  if (::statvfs(directory_.c_str(), &status) != 0) return system_failure("asking for the room in " + directory_, errno);
  const auto free = static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
  if (free >= bytes + free_bytes_min_) return {};
  return busy("the disk of " + directory_ + " is full: " + std::to_string(free) + " bytes are free, a segment takes " +
                  std::to_string(bytes) + " and " + std::to_string(free_bytes_min_) + " stay free",
              1'000);
}

Result<void> SegmentFiles::remove(SegmentNumber segment) const {
  if (::unlink(path(segment).c_str()) != 0 && errno != ENOENT) {
    return system_failure("removing " + path(segment), errno);
  }
  return sync_directory();
}

Result<void> SegmentFiles::sync_directory() const {
  const FileDescriptor file(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!file || ::fsync(file.get()) != 0) return system_failure("syncing " + directory_, errno);
  return {};
}

Result<void> read_fully(const FileDescriptor& file, std::uint64_t at, std::span<std::byte> out) {
  while (!out.empty()) {
    const auto size = ::pread(file.get(), out.data(), out.size(), static_cast<off_t>(at));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return system_failure("reading at byte " + std::to_string(at), errno);
    if (size == 0) return failure(Code::kDamaged, "the file ends at byte " + std::to_string(at));
    out = out.subspan(static_cast<std::size_t>(size));
    at += static_cast<std::uint64_t>(size);
  }
  return {};
}

Result<void> write_fully(const FileDescriptor& file, std::uint64_t at, ByteView bytes, bool& invalid) {
  invalid = false;
  for (bool first = true; !bytes.empty(); first = false) {
    const auto size = ::pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) {
      invalid = first && errno == EINVAL;
      return system_failure("writing " + std::to_string(bytes.size()) + " bytes at " + std::to_string(at), errno);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(size));
    at += static_cast<std::uint64_t>(size);
  }
  return {};
}

Result<void> sync_data(const FileDescriptor& file) {
  if (::fdatasync(file.get()) != 0) return system_failure("syncing", errno);
  return {};
}

}  // namespace quipu
