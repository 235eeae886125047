#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

namespace quipu {

/// Where a record is in the arena; stays the same until the record moves.
using RecordRef = std::uint32_t;
inline constexpr RecordRef kNoRecord = 0xffffffff;

/// From 32 bits of a name's hash to records: 1,024 small hash tables of 7-byte slots, at most 0.85 full.
///
///   tag   | 10 bits: segment | 22 bits: key |          segment   | key 3 bytes, record 4 bytes | ... |
///                                                                 a key's place = key * slots / 2^22
///
/// Only one segment grows at a time, by a quarter, and from its keys alone: no name is touched. So the longest pause is
/// 1/1,024 of the index, and a slot costs 8.2 to 10.3 bytes for each record in it. Pure; not thread-safe.
class RecordIndex {
 public:
  static constexpr std::size_t kSegments = 1024;

  /// Asks memory for the place of a tag.
  void prefetch(std::uint32_t tag) const {
    const Segment& segment = segment_of(tag);
    if (segment.slots == 0) return;
    const auto* place = at(segment, home(segment, key_of(tag)));
    __builtin_prefetch(place);
    __builtin_prefetch(place + kProbeBytes);  // A search looks at three slots on average; it may be the same line.
  }

  /// The first record at or behind the place of a tag that has it, or kNoRecord: most likely the one meant.
  RecordRef likely(std::uint32_t tag) const {
    return find(tag, [](RecordRef) { return true; });
  }

  /// The record with this tag that `matches` says is the one, or kNoRecord.
  template <class Matches>
  RecordRef find(std::uint32_t tag, Matches matches) const {
    const Segment& segment = segment_of(tag);
    if (segment.slots == 0) return kNoRecord;
    const auto key = key_of(tag);
    for (auto place = home(segment, key);; place = next(segment, place)) {
      const Slot slot = load(segment, place);
      if (slot.record == kNoRecord) return kNoRecord;
      if (slot.key == key && matches(slot.record)) return slot.record;
    }
  }

  /// Adds a record. Answers how many slots it had to move.
  std::size_t insert(std::uint32_t tag, RecordRef record);
  /// A record moved. It must be there.
  void replace(std::uint32_t tag, RecordRef from, RecordRef to);
  /// Takes a record out. It must be there.
  void erase(std::uint32_t tag, RecordRef record);

  /// Calls `each(record)` for the records whose tags are at or above `from` and below what it answers, so that calls
  /// from 0 to the end meet every record that is there all the time, however the index grows or records move between
  /// them. A stretch holds a few records. 2^32 is the end.
  template <class Each>
  std::uint64_t stretch(std::uint64_t from, Each each) const {
    const Segment& segment = segments_[from >> kKeyBits];
    const auto segment_end = ((from >> kKeyBits) + 1) << kKeyBits;
    if (segment.slots == 0) return segment_end;
    const auto first = static_cast<std::uint32_t>(from & kKeyMask);
    const auto last_place = home(segment, first) + kStretchSlots;
    // The smallest key whose place is the last or behind it.
    const auto key_end =
        last_place >= segment.slots
            ? kKeyMask + 1
            : static_cast<std::uint32_t>(((std::uint64_t{last_place} << kKeyBits) + segment.slots - 1) / segment.slots);
    const auto homes = (last_place >= segment.slots ? segment.slots : last_place) - home(segment, first);
    auto place = home(segment, first);
    for (std::uint32_t seen = 0; seen < segment.slots; ++seen, place = next(segment, place)) {
      const Slot slot = load(segment, place);
      if (slot.record == kNoRecord) {
        if (seen + 1 >= homes) break;
        continue;
      }
      if (slot.key >= first && slot.key < key_end) each(slot.record);
    }
    return key_end > kKeyMask ? segment_end : (segment_end - kKeyMask - 1) + key_end;
  }

  std::size_t size() const { return size_; }
  /// Memory that it holds.
  std::size_t bytes() const { return bytes_; }

 private:
  static constexpr unsigned kKeyBits = 22;
  static constexpr std::uint32_t kKeyMask = (std::uint32_t{1} << kKeyBits) - 1;
  static constexpr std::size_t kSlotBytes = 7;
  static constexpr std::size_t kProbeBytes = 32;
  static constexpr std::uint32_t kStretchSlots = 16;

  struct Slot {
    std::uint32_t key;
    RecordRef record;
  };
  struct Segment {
    std::unique_ptr<char[]> bytes;
    std::uint32_t slots = 0;
    std::uint32_t used = 0;
  };

  static std::uint32_t key_of(std::uint32_t tag) { return tag & kKeyMask; }
  static std::uint32_t home(const Segment& segment, std::uint32_t key) {
    return static_cast<std::uint32_t>(std::uint64_t{key} * segment.slots >> kKeyBits);
  }
  static std::uint32_t next(const Segment& segment, std::uint32_t place) {
    return place + 1 == segment.slots ? 0 : place + 1;
  }
  static const char* at(const Segment& segment, std::uint32_t place) {
    return segment.bytes.get() + std::size_t{place} * kSlotBytes;
  }
  static Slot load(const Segment& segment, std::uint32_t place) {
    std::uint64_t bits = 0;  // A byte of the next slot comes along and is cut off.
    std::memcpy(&bits, at(segment, place), sizeof(bits));
    return {static_cast<std::uint32_t>(bits & 0xffffff), static_cast<RecordRef>(bits >> 24)};
  }
  static void store(Segment& segment, std::uint32_t place, Slot slot) {
    const auto bits = std::uint64_t{slot.record} << 24 | slot.key;
    std::memcpy(segment.bytes.get() + std::size_t{place} * kSlotBytes, &bits, kSlotBytes);
  }
  static void put(Segment& segment, Slot slot);

  const Segment& segment_of(std::uint32_t tag) const { return segments_[tag >> kKeyBits]; }
  Segment& segment_of(std::uint32_t tag) { return segments_[tag >> kKeyBits]; }
  std::uint32_t place_of(const Segment& segment, std::uint32_t tag, RecordRef record) const;
  std::size_t grow(Segment& segment);

  std::array<Segment, kSegments> segments_;
  std::size_t size_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace quipu
