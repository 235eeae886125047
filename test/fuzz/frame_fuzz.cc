#include <vector>

#include "event/frame.h"
#include "event/frame_layout.h"
#include "fuzz/fuzz.h"

namespace quipu::fuzz {
namespace {

std::vector<Entry> entries_of(const Frame& frame) {
  std::vector<Entry> all;
  auto entries = frame.entries();
  for (Entry entry; entries.next(entry);) all.push_back(entry);
  return all;
}

Bytes encoded(const FrameHeader& header, const std::vector<Entry>& entries) {
  FrameEncoder encoder;
  encoder.begin(header);
  for (const Entry& entry : entries) encoder.add(entry);
  const auto bound = encoder.size();
  const auto bytes = encoder.finish();
  require(bytes.size() <= bound, "size() is an upper bound");
  return {bytes.begin(), bytes.end()};
}

/// A frame has one form: what can be decoded is encoded as it was.
void check_bytes(ByteView bytes) {
  const auto length = frame_length(bytes);
  const auto partition = frame_partition(bytes);
  const auto frame = decode_frame(bytes);
  if (!frame) return;
  require(length == bytes.size(), "a frame declares its length");
  require(partition == frame->header().partition, "a frame declares its partition");
  const auto entries = entries_of(*frame);
  require(entries.size() == frame->header().entries, "as many entries as the header says");
  const auto again = encoded(frame->header(), entries);
  require(std::ranges::equal(again, bytes), "a frame is written as it was read");
}

/// The bytes as a frame whose magic, version, length and checksum are right, so that what is behind them is looked at.
Bytes repaired(std::string_view text) {
  Bytes frame(std::max(text.size(), kFrameHeaderBytes));
  std::memcpy(frame.data(), text.data(), text.size());
  std::memcpy(frame.data(), frame_layout::kMagic.data(), frame_layout::kMagic.size());
  frame_layout::store(frame.data() + frame_layout::kVersionAt, kFrameVersion);
  frame_layout::store(frame.data() + frame_layout::kReservedByteAt, std::uint8_t{0});
  frame_layout::store(frame.data() + frame_layout::kLengthAt, static_cast<std::uint32_t>(frame.size()));
  frame_layout::store(frame.data() + frame_layout::kReservedAt, std::uint64_t{0});
  frame_layout::store(frame.data() + frame_layout::kChecksumAt, frame_layout::checksum(frame));
  return frame;
}

Entry entry_from(Input& input, TimeMs base_time) {
  static constexpr std::string_view kSpaces[] = {"views", "likes", "a", "s0", "s1"};
  Entry entry;
  entry.space = kSpaces[input.below(std::size(kSpaces))];
  entry.counter = input.text(1 + input.below(input.flag() ? 8 : kCounterBytesMax));
  if (entry.counter.empty()) entry.counter = "c";
  entry.time = input.flag() ? base_time : input.number<TimeMs>();
  if (input.below(4) == 0) {
    entry.kind = EntryKind::kReset;
    entry.events = 0;
    entry.epoch = input.flag() ? Epoch{} : epoch_of(Generation{1}, Offset{input.number<std::uint32_t>()});
  } else {
    entry.delta = input.flag() ? 1 : input.number<std::int64_t>();
    entry.events = input.flag() ? 1 : std::max<std::uint64_t>(input.number<std::uint32_t>(), 1);
  }
  const auto group = input.below(3);
  if (group == 1) {
    entry.group = GroupKind::kIds;
    entry.id = {{input.number<std::uint64_t>(), input.number<std::uint64_t>()}, input.number<std::uint32_t>()};
  }
  if (group == 2) {
    entry.group = GroupKind::kSource;
    entry.source = {input.number<std::uint8_t>(), 0};
    entry.sequence = input.number<std::uint64_t>() % kSequenceMax + 1;
  }
  return entry;
}

/// What was encoded is decoded as it was.
void check_entries(Input& input) {
  FrameHeader header;
  header.partition = PartitionId{static_cast<std::uint16_t>(input.below(kPartitionsMax))};
  header.identity.generation = Generation{input.number<std::uint16_t>()};
  header.number = input.number<std::uint32_t>();
  header.base_time = input.number<TimeMs>();
  std::vector<Entry> entries;
  while (!input.empty()) {
    entries.push_back(entry_from(input, header.base_time));
    header.events += entries.back().events;
  }
  header.entries = static_cast<std::uint32_t>(entries.size());
  if (entries.empty()) return;
  auto bytes = encoded(header, entries);
  stamp_chain(bytes, {7, 8}, 9);
  header.writer = {7, 8};
  header.number = 9;
  const auto frame = decode_frame(bytes);
  require(frame.has_value(), "what was encoded can be decoded");
  require(frame->header() == header, "the header is as it was given");
  require(entries_of(*frame) == entries, "the entries are as they were given");
}

}  // namespace
}  // namespace quipu::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quipu::fuzz;
  Input input(data, size);
  switch (input.number<std::uint8_t>() % 3) {
    case 0:
      check_bytes(quipu::as_bytes(input.rest()));
      break;
    case 1:
      check_bytes(repaired(input.rest()));
      break;
    default:
      check_entries(input);
  }
  return 0;
}
