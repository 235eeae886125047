#include "log/segment_files.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>

#include "base/failpoint.h"
#include "base/planted.h"
#include "log/block_bytes.h"

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
  if (fd_ >= 0) system_->close(fd_);
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
  if (const auto made = system_->make_directory(directory_); made != 0) {
    if (made == -EEXIST) return {};
    return system_failure("making " + directory_, -made);
  }
  const auto parent = std::filesystem::path(directory_).parent_path();
  return sync(parent.empty() ? "." : parent.string(), "syncing the directory of " + directory_);
}

Result<std::vector<SegmentFile>> SegmentFiles::list(UnfinishedFiles unfinished) const {
  std::vector<FileSystem::Entry> entries;
  if (const auto listed = system_->list(directory_, entries); listed != 0) {
    return system_failure("reading " + directory_, -listed);
  }
  std::vector<SegmentFile> files;
  for (const auto& entry : entries) {
    const std::string_view file(entry.name);
    if (file.starts_with(kPrefix) && file.ends_with(kUnfinished)) {
      const auto file_path = directory_ + "/" + entry.name;
      if (unfinished == UnfinishedFiles::kStay) continue;
      if (const auto gone = system_->remove(file_path); gone != 0) {
        return system_failure("removing the unfinished " + file_path, -gone);
      }
    } else if (const auto number = segment_of(file)) {
      files.push_back({*number, entry.bytes});
    }
  }
  std::sort(files.begin(), files.end(), [](const SegmentFile& a, const SegmentFile& b) { return a.number < b.number; });
  if (unfinished == UnfinishedFiles::kStay || QUIPU_PLANTED("names-not-synced-at-start")) return files;
  // The process that named them may have ended before it synced the directory, or the sync failed.
  if (auto synced = sync_directory(); !synced) return std::unexpected(synced.error());
  return files;
}

Result<FileDescriptor> SegmentFiles::open_for_reading(SegmentNumber segment, bool& direct) const {
  return open(path(segment), FileUse::kRead, direct, "opening ");
}

Result<FileDescriptor> SegmentFiles::open_for_writing(SegmentNumber segment, bool& direct) const {
  return open(path(segment), FileUse::kWrite, direct, "opening ");
}

/// `direct` becomes false where the file system can not.
Result<FileDescriptor> SegmentFiles::open(const std::string& path, FileUse use, bool& direct, const char* what) const {
  auto fd = system_->open(path, use, direct);
  if (fd == -EINVAL && direct) {
    direct = false;
    fd = system_->open(path, use, direct);
  }
  if (fd < 0) return system_failure(what + path, -fd);
  return FileDescriptor(*system_, fd);
}

Result<void> SegmentFiles::write(SegmentNumber segment, std::uint64_t at, ByteView bytes) const {
  bool direct = false;
  auto file = open_for_writing(segment, direct);
  if (!file) return std::unexpected(file.error());
  bool invalid = false;
  auto done = write_fully(*file, at, bytes, invalid);
  if (done) done = sync_data(*file);
  if (!done) done.error().what = name(segment) + ": " + done.error().what;
  return done;
}

Result<void> SegmentFiles::create(SegmentNumber segment, std::uint64_t bytes) const {
  if (auto room = check_room(bytes); !room) return room;
  const auto unfinished = path(segment) + std::string(kUnfinished);
  auto done = fill(unfinished, bytes);
  if (done) {
    QUIPU_FAILPOINT("segment.filled");
    if (const auto renamed = system_->rename(unfinished, path(segment)); renamed != 0) {
      done = system_failure("renaming " + unfinished, -renamed);
    }
  }
  if (!done) {
    system_->remove(unfinished);
    return done;
  }
  QUIPU_FAILPOINT("segment.named");
  if (QUIPU_PLANTED("directory-not-synced")) return {};
  return sync_directory();
}

/// Zeros are written, not only reserved: the first write into reserved blocks changes the file system's own records,
/// and the sync that every commit waits for would have to write those too. Direct and in small pieces, since a sync
/// of all of it at once would hold up the commits that go on beside it.
Result<void> SegmentFiles::fill(const std::string& path, std::uint64_t bytes) const {
  bool direct = true;
  auto file = open(path, FileUse::kMake, direct, "making ");
  if (!file) return std::unexpected(file.error());
  if (const auto reserved = system_->reserve(file->get(), bytes); reserved != 0) {
    return system_failure("reserving " + std::to_string(bytes) + " bytes for " + path, -reserved);
  }
  const BlockBytes zeros(kFillBytes);
  for (std::uint64_t at = 0; at < bytes;) {
    const auto size = std::min<std::uint64_t>(kFillBytes, bytes - at);
    bool invalid = false;
    auto written = write_fully(*file, at, ByteView(zeros).first(size), invalid);
    if (!written && invalid && direct) {
      direct = false;
      file = open(path, FileUse::kWrite, direct, "opening ");
      if (!file) return std::unexpected(file.error());
      continue;
    }
    if (!written) return written;
    at += size;
    if (!direct) {
      if (auto synced = sync_data(*file); !synced) return synced;
    }
  }
  if (const auto synced = system_->sync(file->get()); synced != 0) return system_failure("syncing " + path, -synced);
  return {};
}

Result<void> SegmentFiles::check_room(std::uint64_t bytes) const {
  std::uint64_t free = 0;
  if (const auto asked = system_->free_bytes(directory_, free); asked != 0) {
    return system_failure("asking for the room in " + directory_, -asked);
  }
  if (free >= bytes + free_bytes_min_) return {};
  return busy("the disk of " + directory_ + " is full: " + std::to_string(free) + " bytes are free, a segment takes " +
                  std::to_string(bytes) + " and " + std::to_string(free_bytes_min_) + " stay free",
              1'000);
}

Result<void> SegmentFiles::remove(SegmentNumber segment) const {
  if (const auto gone = system_->remove(path(segment)); gone != 0 && gone != -ENOENT) {
    return system_failure("removing " + path(segment), -gone);
  }
  QUIPU_FAILPOINT("segment.removed");
  return sync_directory();
}

Result<void> SegmentFiles::sync_directory() const { return sync(directory_, "syncing " + directory_); }

Result<void> SegmentFiles::sync(const std::string& directory, const std::string& what) const {
  const auto fd = system_->open(directory, FileUse::kDirectory, false);
  if (fd < 0) return system_failure(what, -fd);
  const FileDescriptor file(*system_, fd);
  if (const auto synced = system_->sync(file.get()); synced != 0) return system_failure(what, -synced);
  return {};
}

Result<void> read_fully(const FileDescriptor& file, std::uint64_t at, std::span<std::byte> out) {
  while (!out.empty()) {
    const auto size = file.system().read(file.get(), at, out);
    if (size == -EINTR) continue;
    if (size < 0) return system_failure("reading at byte " + std::to_string(at), static_cast<int>(-size));
    if (size == 0) return failure(Code::kDamaged, "the file ends at byte " + std::to_string(at));
    out = out.subspan(static_cast<std::size_t>(size));
    at += static_cast<std::uint64_t>(size);
  }
  return {};
}

Result<void> write_fully(const FileDescriptor& file, std::uint64_t at, ByteView bytes, bool& invalid) {
  invalid = false;
  for (bool first = true; !bytes.empty(); first = false) {
    const auto size = file.system().write(file.get(), at, bytes);
    if (size == -EINTR) continue;
    if (size < 0) {
      invalid = first && size == -EINVAL;
      return system_failure("writing " + std::to_string(bytes.size()) + " bytes at " + std::to_string(at),
                            static_cast<int>(-size));
    }
    bytes = bytes.subspan(static_cast<std::size_t>(size));
    at += static_cast<std::uint64_t>(size);
  }
  return {};
}

Result<void> sync_data(const FileDescriptor& file) {
  if (const auto synced = file.system().sync_data(file.get()); synced != 0) return system_failure("syncing", -synced);
  return {};
}

}  // namespace quipu
