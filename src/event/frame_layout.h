#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/hash.h"
#include "event/frame.h"

/// Where things stand in a frame, shared by encoder and decoder. docs/formats/frame.md, tables 1 to 3.
namespace quipu::frame_layout {

inline constexpr std::array<char, 4> kMagic = {'Q', 'F', 'R', 'M'};

inline constexpr std::size_t kVersionAt = 4;
inline constexpr std::size_t kReservedByteAt = 5;
inline constexpr std::size_t kPartitionAt = 6;
inline constexpr std::size_t kLengthAt = 8;
inline constexpr std::size_t kEntriesAt = 12;
inline constexpr std::size_t kRandomAt = 16;
inline constexpr std::size_t kGenerationAt = 32;
inline constexpr std::size_t kBootAt = 36;
inline constexpr std::size_t kNodeAt = 40;
inline constexpr std::size_t kNumberAt = 48;
inline constexpr std::size_t kBaseTimeAt = 56;
inline constexpr std::size_t kEventsAt = 64;
inline constexpr std::size_t kGroupsAt = 72;
inline constexpr std::size_t kSpacesAt = 76;
inline constexpr std::size_t kReservedAt = 80;
inline constexpr std::size_t kChecksumAt = 88;
static_assert(kChecksumAt + 8 == kFrameHeaderBytes, "docs/formats/frame.md, table 1");

/// A group begins with its kind and its number of entries; a source's group has the source's hash then.
inline constexpr std::size_t kGroupHeaderBytes = 5;
inline constexpr std::size_t kSourceBytes = 16;
inline constexpr std::size_t kIdBytes = 20;

/// The flags that begin an entry.
inline constexpr std::uint8_t kReset = 1;      ///< A RESET; an ADD else.
inline constexpr std::uint8_t kDelta = 2;      ///< A delta that is not 1 follows.
inline constexpr std::uint8_t kEvents = 4;     ///< A number of events that is not 1 follows.
inline constexpr std::uint8_t kTime = 8;       ///< A time that is not the frame's base time follows.
inline constexpr std::uint8_t kSpace = 16;     ///< A namespace that is not that of the entry before follows.
inline constexpr std::uint8_t kSequence = 32;  ///< A sequence that is not the one after the last follows.
inline constexpr std::uint8_t kFlagsKnown = 63;

/// The most bytes that one entry and the header of its group can take.
inline constexpr std::size_t kEntryBytesMax =
    kGroupHeaderBytes + kSourceBytes + 1 + 10 + 2 + kCounterBytesMax + 10 + 10 + 10 + kIdBytes + 10;

template <class T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

template <class T>
void store(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof(T));
}

/// The hash of everything in the frame but the checksum itself: the header's hash seeds the payload's.
inline std::uint64_t checksum(ByteView frame) {
  return hash64(frame.subspan(kFrameHeaderBytes), hash64(frame.first(kChecksumAt), 0));
}

}  // namespace quipu::frame_layout
