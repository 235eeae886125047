#pragma once

#include <cstdint>
#include <map>

#include "base/bytes.h"
#include "base/identifiers.h"
#include "base/result.h"

namespace quipu {

/// The last frame number of each writer in one partition. Frames of one chain (partition, node, boot) stand in the log
/// in the order of their numbers, so a frame that is sent again is told from a new one, and a lost one is seen.
///
/// Bounded by rules on the log alone: of a node's boots the newest kBootsKept are kept, and of frames of older ones
/// only what an id tells apart counts; a node without a frame among the last kSilentFrames of the partition is
/// forgotten. Pure.
class ChainTable {
 public:
  static constexpr std::size_t kBootsKept = 4;
  static constexpr std::uint64_t kSilentFrames = 10'000'000;

  enum class Verdict : std::uint8_t {
    kNext,  ///< The frame counts.
    kDrop,  ///< It stood in the log before.
    kOld,   ///< It belongs to a boot that is long over: whether it stood in the log before is not known any more.
    kGap,   ///< Frames before it are missing: an acknowledged write was lost, or the chain was reordered.
  };

  /// Takes the next frame of the partition. Number 0 is in no chain and always counts. After kGap nothing has changed.
  Verdict accept(NodeIdentity writer, std::uint64_t number);

  /// Takes a writer that is not known to have come to `number`: for who reads a log of which the beginning is not kept,
  /// and not for who counts.
  void take_up(NodeIdentity writer, std::uint64_t number);

  /// The last number of a writer, 0 when it has none.
  std::uint64_t last(NodeIdentity writer) const;

  /// The table as bytes, and back.
  Bytes encode() const;
  static Result<ChainTable> decode(ByteView bytes);

  std::size_t size() const { return chains_.size(); }

  friend bool operator==(const ChainTable&, const ChainTable&) = default;

 private:
  struct Chain {
    std::uint64_t last = 0;
    std::uint64_t seen_at = 0;  // frames_ when its last frame came.

    friend bool operator==(const Chain&, const Chain&) = default;
  };
  void forget_old_boots(std::uint64_t node);
  void forget_silent();

  std::uint64_t frames_ = 0;  // Of the partition, counted here.
  std::map<NodeIdentity, Chain> chains_;
};

}  // namespace quipu
