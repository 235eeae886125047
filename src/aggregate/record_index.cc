#include "aggregate/record_index.h"

#include "base/check.h"

namespace quipu {
namespace {

constexpr std::uint32_t kSlotsMin = 16;

}  // namespace

std::size_t RecordIndex::insert(std::uint32_t tag, RecordRef record) {
  QUIPU_CHECK(record != kNoRecord);
  Segment& segment = segment_of(tag);
  // 0.85 is 109/128.
  const bool full = std::uint64_t{segment.used + 1} * 128 > std::uint64_t{segment.slots} * 109;
  const auto moved = full ? grow(segment) : 0;
  put(segment, {key_of(tag), record});
  ++segment.used;
  ++size_;
  return moved;
}

void RecordIndex::put(Segment& segment, Slot slot) {
  auto place = home(segment, slot.key);
  while (load(segment, place).record != kNoRecord) place = next(segment, place);
  store(segment, place, slot);
}

std::size_t RecordIndex::grow(Segment& segment) {
  Segment larger;
  larger.slots = segment.slots == 0 ? kSlotsMin : segment.slots + segment.slots / 4;
  larger.used = segment.used;
  const auto size = larger.slots * kSlotBytes + 1;
  larger.bytes = std::make_unique_for_overwrite<char[]>(size);
  std::memset(larger.bytes.get(), 0xff, size);
  for (std::uint32_t place = 0; place < segment.slots; ++place) {
    const Slot slot = load(segment, place);
    if (slot.record != kNoRecord) put(larger, slot);
  }
  bytes_ += size - (segment.slots == 0 ? 0 : segment.slots * kSlotBytes + 1);
  segment = std::move(larger);
  return segment.used;
}

std::uint32_t RecordIndex::place_of(const Segment& segment, std::uint32_t tag, RecordRef record) const {
  QUIPU_CHECK(segment.slots != 0);
  auto place = home(segment, key_of(tag));
  while (true) {
    const auto found = load(segment, place).record;
    if (found == record) return place;
    QUIPU_CHECK(found != kNoRecord);
    place = next(segment, place);
  }
}

void RecordIndex::replace(std::uint32_t tag, RecordRef from, RecordRef to) {
  Segment& segment = segment_of(tag);
  store(segment, place_of(segment, tag, from), {key_of(tag), to});
}

void RecordIndex::erase(std::uint32_t tag, RecordRef record) {
  Segment& segment = segment_of(tag);
  // Backward shift: the slots behind move up, so that no tombstone lengthens the probes.
  auto hole = place_of(segment, tag, record);
  const auto distance = [&](std::uint32_t from, std::uint32_t to) {
    return to >= from ? to - from : to + segment.slots - from;
  };
  for (auto at = next(segment, hole);; at = next(segment, at)) {
    const Slot slot = load(segment, at);
    if (slot.record == kNoRecord) break;
    if (distance(home(segment, slot.key), at) >= distance(hole, at)) {
      store(segment, hole, slot);
      hole = at;
    }
  }
  store(segment, hole, {kKeyMask, kNoRecord});
  --segment.used;
  --size_;
}

}  // namespace quipu
