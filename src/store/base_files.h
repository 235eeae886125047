#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "store/counter_store.h"

namespace quipu {

/// The bases of a store as directories: a checkpoint of the store, and the id windows in a file beside it.
///
///   bases/0000000123456/store/     what the store's checkpoint wrote
///   bases/0000000123456/windows    checked by its checksum (docs/formats/row.md, bases)
///   bases/0000000123456.tmp/       in the making, or being removed: no base
///
/// Promise: a base that has its final name is whole and durable; the newest two are kept. No call is thread-safe; all
/// of them wait for the disk.
class BaseFiles {
 public:
  /// Opens or makes `directory`, and removes what a crash left half done in it.
  static Result<BaseFiles> open(std::string directory);

  /// Looks at a directory that is there and changes nothing in it; one that is not there has no bases.
  static Result<BaseFiles> open_to_read(std::string directory);

  /// The base at one of `offsets`. kDamaged, naming the file, where it is broken.
  Result<Base> read(Offset offset) const;
  /// Where the checkpoint of that base is.
  std::string checkpoint_path(Offset offset) const { return path_of(offset) + "/store"; }

  /// The newest readable base at or below `offset`. One that is broken is passed over for an older one; where only
  /// broken ones are there it is kDamaged, naming the newest of them.
  Result<std::optional<Base>> newest(Offset offset) const;

  /// Where the checkpoint of a base at `offset` is to be put: a directory that does not exist yet, in one that does.
  Result<std::string> begin(Offset offset);
  /// Gives the base with the checkpoint at begin's place its final name, then drops all but the newest two. Those at
  /// or above its offset are of an older log, whose offsets mean nothing any more: they are dropped too.
  Result<void> finish(const Base& base);
  /// Removes what begin made.
  void abandon(Offset offset);

  /// The offset of the oldest base that has its final name; kNoOffset when there is none.
  Offset oldest() const { return offsets_.empty() ? kNoOffset : offsets_.front(); }
  const std::vector<Offset>& offsets() const { return offsets_; }

 private:
  explicit BaseFiles(std::string directory) : directory_(std::move(directory)) {}
  std::string path_of(Offset offset) const;
  Result<std::vector<std::string>> list();
  Result<void> drop(std::size_t index);

  std::string directory_;
  std::vector<Offset> offsets_;  // Rising.
};

/// The bytes of a base's `windows` file, both ways. Reading refuses whatever was altered as kDamaged.
Bytes windows_file(const Base& base);
Result<Base> read_windows_file(ByteView bytes);

}  // namespace quipu
