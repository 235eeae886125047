#include "store/base_files.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "base/bytes.h"
#include "base/failpoint.h"
#include "base/hash.h"
#include "store/durable_files.h"

namespace quipu {
namespace {

constexpr std::size_t kBasesKept = 2;
constexpr std::size_t kNameDigits = 13;  // Of the largest offset, 2^40 - 2: so names are in the order of offsets.
constexpr std::uint32_t kWindowsMagic = 0x46575142;  // "BQWF"
constexpr std::uint32_t kWindowsVersion = 1;
constexpr std::size_t kWindowsHeaderBytes = 32;
/// Windows of ids are 28 bytes an id: this is 1,024 partitions of 1,000,000 ids, with room.
constexpr std::size_t kWindowsFileBytesMax = std::size_t{32} << 30;

std::optional<Offset> offset_of_name(const std::string& name) {
  if (name.size() != kNameDigits) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), value);
  if (error != std::errc() || end != name.data() + name.size() || value > kOffsetMax || value == 0) {
    return std::nullopt;
  }
  return Offset{value};
}

}  // namespace

Bytes windows_file(const Base& base) {
  Bytes bytes;
  bytes.reserve(kWindowsHeaderBytes + base.windows.size());
  put(bytes, kWindowsMagic);
  put(bytes, kWindowsVersion);
  put(bytes, base.offset.value);
  put(bytes, static_cast<std::uint64_t>(base.windows.size()));
  const auto seed = hash64(bytes, 0);
  put(bytes, hash64(base.windows, seed));
  put(bytes, base.windows);
  return bytes;
}

Result<Base> read_windows_file(ByteView bytes) {
  ByteCursor cursor(bytes);
  const auto magic = cursor.take<std::uint32_t>();
  const auto version = cursor.take<std::uint32_t>();
  const auto offset = cursor.take<std::uint64_t>();
  const auto size = cursor.take<std::uint64_t>();
  const auto header_end = cursor.position();
  const auto checksum = cursor.take<std::uint64_t>();
  if (!magic || !version || !offset || !size || !checksum || *magic != kWindowsMagic) {
    return failure(Code::kDamaged, "it does not begin as a file of windows does");
  }
  if (*version != kWindowsVersion) {
    return failure(Code::kDamaged, "it has version " + std::to_string(*version) + ", this program reads version " +
                                       std::to_string(kWindowsVersion));
  }
  if (*size != cursor.remaining()) {
    return failure(Code::kDamaged, "it holds " + std::to_string(cursor.remaining()) + " bytes of windows, expected " +
                                       std::to_string(*size));
  }
  const auto windows = *cursor.take(cursor.remaining());
  if (hash64(windows, hash64(bytes.first(header_end), 0)) != *checksum) {
    return failure(Code::kDamaged, "its checksum is wrong");
  }
  return Base{Offset{*offset}, Bytes(windows.begin(), windows.end())};
}

Result<BaseFiles> BaseFiles::open(std::string directory) {
  BaseFiles files(std::move(directory));
  if (auto made = make_directory(files.directory_); !made) return std::unexpected(made.error());
  const auto leftovers = files.list();
  if (!leftovers) return std::unexpected(leftovers.error());
  for (const auto& leftover : *leftovers) {
    if (auto removed = remove_tree(leftover); !removed) return std::unexpected(removed.error());
  }
  return files;
}

Result<BaseFiles> BaseFiles::open_to_read(std::string directory) {
  BaseFiles files(std::move(directory));
  std::error_code error;
  const bool there = std::filesystem::is_directory(files.directory_, error);
  if (!there) return files;
  if (auto listed = files.list(); !listed) return std::unexpected(listed.error());
  return files;
}

/// Fills `offsets_`, and answers what a crash left half done.
Result<std::vector<std::string>> BaseFiles::list() {
  std::error_code error;
  std::vector<std::string> leftovers;
  for (std::filesystem::directory_iterator at(directory_, error), end; !error && at != end; at.increment(error)) {
    const auto name = at->path().filename().string();
    if (name.ends_with(".tmp")) leftovers.push_back(at->path().string());
    if (const auto offset = offset_of_name(name)) offsets_.push_back(*offset);
  }
  if (error) return system_failure("cannot list " + directory_, error.value());
  std::sort(offsets_.begin(), offsets_.end());
  return leftovers;
}

std::string BaseFiles::path_of(Offset offset) const {
  auto digits = std::to_string(offset.value);
  digits.insert(0, kNameDigits - digits.size(), '0');
  return directory_ + "/" + digits;
}

Result<Base> BaseFiles::read(Offset offset) const {
  const auto path = path_of(offset) + "/windows";
  auto bytes = read_file(path, kWindowsFileBytesMax);
  if (!bytes) return failure(Code::kDamaged, bytes.error().what);
  auto base = read_windows_file(*bytes);
  if (!base) return failure(base.error().code, path + ": " + base.error().what);
  if (base->offset != offset) {
    return failure(Code::kDamaged, path + ": it is of offset " + std::to_string(base->offset.value));
  }
  if (std::error_code error; !std::filesystem::exists(path_of(offset) + "/store/CURRENT", error)) {
    return failure(Code::kDamaged, path_of(offset) + "/store: no checkpoint of the store is in it");
  }
  return base;
}

Result<std::optional<Base>> BaseFiles::newest(Offset offset) const {
  std::optional<Error> broken;
  for (auto at = offsets_.rbegin(); at != offsets_.rend(); ++at) {
    if (*at > offset) continue;
    auto base = read(*at);
    if (base) return std::optional<Base>(std::move(*base));
    if (!broken) broken = base.error();
  }
  if (broken) return std::unexpected(*broken);
  return std::optional<Base>();
}

Result<std::string> BaseFiles::begin(Offset offset) {
  const auto path = path_of(offset) + ".tmp";
  if (auto removed = remove_tree(path); !removed) return std::unexpected(removed.error());
  if (auto made = make_directory(path); !made) return std::unexpected(made.error());
  return path + "/store";
}

Result<void> BaseFiles::finish(const Base& base) {
  const auto path = path_of(base.offset);
  const auto fresh = path + ".tmp";
  if (auto written = replace_file(fresh + "/windows", windows_file(base)); !written) return written;
  if (auto synced = sync_tree(fresh); !synced) return synced;
  QUIPU_FAILPOINT("base.filled");
  if (auto replaced = replace_tree(fresh, path); !replaced) return replaced;
  QUIPU_FAILPOINT("base.named");
  const auto place = std::lower_bound(offsets_.begin(), offsets_.end(), base.offset);
  if (place == offsets_.end() || *place != base.offset) offsets_.insert(place, base.offset);
  while (offsets_.back() > base.offset) {
    if (auto dropped = drop(offsets_.size() - 1); !dropped) return dropped;
  }
  while (offsets_.size() > kBasesKept) {
    if (auto dropped = drop(0); !dropped) return dropped;
  }
  return {};
}

Result<void> BaseFiles::drop(std::size_t index) {
  // Under another name first: a base with its final name is always whole.
  const auto path = path_of(offsets_[index]);
  if (auto removed = remove_tree(path + ".tmp"); !removed) return removed;
  std::error_code error;
  std::filesystem::rename(path, path + ".tmp", error);
  if (error) return system_failure("cannot rename " + path, error.value());
  offsets_.erase(offsets_.begin() + static_cast<std::ptrdiff_t>(index));
  if (auto synced = sync_path(directory_); !synced) return synced;
  return remove_tree(path + ".tmp");
}

void BaseFiles::abandon(Offset offset) {
  // What cannot be removed now is removed at the next begin of this offset or the next start.
  if (auto removed = remove_tree(path_of(offset) + ".tmp"); !removed) return;
}

}  // namespace quipu
