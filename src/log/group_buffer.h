#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "log/block_bytes.h"
#include "log/segment_format.h"

namespace quipu {

/// The frames of one commit, laid out as they go to the disk:
///
///   [ room for a segment's header, 1 block ][ group's header ][ frames ... ][ zeros to the next block ]
///
/// The memory begins at a multiple of kBlockBytes and is kept by `clear`, so that nothing is allocated per commit.
class GroupBuffer {
 public:
  struct Item {
    std::uint64_t token = 0;
    std::size_t bytes = 0;
  };

  GroupBuffer() { clear(); }

  void clear();
  void append(ByteView frame, std::uint64_t token);
  /// Moves the frames behind the first `count` to `rest`, which must be empty.
  void move_rest(std::size_t count, GroupBuffer& rest);

  bool empty() const { return items_.empty(); }
  const std::vector<Item>& items() const { return items_; }
  std::size_t frames_bytes() const { return end_ - kFramesAt; }
  /// Of the first `count` frames.
  std::size_t frames_bytes(std::size_t count) const;
  /// What the group takes in a segment.
  std::uint64_t total_bytes() const { return block_aligned(kGroupHeaderBytes + frames_bytes()); }
  ByteView frames() const { return {memory_.data() + kFramesAt, frames_bytes()}; }

  /// Completes the group: `header` says where and when, the rest is filled in. With `segment`, the segment's header
  /// stands in front. The bytes live until the next change.
  ByteView seal(GroupHeader header, std::uint64_t seed, const SegmentHeader* segment);

 private:
  static constexpr std::size_t kFramesAt = kBlockBytes + kGroupHeaderBytes;

  void reserve(std::size_t bytes);

  BlockBytes memory_;
  std::size_t end_ = 0;  ///< Where the frames end in `memory_`.
  std::vector<Item> items_;
};

}  // namespace quipu
