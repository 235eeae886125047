#include "node/directory_place.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/bytes.h"
#include "base/hash.h"
#include "store/durable_files.h"

namespace quipu {
namespace {

constexpr std::size_t kMachineIdBytesMax = 4096;
constexpr std::size_t kMachineIdDigits = 32;
constexpr long kZfsMagic = 0x2fc12fc1;

/// The id of a machine is not to be shown around, so only its hash is kept.
std::string machine_hash(const std::string& machine_id_file) {
  const auto bytes = read_file(machine_id_file, kMachineIdBytesMax);
  if (!bytes || bytes->size() < kMachineIdDigits) return "";
  const auto id = as_text(*bytes).substr(0, kMachineIdDigits);
  if (id.find_first_not_of("0123456789abcdef") != std::string_view::npos) return "";
  const auto hash = hash128(as_bytes(id), 0);
  return hex_digits(hash.high) + hex_digits(hash.low);
}

std::optional<std::uint64_t> inode_version(int fd) {
  long version = 0;  // The call is declared with a long, and file systems fill in an int.
  if (::ioctl(fd, FS_IOC_GETVERSION, &version) != 0) return std::nullopt;
  return static_cast<std::uint32_t>(version);
}

/// Of these it comes from an id on the disk; others make it from the device's number, which changes.
std::optional<std::uint64_t> filesystem_id(int fd) {
  struct statfs status{};
  if (::fstatfs(fd, &status) != 0) return std::nullopt;
  if (status.f_type != EXT4_SUPER_MAGIC && status.f_type != BTRFS_SUPER_MAGIC && status.f_type != kZfsMagic) {
    return std::nullopt;
  }
  std::uint64_t id = 0;
  static_assert(sizeof(status.f_fsid) == sizeof(id));
  std::memcpy(&id, &status.f_fsid, sizeof(id));
  return id;
}

void differ(std::string& out, const char* name, std::uint64_t was, std::uint64_t is) {
  if (was == is) return;
  if (!out.empty()) out += "; ";
  out += std::string(name) + " " + std::to_string(is) + ", was " + std::to_string(was);
}

}  // namespace

std::string hex_digits(std::uint64_t value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(16, '0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = kDigits[value >> (60 - 4 * i) & 15];
  return text;
}

DirectoryPlace completed(DirectoryPlace is, const DirectoryPlace& was) {
  if (is.machine.empty()) is.machine = was.machine;
  if (!is.inode_version) is.inode_version = was.inode_version;
  if (!is.born_ns) is.born_ns = was.born_ns;
  if (!is.filesystem) is.filesystem = was.filesystem;
  return is;
}

Result<DirectoryPlace> place_of(const std::string& directory, const std::string& machine_id_file) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return system_failure("cannot open " + directory, errno);
  DirectoryPlace place;
  struct statx status{};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &status) != 0) {
    const int error = errno;
    ::close(fd);
    return system_failure("cannot examine " + directory, error);
  }
  place.inode = status.stx_ino;
  place.device = makedev(status.stx_dev_major, status.stx_dev_minor);
  if ((status.stx_mask & STATX_BTIME) != 0) {
    place.born_ns = static_cast<std::uint64_t>(status.stx_btime.tv_sec) * 1'000'000'000 + status.stx_btime.tv_nsec;
  }
  place.inode_version = inode_version(fd);
  place.filesystem = filesystem_id(fd);
  ::close(fd);
  place.machine = machine_hash(machine_id_file);
  return place;
}

std::string differences(const DirectoryPlace& was, const DirectoryPlace& is) {
  std::string text;
  bool sure = false;
  const auto compare = [&](const char* name, const auto& before, const auto& now) {
    if (!before || !now) return;
    sure = true;
    differ(text, name, *before, *now);
  };
  differ(text, "inode", was.inode, is.inode);
  compare("inode version", was.inode_version, is.inode_version);
  compare("time of birth in ns", was.born_ns, is.born_ns);
  compare("file system id", was.filesystem, is.filesystem);
  if (!sure) differ(text, "device", was.device, is.device);
  if (!was.machine.empty() && !is.machine.empty() && was.machine != is.machine) {
    text += text.empty() ? "machine id" : "; machine id";
  }
  return text;
}

}  // namespace quipu
