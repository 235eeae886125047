#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "base/bytes.h"
#include "base/identifiers.h"

namespace quipu {

/// The frames of the newest durable groups, in memory, so that those who follow the log do not read the disk.
/// A ring of fixed size: the oldest groups make room for new ones. Pure.
class TailCache {
 public:
  struct Group {
    Offset first{};
    std::uint32_t frames = 0;
    std::size_t at = 0;
    std::size_t bytes = 0;
  };

  explicit TailCache(std::size_t bytes) : bytes_max_(bytes) {}

  /// Adds the group that follows the last one. One that is larger than the ring empties it.
  void add(Offset first, std::uint32_t frames, ByteView bytes);

  /// The group that holds `offset`, if it is still here.
  const Group* find(Offset offset) const;
  ByteView frames(const Group& group) const { return ByteView(ring_).subspan(group.at, group.bytes); }

 private:
  std::size_t bytes_max_;
  Bytes ring_;
  std::deque<Group> groups_;  ///< By rising offsets, without gaps.
  std::size_t write_at_ = 0;
};

}  // namespace quipu
