#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "event/frame.h"

/// Entries to make frames of, in tests.
namespace quipu::testing_event {

/// An entry that owns its names.
struct OwnedEntry {
  Entry entry;
  std::string space;
  std::string counter;

  Entry view() const {
    Entry copy = entry;
    copy.space = space;
    copy.counter = counter;
    return copy;
  }
};

inline OwnedEntry plain(std::string space, std::string counter, std::int64_t delta = 1, std::uint64_t events = 1,
                        TimeMs time = 0) {
  OwnedEntry made{{}, std::move(space), std::move(counter)};
  made.entry.delta = delta;
  made.entry.events = events;
  made.entry.time = time;
  return made;
}

inline OwnedEntry random_entry(std::mt19937_64& random, TimeMs base_time) {
  const auto pick = [&](std::uint64_t below) { return random() % below; };
  OwnedEntry made;
  made.space = "s";
  made.space += std::to_string(pick(pick(4) == 0 ? 300 : 2));
  made.counter.resize(pick(50) == 0 ? 1 + pick(kCounterBytesMax) : 1 + pick(20));
  for (auto& c : made.counter) c = static_cast<char>(pick(256));
  made.entry.time = base_time + (pick(3) == 0 ? static_cast<TimeMs>(pick(100'000)) - 50'000 : 0);
  if (pick(40) == 0) made.entry.time = static_cast<TimeMs>(random());
  if (pick(20) == 0) {
    made.entry.kind = EntryKind::kReset;
    made.entry.events = 0;
    made.entry.epoch = pick(2) == 0 ? Epoch{} : epoch_of(Generation(1 + pick(9)), Offset(pick(1'000'000)));
  } else {
    made.entry.delta = pick(2) == 0 ? 1 : static_cast<std::int64_t>(random());
    made.entry.events = pick(2) == 0 ? 1 : 1 + pick(1'000);
  }
  switch (pick(3)) {
    case 0:
      break;
    case 1:
      made.entry.group = GroupKind::kIds;
      made.entry.id = {{random(), random()}, static_cast<std::uint32_t>(random())};
      break;
    default:
      made.entry.group = GroupKind::kSource;
      made.entry.source = {pick(2), 7};
      made.entry.sequence = pick(3) == 0 ? 1 + pick(kSequenceMax) : 1 + pick(3);
  }
  return made;
}

inline FrameHeader sample_header() {
  FrameHeader header;
  for (std::size_t i = 0; i < header.identity.random.size(); ++i) {
    header.identity.random[i] = static_cast<std::byte>(0xa0 + i);
  }
  header.identity.generation = Generation(3);
  header.partition = PartitionId(5);
  header.writer = {0x1122334455667788, 9};
  header.number = 1'000;
  header.base_time = 1'700'000'000'123;
  return header;
}

inline Bytes encode(const FrameHeader& header, const std::vector<OwnedEntry>& entries) {
  FrameEncoder encoder;
  encoder.begin(header);
  for (const auto& entry : entries) encoder.add(entry.view());
  const auto frame = encoder.finish();
  return {frame.begin(), frame.end()};
}

/// Makes the checksum right again, so that a test reaches the checks behind it.
inline void recompute_checksum(Bytes& frame) {
  const ByteView bytes(frame);
  const auto sum = hash64(bytes.subspan(kFrameHeaderBytes), hash64(bytes.first(88), 0));
  std::memcpy(frame.data() + 88, &sum, sizeof(sum));
}

}  // namespace quipu::testing_event
