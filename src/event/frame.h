#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/identifiers.h"
#include "base/result.h"
#include "event/entry.h"

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
  /// Starts a frame. `header.entries` and `header.events` are counted by the encoder and ignored here.
  void begin(const FrameHeader& header);

  /// Adds an entry behind the others. Consecutive entries of one kind (and one source) share a group. The entry must
  /// be valid (names within bounds, sequence 1 to kSequenceMax); the encoder checks that and stops the process else.
  void add(const Entry& entry);

  /// Bytes so far, with the header. An upper bound of what `finish` returns.
  std::size_t size() const;
  std::uint32_t entries() const;

  /// Completes the frame and returns its bytes, which live until the next `begin`.
  ByteView finish();

 private:
  Bytes payload_;  // Owned by the codec's author: these members may change, the calls above may not.
};

/// Walks the entries of a decoded frame. Cannot fail: `decode_frame` has looked at every byte.
class FrameEntries {
 public:
  /// The next entry, or nullopt at the end. Views point into the frame's bytes.
  std::optional<Entry> next();

 private:
  friend class Frame;
};

/// A decoded frame. A view: the bytes must outlive it.
class Frame {
 public:
  const FrameHeader& header() const { return header_; }
  FrameEntries entries() const;

 private:
  FrameHeader header_;
};

/// Decodes exactly one frame that fills `bytes`. Anything else (a wrong magic, a newer version, a wrong length or
/// checksum, a name out of bounds, counts that do not agree, a byte too many) is kDamaged with the reason and the
/// position in the frame. Does not compare the identity with anything: the caller knows its log.
Result<Frame> decode_frame(ByteView bytes);

/// The length that a frame beginning with these bytes declares, if at least a header is there and its magic and
/// version are known. For readers that walk frames laid end to end; nothing is verified.
std::optional<std::size_t> frame_length(ByteView bytes);

}  // namespace quipu
