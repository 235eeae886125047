#pragma once

#include <string>

#include "base/bytes.h"
#include "base/result.h"

/// Files that are there after a power cut, or as they were before; never in between. All of these wait for the disk.
/// Errors name the path and what the system said: kBusy where the disk is full, kRefused otherwise.
namespace quipu {

/// Makes `bytes` the content of `path`: written as `path` + ".tmp", synced, renamed, and the directory synced.
/// After an error `path` holds what it held before, or, where only the last sync failed, either of both.
Result<void> replace_file(const std::string& path, ByteView bytes);

/// The content of a file. kNotFound when there is none; kTooLarge beyond `size_max`.
Result<Bytes> read_file(const std::string& path, std::size_t size_max);

/// Makes a directory of mode 0700, whatever the umask is, and syncs the directory that it stands in. One that is there
/// is left as it is. Parents are not made.
Result<void> make_directory(const std::string& path);

/// Syncs a file's content, or the names in a directory.
Result<void> sync_path(const std::string& path);

/// Syncs every file and directory at and below `path`.
Result<void> sync_tree(const std::string& path);

/// Removes `path` and everything below it. Nothing there is no error.
Result<void> remove_tree(const std::string& path);

/// Puts `from` in the place of `to`, which may be a directory with something in it, at once: after a crash `to` is the
/// old or the new one. Then syncs the directory that `to` stands in, and removes the old one.
Result<void> replace_tree(const std::string& from, const std::string& to);

/// The directory that a path stands in.
std::string parent_of(const std::string& path);

/// The failure of a system call: `what` and the text of `error` (an errno).
std::unexpected<Error> system_failure(const std::string& what, int error);

}  // namespace quipu
