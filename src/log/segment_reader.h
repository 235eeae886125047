#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "base/identifiers.h"
#include "base/result.h"
#include "log/event_log.h"
#include "log/log_disk.h"
#include "log/segment_format.h"

namespace quipu {

/// Reads forward through one segment, a window at a time, so that small groups do not cost a read each.
/// Thread: its owner's. Blocks on the disk.
class SegmentReader {
 public:
  /// `bytes` is the size of the segment; `window_bytes` how much is read at once where no more is asked for; `memory`
  /// is what the window begins with, and is made larger where needed.
  SegmentReader(LogDisk& disk, SegmentNumber segment, std::uint64_t bytes, std::size_t window_bytes, Bytes memory = {})
      : disk_(disk), segment_(segment), bytes_(bytes), window_bytes_(window_bytes), window_(std::move(memory)) {}

  SegmentNumber segment() const { return segment_; }
  std::uint64_t bytes() const { return bytes_; }

  /// The bytes [at, at + size), which must lie in the segment. They live until the next call.
  Result<ByteView> view(std::uint64_t at, std::size_t size);

  /// The header of the group at `at`, which must be one of this segment and position, begin with offset `first`, and
  /// lie inside the segment. Else kDamaged (or kRefused for a newer version) with the file and the place.
  Result<GroupHeader> group_header(std::uint64_t at, std::uint64_t seed, Offset first);

  /// All bytes of that group, checked. They live until the next call.
  Result<ByteView> group(const GroupHeader& header, std::uint64_t seed);

  /// Whether the last error was the disk's, which says nothing of what is written there.
  bool unreadable() const { return unreadable_; }

  /// The window's memory, for the next reader. Nothing is read with this one any more.
  Bytes take_memory() { return std::move(window_); }

 private:
  LogDisk& disk_;
  SegmentNumber segment_;
  std::uint64_t bytes_;
  std::size_t window_bytes_;
  Bytes window_;
  std::uint64_t window_at_ = 0;
  std::size_t window_size_ = 0;
  bool unreadable_ = false;
};

/// Adds the frames of a group that was checked, from `out.next` on, to `out` if they are of the partition (nullopt: of
/// any), and moves `out.next` behind the group. `first` is the offset of the first of them.
void take_frames(std::optional<PartitionId> partition, Offset first, ByteView frames, LogRead& out);

}  // namespace quipu
