#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/identifiers.h"
#include "base/result.h"

namespace quipu {

/// The ordinal of a segment file, from 1.
using SegmentNumber = Strong<struct SegmentTag, std::uint64_t>;

/// A segment file as it lies in the directory.
struct SegmentFile {
  SegmentNumber number{};
  std::uint64_t bytes = 0;
};

/// What became of something that a LogDisk was asked to begin.
struct DiskCompletion {
  enum class Kind : std::uint8_t { kWrite, kCreate, kRemove };
  Kind kind = Kind::kWrite;
  SegmentNumber segment{};
  /// kWrite: an error means that any part of the bytes may be on the disk, now or later.
  /// kCreate: kBusy when there is no room for it; no file is left then.
  Result<void> outcome{};
};

/// The few things that the segment log asks of a disk. Calls without `begin_` return when they are done and may block:
/// they are for opening a log, and `read`. What `begin_` starts is answered by `take_completions`.
///
/// Promise: what `write` and a completed `begin_write` wrote, and what was created or removed, survives a power cut,
/// the directory's entry with it. Nothing else does: of a write that is under way any 512-byte pieces may.
/// Thread: all calls on the owner's thread, but of a real disk `read` and `name`, which any may make.
/// After a write failed the disk is never written again: a later sync of the same file may answer "done" with the
/// data gone. Every later write is answered with the first error.
class LogDisk {
 public:
  virtual ~LogDisk() = default;

  /// The segments that are there, in the order of their numbers. Half-made ones are removed.
  virtual Result<std::vector<SegmentFile>> list() = 0;

  /// Fills `out` from byte `at` of a segment. A file that ends before is kDamaged.
  virtual Result<void> read(SegmentNumber segment, std::uint64_t at, std::span<std::byte> out) = 0;

  /// Writes and syncs.
  virtual Result<void> write(SegmentNumber segment, std::uint64_t at, ByteView bytes) = 0;
  /// Makes a segment of `bytes` zeros, all of them written and not only reserved, durable with its directory. It
  /// appears whole or not at all. kBusy when there is no room.
  virtual Result<void> create(SegmentNumber segment, std::uint64_t bytes) = 0;
  virtual Result<void> remove(SegmentNumber segment) = 0;

  /// Begins to write and sync. `bytes` must stay as they are until the completion, begin at an address and have a
  /// size that are multiples of 4096, as `at` is. One at a time.
  virtual void begin_write(SegmentNumber segment, std::uint64_t at, ByteView bytes) = 0;
  virtual void begin_create(SegmentNumber segment, std::uint64_t bytes) = 0;
  virtual void begin_remove(SegmentNumber segment) = 0;

  /// Appends what has been completed since the last call.
  virtual void take_completions(std::vector<DiskCompletion>& out) = 0;

  /// For the end of a log's life: returns when no write is under way, so that its bytes may be freed. What else was
  /// begun is done or was never begun, and what was completed is forgotten, so that another log can be opened on this
  /// disk.
  virtual void wait_for_write() = 0;

  /// Tells that the log has begun or finished to move on to its next segment. Only observers care.
  virtual void rolling(bool active) { (void)active; }

  /// How operators know the segment, such as `log/segment-0000000012`.
  virtual std::string name(SegmentNumber segment) const = 0;
};

}  // namespace quipu
