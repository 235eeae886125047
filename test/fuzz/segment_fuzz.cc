#include <gtest/gtest.h>

#include <map>
#include <utility>
#include <vector>

#include "fuzz/fuzz.h"
#include "log/salvaged_log.h"
#include "log/segment_world.h"

namespace quipu::fuzz {
namespace {

using testing_log::read_all;
using testing_log::sample_identity;
using testing_log::SegmentWorld;

/// A sound log of three segments, whose frames say their offsets.
struct SoundLog {
  SoundLog() {
    testing::GTEST_FLAG(throw_on_failure) = true;
    SegmentWorld world;
    require(world.open().empty(), "a new log is opened");
    for (int group = 0; world.disk.segments().size() < 4; ++group) {
      world.write_group(1 + group % 3, static_cast<std::size_t>(group) * 977 % 9'000);
    }
    last = Offset{world.next - 1};
    options = world.options;
    segments = world.disk.segments();
  }

  std::map<SegmentNumber, Bytes> segments;
  SegmentLogOptions options;
  Offset last{};
};

const SoundLog& sound_log() {
  static const SoundLog log;
  return log;
}

/// One piece of damage: to bytes, to whole segments, or to a header whose checksum is right again.
void damage(Input& input, MemoryLogDisk& disk) {
  const auto number = SegmentNumber{1 + input.below(disk.segments().size() + 1)};
  if (!disk.segments().contains(number)) return;
  Bytes& bytes = disk.bytes(number);
  if (bytes.size() < 2 * kBlockBytes) return;
  const auto at = input.below(bytes.size());
  const auto block = at / kBlockBytes * kBlockBytes;
  switch (input.below(8)) {
    case 0:
      bytes[at] ^= std::byte{static_cast<unsigned char>(1 + input.below(255))};
      break;
    case 1:
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), std::min(input.below(9'000), bytes.size() - at),
                  std::byte{0});
      break;
    case 2: {
      const auto from = input.below(bytes.size()) / kBlockBytes * kBlockBytes;
      std::memmove(bytes.data() + block, bytes.data() + from, kBlockBytes);
      break;
    }
    case 3: {
      const auto text = input.text(input.below(256));
      std::memcpy(bytes.data() + at, text.data(), std::min(text.size(), bytes.size() - at));
      break;
    }
    case 4:
      bytes.resize(at);
      break;
    case 5:
      disk.drop_segment(number);
      break;
    case 6: {
      const auto other = SegmentNumber{1 + input.below(4)};
      if (disk.segments().contains(other)) std::swap(bytes, disk.bytes(other));
      break;
    }
    default: {
      GroupHeader header;
      const auto seed = segment_seed(sample_identity(), number);
      if (const auto there = decode_group_header(ByteView(bytes).subspan(block), seed)) header = *there;
      const auto choice = input.below(6);
      if (choice == 0) header.frames = input.number<std::uint32_t>();
      if (choice == 1) header.bytes = input.number<std::uint64_t>();
      if (choice == 2) header.first = Offset{input.number<std::uint64_t>()};
      if (choice == 3) header.at = input.number<std::uint64_t>();
      if (choice == 4) header.durable = Offset{input.number<std::uint64_t>()};
      if (choice == 5) header.checksum = group_checksum(ByteView(bytes).subspan(block + kGroupHeaderBytes), seed);
      encode_group_header(header, seed,
                          std::span<std::byte, kGroupHeaderBytes>(bytes.data() + block, kGroupHeaderBytes));
    }
  }
}

/// Whatever was done to a log, what is read of it is what was written; what was known durable is there, or refused.
void check_damaged(Input& input) {
  const SoundLog& sound = sound_log();
  MemoryLogDisk disk;
  for (const auto& [number, bytes] : sound.segments) disk.put_segment(number, bytes);
  auto options = sound.options;
  options.known_durable = input.flag() ? sound.last : kNoOffset;
  while (!input.empty()) damage(input, disk);

  SalvageOptions salvage;
  salvage.identity = options.identity;
  salvage.partitions = options.partitions;
  if (auto found = SalvagedLog::open(&disk, salvage)) {
    if (const auto said = read_all(*found, std::nullopt, Offset{1})) {
      for (const auto& one : *said) require(one.number == one.offset.value, "what is salvaged is what was written");
    }
  }

  const auto log = SegmentLog::open(disk, options, 1'000'000);
  if (!log) {
    require(!log.error().what.empty(), "a refusal has a reason");
    return;
  }
  const auto said = read_all(**log, std::nullopt, (*log)->bounds({}).begin);
  if (!said) return;
  auto expected = (*log)->bounds({}).begin.value;
  for (const auto& one : *said) {
    require(one.offset.value == expected++, "offsets follow each other");
    require(one.number == one.offset.value, "what is read is what was written");
  }
  require(options.known_durable == kNoOffset || expected == sound.last.value + 1, "what was known durable is there");
}

/// What was encoded is decoded as it was.
void check_headers(Input& input) {
  SegmentHeader segment;
  segment.identity.generation = Generation{input.number<std::uint32_t>()};
  segment.number = SegmentNumber{input.number<std::uint64_t>()};
  segment.bytes = input.number<std::uint64_t>();
  segment.first = Offset{1 + input.number<std::uint64_t>() % kOffsetMax};
  segment.previous_group_at = input.number<std::uint64_t>();
  segment.time = input.number<TimeMs>();
  Bytes block(kBlockBytes);
  encode_segment_header(segment, std::span<std::byte, kBlockBytes>(block.data(), kBlockBytes));
  const auto header_read = decode_segment_header(block);
  require(header_read && *header_read == segment, "a segment's header is decoded as it was encoded");

  GroupHeader group;
  group.segment = segment.number;
  group.at = input.number<std::uint64_t>();
  group.first = segment.first;
  group.frames = std::max<std::uint32_t>(input.number<std::uint32_t>(), 1);
  group.bytes = input.number<std::uint32_t>();
  group.durable = Offset{input.number<std::uint64_t>() % kOffsetMax};
  group.time = segment.time;
  group.checksum = input.number<std::uint64_t>();
  const auto seed = input.number<std::uint64_t>();
  Bytes header(kGroupHeaderBytes);
  encode_group_header(group, seed, std::span<std::byte, kGroupHeaderBytes>(header.data(), kGroupHeaderBytes));
  const auto decoded = decode_group_header(header, seed);
  require(decoded && *decoded == group, "a group's header is decoded as it was encoded");
  if (input.empty()) return;
  header[input.below(header.size())] ^= std::byte{1};
  require(!decode_group_header(header, seed), "one bit that is another is found");
}

}  // namespace
}  // namespace quipu::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  quipu::fuzz::Input input(data, size);
  if (input.below(8) == 0) {
    quipu::fuzz::check_headers(input);
  } else {
    quipu::fuzz::check_damaged(input);
  }
  return 0;
}
