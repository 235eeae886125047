#include "node/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <limits>
#include <span>
#include <string_view>
#include <system_error>

#include "store/durable_files.h"

namespace quipu {
namespace {

/// What may come to an identity after it was made: more digits, and another place.
constexpr std::size_t kIdentityGrowthBytes = 4096;
constexpr std::size_t kLeftBytesMax = 16 * 1024;
constexpr std::array<std::string_view, 3> kFolders = {"log", "store", "bases"};
/// What may stand in a directory that has no identity yet: what its making leaves behind, and the root of a disk.
constexpr std::array<std::string_view, 3> kHarmless = {"LOCK", "identity.tmp", "lost+found"};

Result<void> fill_random(std::span<std::byte> out) {
  while (!out.empty()) {
    const auto size = ::getrandom(out.data(), out.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return system_failure("cannot get random numbers", errno);
    out = out.subspan(static_cast<std::size_t>(size));
  }
  return {};
}

template <class T>
Result<void> randomize(T& value) {
  return fill_random(std::as_writable_bytes(std::span(&value, 1)));
}

std::string identity_path(const std::string& path) { return path + "/identity"; }

std::string left_path(const std::string& path) { return path + "/left"; }

std::string aside_path(const std::string& path, Generation generation) {
  return path + "/log.generation-" + std::to_string(generation.value);
}

Result<bool> exists(const std::string& path) {
  std::error_code error;
  const bool there = std::filesystem::exists(path, error);
  if (error) return system_failure("cannot look for " + path, error.value());
  return there;
}

Result<DirectoryIdentity> read_identity(const std::string& path) {
  const auto bytes = read_file(identity_path(path), kIdentityBytesMax);
  if (!bytes) return std::unexpected(bytes.error());
  auto identity = read_identity_text(as_text(*bytes));
  if (!identity) return failure(identity.error().code, path + "/" + identity.error().what);
  return identity;
}

Result<void> write_identity(const std::string& path, const DirectoryIdentity& identity) {
  return replace_file(identity_path(path), as_bytes(identity_text(identity)));
}

Result<std::vector<std::string>> names_in(const std::string& path) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    names.push_back(at->path().filename().string());
  }
  if (error) return system_failure("cannot list " + path, error.value());
  return names;
}

/// Closes a directory to all but its owner. Somebody may have opened it since it was made.
Result<void> keep_private(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return system_failure("cannot look at " + path, errno);
  if ((status.st_mode & 077) == 0 || ::chmod(path.c_str(), 0700) == 0) return {};
  return failure(Code::kRefused, path + " is open to others than its owner, and can not be closed by this process: " +
                                     "run: chmod 700 " + path);
}

/// Refuses a directory in which a new one may not be made.
Result<void> check_fresh(const std::string& path) {
  const auto names = names_in(path);
  if (!names) return std::unexpected(names.error());
  for (const auto& name : *names) {
    if (std::find(kHarmless.begin(), kHarmless.end(), name) != kHarmless.end()) continue;
    if (std::find(kFolders.begin(), kFolders.end(), name) == kFolders.end()) {
      return failure(Code::kRefused, path + " is no data directory of Quipu, and has something in it (" + name +
                                         "): give an empty one, or one that does not exist");
    }
    std::error_code error;
    const bool empty = std::filesystem::is_empty(path + "/" + name, error);
    if (error) return system_failure("cannot list " + path + "/" + name, error.value());
    if (!empty) {
      return failure(Code::kDamaged, path + " has something in " + name +
                                         "/, but no file `identity`: bring the file back from where the directory "
                                         "came from");
    }
  }
  return {};
}

Result<DirectoryIdentity> new_identity(const DirectoryOptions& options) {
  DirectoryIdentity identity;
  identity.log.generation = Generation{1};
  identity.partitions = identity.id_partitions = options.partitions;
  identity.resp_namespaces = options.resp_namespaces;
  if (auto drawn = randomize(identity.log.random); !drawn) return std::unexpected(drawn.error());
  if (auto drawn = randomize(identity.node.node); !drawn) return std::unexpected(drawn.error());
  if (auto drawn = randomize(identity.secret); !drawn) return std::unexpected(drawn.error());
  return identity;
}

/// Makes what is missing, the identity last: where it stands, all of it stands.
Result<DirectoryIdentity> create(const std::string& path, const DirectoryOptions& options) {
  if (auto fresh = check_fresh(path); !fresh) return std::unexpected(fresh.error());
  auto identity = new_identity(options);
  if (!identity) return identity;
  // What is written here must be read by the next open.
  if (const auto bytes = identity_text(*identity).size() + kIdentityGrowthBytes; bytes > kIdentityBytesMax) {
    return failure(Code::kRefused, path + ": the names in resp.namespaces are too many: the identity would have " +
                                       std::to_string(bytes) + " bytes, more than " +
                                       std::to_string(kIdentityBytesMax));
  }
  if (auto closed = keep_private(path); !closed) return std::unexpected(closed.error());
  for (const auto folder : kFolders) {
    if (auto made = make_directory(path + "/" + std::string(folder)); !made) return std::unexpected(made.error());
  }
  // An earlier start may have made it and ended before this.
  if (auto synced = sync_path(parent_of(path)); !synced) return std::unexpected(synced.error());
  return identity;
}

std::string unfinished_text(const std::string& path, const std::string& aside) {
  return path + ": the log was set aside as " + aside +
         ", but the next one was not begun. To complete that, run: quipu log adopt --new-generation --data " + path;
}

Result<void> check(const std::string& path, const DirectoryIdentity& identity, const DirectoryPlace& here,
                   const DirectoryOptions& options) {
  const auto left = read_file(left_path(path), kLeftBytesMax);
  if (left) {
    return failure(Code::kRefused, path + " was left: its totals were brought to " + std::string(as_text(*left)) +
                                       ". What it counted now would not be there. Where that was given up, remove " +
                                       left_path(path));
  }
  if (left.error().code != Code::kNotFound) return std::unexpected(left.error());
  if (const auto differs = differences(identity.place, here); !differs.empty()) {
    return failure(Code::kRefused,
                   path + " was copied or moved to this place (" + differs +
                       "): if the original served on, events would be counted twice. When it is gone for good, "
                       "run: quipu log adopt --data " +
                       path);
  }
  if (identity.partitions != options.partitions) {
    return failure(Code::kRefused, path + " was made with " + std::to_string(identity.partitions) +
                                       " partitions, but log.partitions (--partitions) is " +
                                       std::to_string(options.partitions) + ": the number is fixed when it is made");
  }
  const auto was = namespaces_text(identity.resp_namespaces);
  const auto is = namespaces_text(options.resp_namespaces);
  if (was != is) {
    return failure(Code::kRefused, path + " was made with resp.namespaces [" + was + "], but it is [" + is +
                                       "]: the list is fixed when it is made, since keys of RESP would become other "
                                       "counters");
  }
  const auto aside = aside_path(path, identity.log.generation);
  const auto unfinished = exists(aside);
  if (!unfinished) return std::unexpected(unfinished.error());
  if (*unfinished) return failure(Code::kRefused, unfinished_text(path, aside));
  std::error_code error;
  if (!std::filesystem::is_directory(path + "/log", error)) {
    return failure(Code::kDamaged, path +
                                       " has no log/, but an identity: bring the log back, or, if it is lost, run: "
                                       "quipu log adopt --new-generation --data " +
                                       path);
  }
  return {};
}

Result<void> check_options(const DirectoryOptions& options) {
  if (options.partitions < 1 || options.partitions > kPartitionsMax) {
    return failure(Code::kRefused, "log.partitions is " + std::to_string(options.partitions) + ", allowed are 1 to " +
                                       std::to_string(kPartitionsMax));
  }
  for (const auto& name : options.resp_namespaces) {
    const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
    if (!plain) return failure(Code::kRefused, "resp.namespaces: " + name + " is no name of a namespace");
  }
  return {};
}

/// The path from the root, without dots: errors then say which directory it is wherever the process was started.
Result<std::string> full_path(const std::string& path) {
  if (path.empty()) return failure(Code::kRefused, "data.dir is empty");
  std::error_code error;
  const auto absolute = std::filesystem::absolute(path, error);
  if (error) return system_failure("cannot find " + path, error.value());
  auto text = absolute.lexically_normal().string();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

}  // namespace

Result<DirectoryLock> DirectoryLock::acquire(const std::string& directory) {
  const auto path = directory + "/LOCK";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return system_failure("cannot open " + path, errno);
  DirectoryLock lock(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return system_failure("cannot lock " + path, errno);
    std::array<char, 32> text{};
    const auto size = ::pread(fd, text.data(), text.size() - 1, 0);
    std::string_view pid(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    pid = pid.substr(0, pid.find('\n'));
    return failure(Code::kRefused, directory + " is in use by another process" +
                                       (pid.empty() ? std::string() : " (" + std::string(pid) + ")"));
  }
  // For people and for the message above; the lock is what counts.
  const auto text = "pid " + std::to_string(::getpid()) + "\n";
  bool written = ::ftruncate(fd, 0) == 0;
  while (written && ::pwrite(fd, text.data(), text.size(), 0) < 0) written = errno == EINTR;
  if (!written) return system_failure("cannot write " + path, errno);
  return lock;
}

DirectoryLock::~DirectoryLock() {
  if (fd_ >= 0) ::close(fd_);
}

Result<DataDirectory> DataDirectory::open(const std::string& path, const DirectoryOptions& options) {
  if (auto valid = check_options(options); !valid) return std::unexpected(valid.error());
  auto full = full_path(path);
  if (!full) return std::unexpected(full.error());
  if (auto made = make_directory(*full); !made) return std::unexpected(made.error());
  // Looked at before the lock is made too: nothing is put into a directory that is somebody else's.
  std::error_code error;
  if (!std::filesystem::exists(identity_path(*full), error)) {
    if (auto fresh = check_fresh(*full); !fresh) return std::unexpected(fresh.error());
  }
  auto lock = DirectoryLock::acquire(*full);
  if (!lock) return std::unexpected(lock.error());
  const auto here = place_of(*full, options.machine_id_file);
  if (!here) return std::unexpected(here.error());
  auto identity = read_identity(*full);
  if (identity) {
    if (auto checked = check(*full, *identity, *here, options); !checked) return std::unexpected(checked.error());
    if (auto closed = keep_private(*full); !closed) return std::unexpected(closed.error());
  } else if (identity.error().code == Code::kNotFound) {
    identity = create(*full, options);
  }
  if (!identity) return std::unexpected(identity.error());
  if (identity->node.boot == std::numeric_limits<std::uint32_t>::max()) {
    return failure(Code::kRefused,
                   *full + " was opened as often as can be counted: run: quipu log adopt --data " + *full);
  }
  ++identity->node.boot;
  identity->place = completed(*here, identity->place);  // What was not known before may be now.
  if (auto written = write_identity(*full, *identity); !written) return std::unexpected(written.error());
  return DataDirectory(std::move(*full), std::move(*lock), std::move(*identity));
}

Result<DataDirectory> DataDirectory::hold(const std::string& path) {
  auto full = full_path(path);
  if (!full) return std::unexpected(full.error());
  const auto there = exists(identity_path(*full));
  if (!there) return std::unexpected(there.error());
  if (!*there) return failure(Code::kNotFound, *full + " is no data directory of Quipu");
  auto lock = DirectoryLock::acquire(*full);
  if (!lock) return std::unexpected(lock.error());
  auto identity = read_identity(*full);
  if (!identity) return std::unexpected(identity.error());
  return DataDirectory(std::move(*full), std::move(*lock), std::move(*identity));
}

Result<void> DataDirectory::leave(std::string_view where) const {
  return replace_file(left_path(path_), as_bytes(where.substr(0, kLeftBytesMax)));
}

Result<bool> DataDirectory::left() const { return exists(left_path(path_)); }

std::string DataDirectory::aside_dir() const { return aside_path(path_, identity_.log.generation); }

Result<DataDirectory::Adopted> DataDirectory::adopt(Log log, const DirectoryOptions& options) {
  Adopted adopted{identity_, identity_};
  const auto place = place_of(path_, options.machine_id_file);
  if (!place) return std::unexpected(place.error());
  adopted.after.place = *place;
  adopted.after.node.boot = 0;
  if (auto drawn = randomize(adopted.after.node.node); !drawn) return std::unexpected(drawn.error());
  if (log == Log::kSame) {
    const auto unfinished = exists(aside_dir());
    if (!unfinished) return std::unexpected(unfinished.error());
    if (*unfinished) return failure(Code::kRefused, unfinished_text(path_, aside_dir()));
  } else {
    if (identity_.log.generation.value == kGenerationMax) {
      return failure(Code::kRefused, path_ + " has had as many logs as can be counted");
    }
    const auto there = exists(log_dir());
    if (!there) return std::unexpected(there.error());
    if (*there) {
      const auto names = names_in(log_dir());
      if (!names) return std::unexpected(names.error());
      if (!names->empty()) {
        return failure(Code::kRefused, log_dir() + " still holds the old log: it has to be set aside first");
      }
    }
    ++adopted.after.log.generation.value;
    if (auto drawn = randomize(adopted.after.log.random); !drawn) return std::unexpected(drawn.error());
  }
  if (auto written = write_identity(path_, adopted.after); !written) return std::unexpected(written.error());
  identity_ = adopted.after;
  if (log == Log::kNew) {
    // Where the log was lost its directory comes last: an empty one would pass for the old log's.
    if (auto made = make_directory(log_dir()); !made) return std::unexpected(made.error());
  }
  return adopted;
}

Result<DataDirectory::Adopted> DataDirectory::adopt(const std::string& path, Log log, const DirectoryOptions& options) {
  auto held = hold(path);
  if (!held) return std::unexpected(held.error());
  return held->adopt(log, options);
}

Result<std::string> DataDirectory::set_aside_log() const {
  const auto log = log_dir();
  auto aside = aside_dir();
  std::error_code error;
  const bool done = std::filesystem::exists(aside, error);
  // A directory, or whatever else stands in its place.
  const bool there = std::filesystem::exists(log, error) && !std::filesystem::is_empty(log, error);
  if (error) return system_failure("cannot list " + log, error.value());
  if (done && there) {
    return failure(Code::kRefused, aside + " exists, and " + log + " is not empty: move one of them away");
  }
  if (there) {
    std::filesystem::rename(log, aside, error);
    if (error) return system_failure("cannot rename " + log, error.value());
  } else if (!done) {
    return failure(Code::kNotFound, log + " is empty: there is no log to set aside");
  }
  if (auto made = make_directory(log); !made) return std::unexpected(made.error());
  if (auto synced = sync_path(path_); !synced) return std::unexpected(synced.error());
  return aside;
}

Result<std::string> DataDirectory::set_aside_log(const std::string& path) {
  const auto held = hold(path);
  if (!held) return std::unexpected(held.error());
  return held->set_aside_log();
}

}  // namespace quipu
