#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "base/identifiers.h"
#include "base/result.h"
#include "log/block_bytes.h"
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
  SegmentReader(LogDisk& disk, SegmentNumber segment, std::uint64_t bytes, std::size_t window_bytes,
                BlockBytes memory = {})
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
  BlockBytes take_memory() { return std::move(window_); }

 private:
  LogDisk& disk_;
  SegmentNumber segment_;
  std::uint64_t bytes_;
  std::size_t window_bytes_;
  BlockBytes window_;
  std::uint64_t window_at_ = 0;
  std::size_t window_size_ = 0;
  bool unreadable_ = false;
};

/// Walks the groups of one segment, and takes the frames out of them. What comes before the wanted offset is passed
/// over by its headers alone. Thread: its owner's. Blocks on the disk.
class SegmentWalk {
 public:
  /// From the group at `place` up to offset `end`, which ends a group. `memory`: see SegmentReader.
  SegmentWalk(LogDisk& disk, SegmentNumber segment, std::uint64_t bytes, std::uint64_t seed, GroupPlace place,
              Offset end, BlockBytes memory)
      : disk_(disk),
        seeker_(disk, segment, bytes, kSeekBytes),
        reader_(disk, segment, bytes, kWindowBytes, std::move(memory)),
        seed_(seed),
        place_(place),
        end_(end) {}

  bool at_end() const { return place_.first >= end_; }
  /// The group that is next.
  GroupPlace place() const { return place_; }

  /// Adds what the next group has from `out.next` on, and of the partition (nullopt: of any), to `out`. kDamaged, with
  /// file and place, where the group is not what was written.
  Result<void> step(std::optional<PartitionId> partition, LogRead& out);

  /// See SegmentReader::take_memory.
  BlockBytes take_memory() { return reader_.take_memory(); }

  /// Read at once while looking for a group, and while reading on.
  static constexpr std::size_t kSeekBytes = kBlockBytes;
  static constexpr std::size_t kWindowBytes = std::size_t{1} << 20;

 private:
  LogDisk& disk_;
  SegmentReader seeker_;
  SegmentReader reader_;
  std::uint64_t seed_;
  GroupPlace place_;
  Offset end_{};
};

/// Adds the frames of a group that was checked, from `out.next` on, to `out` if they are of the partition (nullopt: of
/// any), and moves `out.next` behind the group. `first` is the offset of the first of them.
void take_frames(std::optional<PartitionId> partition, Offset first, ByteView frames, LogRead& out);

}  // namespace quipu
