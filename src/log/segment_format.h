#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/identifiers.h"
#include "base/result.h"
#include "log/log_disk.h"

/// The bytes of a segment: a header block, then groups. docs/formats/segment.md has every byte.
namespace quipu {

inline constexpr std::uint32_t kSegmentVersion = 1;
/// Everything begins at a multiple of this, so that no write touches a page that holds durable bytes.
inline constexpr std::size_t kBlockBytes = 4096;
inline constexpr std::size_t kGroupHeaderBytes = 80;

/// The smallest multiple of kBlockBytes that holds `bytes`.
constexpr std::uint64_t block_aligned(std::uint64_t bytes) {
  return (bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
}

/// The first block of a segment, written together with its first group.
struct SegmentHeader {
  LogIdentity identity;
  SegmentNumber number{};
  std::uint64_t bytes = 0;              ///< Of the whole file.
  Offset first{};                       ///< Of its first frame.
  std::uint64_t previous_group_at = 0;  ///< Where the last group of the segment before begins; 0 when there is none.
  TimeMs time = 0;                      ///< When it was begun.

  friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
};

/// Where a group begins.
struct GroupPlace {
  Offset first{};        ///< Its first offset.
  std::uint64_t at = 0;  ///< Its byte in the segment.
};

/// What stands before the frames of one commit.
struct GroupHeader {
  SegmentNumber segment{};
  std::uint64_t at = 0;  ///< Where in the segment it begins.
  Offset first{};        ///< Of its first frame; the others follow by one.
  std::uint32_t frames = 0;
  std::uint64_t bytes = 0;     ///< Of the frames.
  Offset durable{};            ///< The last offset known durable when it was written.
  TimeMs time = 0;             ///< When it was written.
  std::uint64_t checksum = 0;  ///< Of the frames and the zeros up to the next block.

  /// What it takes in the segment.
  std::uint64_t total_bytes() const { return block_aligned(kGroupHeaderBytes + bytes); }
  Offset end() const { return Offset(first.value + frames); }

  friend bool operator==(const GroupHeader&, const GroupHeader&) = default;
};

/// What the checksums of a segment's groups are seeded with, so that a group of another log, generation or segment is
/// never taken for one of this.
std::uint64_t segment_seed(const LogIdentity& identity, SegmentNumber segment);

/// Fills one block.
void encode_segment_header(const SegmentHeader& header, std::span<std::byte, kBlockBytes> out);
/// kDamaged, with the reason, unless it is a header of this version with a right checksum. Not compared with any log.
Result<SegmentHeader> decode_segment_header(ByteView block);

void encode_group_header(const GroupHeader& header, std::uint64_t seed, std::span<std::byte, kGroupHeaderBytes> out);
/// kDamaged, with the reason, unless a group's header with a right checksum for this seed stands there. A right
/// checksum with a version that is not known is kRefused: such a log is sound but newer than this program.
Result<GroupHeader> decode_group_header(ByteView bytes, std::uint64_t seed);

/// The checksum of a group's frames with the zeros behind them.
std::uint64_t group_checksum(ByteView body, std::uint64_t seed);

/// Checks the rest of a group, whose bytes are `header.total_bytes()`: the checksum, and that its frames fill it.
Result<void> check_group_body(const GroupHeader& header, ByteView group, std::uint64_t seed);

/// "log/segment-0000000012, byte 8192: reason", as kDamaged.
std::unexpected<Error> segment_damaged(const LogDisk& disk, SegmentNumber segment, std::uint64_t at,
                                       const std::string& reason);

}  // namespace quipu
