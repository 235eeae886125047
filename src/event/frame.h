#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/identifiers.h"
#include "base/result.h"
#include "event/entry.h"
#include "event/space_table.h"

/// The frame: what the log stores, one per partition and commit. docs/formats/frame.md has every byte.
namespace quipu {

inline constexpr std::uint8_t kFrameVersion = 1;
inline constexpr std::size_t kFrameHeaderBytes = 96;
/// A frame above this is refused by the encoder's owner and by the decoder. Twice the largest request body and
/// room for the largest name, so that one batch always fits.
inline constexpr std::size_t kFrameBytesMax = std::size_t{4} << 20;

struct FrameHeader {
  LogIdentity identity;  ///< Which log the frame was written for.
  PartitionId partition{};
  NodeIdentity writer;        ///< The chain: which node, which start of it ...
  std::uint64_t number = 0;   ///< ... and its number in (partition, writer), from 1. 0: not in a chain.
  TimeMs base_time = 0;       ///< Entries' times are stored as differences from it.
  std::uint32_t entries = 0;  ///< How many entries follow.
  std::uint64_t events = 0;   ///< How many events they stand for.

  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};

/// Builds one frame. Reuse one object: `begin` keeps the memory. Not thread-safe; pure.
class FrameEncoder {
 public:
  /// `hash_seed` is of the table of namespaces: random where their names come from users. The frame's bytes do not
  /// depend on it.
  explicit FrameEncoder(std::uint64_t hash_seed = 0) : spaces_(hash_seed) {}

  /// Starts a frame. `header.entries` and `header.events` are counted by the encoder and ignored here.
  void begin(const FrameHeader& header);

  /// Adds an entry behind the others. Consecutive entries of one kind (and one source) share a group. The entry must
  /// be valid (names within bounds, sequence 1 to kSequenceMax); the encoder checks that and stops the process else.
  void add(const Entry& entry);

  /// Bytes so far, with the header. An upper bound of what `finish` returns.
  std::size_t size() const;
  std::uint32_t entries() const { return header_.entries; }

  /// Completes the frame and returns its bytes, which live until the next `begin` or `add`.
  ByteView finish();

 private:
  void open_group(const Entry& entry);
  void close_group();
  void reserve(std::size_t more);

  FrameHeader header_;
  SpaceTable spaces_;
  /// Room for the header and the table of namespaces, then the groups from kFrontBytes to `end_`. `finish` writes the
  /// front right before the groups, so that they need not move.
  Bytes buffer_;
  std::size_t end_ = 0;
  std::uint32_t groups_ = 0;
  std::size_t group_at_ = 0;  ///< Where the open group begins in `buffer_`; 0 when none is open.
  std::uint32_t group_entries_ = 0;
  GroupKind group_kind_ = GroupKind::kPlain;
  Hash128 group_source_;
  std::uint64_t last_sequence_ = 0;  ///< Of the open group.
  std::uint32_t last_space_ = 0;     ///< Of the entry before, in the table.
};

/// Gives a whole frame its place in a chain, in place: for frames that are numbered later than they are encoded.
/// `frame` must be one that FrameEncoder made.
void stamp_chain(std::span<std::byte> frame, NodeIdentity writer, std::uint64_t number);

/// Walks the entries of a decoded frame. Cannot fail: `decode_frame` has looked at every byte. Copy it to start from
/// the same place again. The frame's bytes must outlive it; the Frame itself need not.
class FrameEntries {
 public:
  /// The next entry, or nullopt at the end. Views point into the frame's bytes.
  std::optional<Entry> next();
  /// The same into `entry`, of which every field is set; false at the end. The faster one: nothing is cleared first.
  bool next(Entry& entry);

 private:
  friend class Frame;
  explicit FrameEntries(const FrameHeader& header, const std::byte* payload, std::uint32_t spaces);

  std::string_view space_at(std::uint32_t index) const;

  const std::byte* ends_;   ///< The table's ends, 4 bytes each.
  const std::byte* names_;  ///< The names, end to end.
  const std::byte* at_;
  std::uint32_t entries_left_;
  std::uint32_t group_left_ = 0;
  TimeMs base_time_;
  std::string_view space_;
  GroupKind kind_ = GroupKind::kPlain;
  Hash128 source_;
  std::uint64_t sequence_ = 0;
};

/// Whether a frame's bytes may be other ones than were written.
enum class FrameBytes : std::uint8_t {
  kAny,
  kAsWritten,  ///< A checksum over all of them, such as that of the group around them, was right a moment ago.
};

/// A decoded frame. A view: the bytes must outlive it.
class Frame {
 public:
  const FrameHeader& header() const { return header_; }
  FrameEntries entries() const { return FrameEntries(header_, payload_, spaces_); }

 private:
  friend Result<Frame> decode_frame(ByteView bytes, FrameBytes trust);

  FrameHeader header_;
  const std::byte* payload_ = nullptr;
  std::uint32_t spaces_ = 0;
};

/// Decodes exactly one frame that fills `bytes`. Anything else (a wrong magic, a newer version, a wrong length or
/// checksum, a name out of bounds, counts that do not agree, a byte too many) is kDamaged with the reason and the
/// position in the frame. Does not compare the identity with anything: the caller knows its log. Of bytes that are as
/// they were written the frame's own checksum is not compared again; all else is.
Result<Frame> decode_frame(ByteView bytes, FrameBytes trust = FrameBytes::kAny);

/// The length that a frame beginning with these bytes declares, if at least a header is there and its magic and
/// version are known. For readers that walk frames laid end to end; nothing is verified.
std::optional<std::size_t> frame_length(ByteView bytes);

/// The partition that a frame beginning with these bytes declares, under the same conditions as `frame_length`.
std::optional<PartitionId> frame_partition(ByteView bytes);

}  // namespace quipu
