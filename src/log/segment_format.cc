#include "log/segment_format.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/check.h"
#include "base/hash.h"
#include "base/planted.h"
#include "event/frame.h"

namespace quipu {

namespace {

constexpr std::array<char, 8> kSegmentMagic = {'Q', 'U', 'I', 'P', 'U', 'S', 'E', 'G'};
constexpr std::array<char, 8> kGroupMagic = {'Q', 'U', 'I', 'P', 'U', 'G', 'R', 'P'};

// docs/formats/segment.md, table 1.
constexpr std::size_t kSegmentVersionAt = 8;
constexpr std::size_t kSegmentGenerationAt = 12;
constexpr std::size_t kSegmentRandomAt = 16;
constexpr std::size_t kSegmentNumberAt = 32;
constexpr std::size_t kSegmentBytesAt = 40;
constexpr std::size_t kSegmentFirstAt = 48;
constexpr std::size_t kSegmentPreviousLastAt = 56;
constexpr std::size_t kSegmentPreviousGroupAt = 64;
constexpr std::size_t kSegmentTimeAt = 72;
constexpr std::size_t kSegmentChecksumAt = kBlockBytes - 8;

// docs/formats/segment.md, table 2.
constexpr std::size_t kGroupVersionAt = 8;
constexpr std::size_t kGroupFramesAt = 12;
constexpr std::size_t kGroupSegmentAt = 16;
constexpr std::size_t kGroupAt = 24;
constexpr std::size_t kGroupFirstAt = 32;
constexpr std::size_t kGroupBytesAt = 40;
constexpr std::size_t kGroupDurableAt = 48;
constexpr std::size_t kGroupTimeAt = 56;
constexpr std::size_t kGroupBodyChecksumAt = 64;
constexpr std::size_t kGroupChecksumAt = 72;
static_assert(kGroupChecksumAt + 8 == kGroupHeaderBytes, "docs/formats/segment.md, table 2");

template <class T>
void store(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof(T));
}

template <class T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

}  // namespace

std::uint64_t segment_seed(const LogIdentity& identity, SegmentNumber segment) {
  std::array<std::byte, 28> bytes;
  std::memcpy(bytes.data(), identity.random.data(), 16);
  store(bytes.data() + 16, identity.generation.value);
  store(bytes.data() + 20, segment.value);
  return hash64(bytes, 0);
}

void encode_segment_header(const SegmentHeader& header, std::span<std::byte, kBlockBytes> out) {
  auto* at = out.data();
  std::memset(at, 0, kBlockBytes);
  std::memcpy(at, kSegmentMagic.data(), kSegmentMagic.size());
  store(at + kSegmentVersionAt, kSegmentVersion);
  store(at + kSegmentGenerationAt, header.identity.generation.value);
  std::memcpy(at + kSegmentRandomAt, header.identity.random.data(), 16);
  store(at + kSegmentNumberAt, header.number.value);
  store(at + kSegmentBytesAt, header.bytes);
  store(at + kSegmentFirstAt, header.first.value);
  store(at + kSegmentPreviousLastAt, header.first.value - 1);
  store(at + kSegmentPreviousGroupAt, header.previous_group_at);
  store(at + kSegmentTimeAt, header.time);
  store(at + kSegmentChecksumAt, hash64(ByteView(out).first(kSegmentChecksumAt), 0));
}

Result<SegmentHeader> decode_segment_header(ByteView block) {
  QUIPU_CHECK(block.size() >= kBlockBytes);
  const auto* at = block.data();
  if (std::memcmp(at, kSegmentMagic.data(), kSegmentMagic.size()) != 0) {
    return failure(Code::kDamaged, "no segment's header");
  }
  if (load<std::uint64_t>(at + kSegmentChecksumAt) != hash64(block.first(kSegmentChecksumAt), 0)) {
    return failure(Code::kDamaged, "the checksum of the segment's header does not match");
  }
  if (const auto version = load<std::uint32_t>(at + kSegmentVersionAt); version != kSegmentVersion) {
    return failure(Code::kRefused, "segment of version " + std::to_string(version) + ", this program reads version 1");
  }
  SegmentHeader header;
  header.identity.generation = Generation(load<std::uint32_t>(at + kSegmentGenerationAt));
  std::memcpy(header.identity.random.data(), at + kSegmentRandomAt, 16);
  header.number = SegmentNumber(load<std::uint64_t>(at + kSegmentNumberAt));
  header.bytes = load<std::uint64_t>(at + kSegmentBytesAt);
  header.first = Offset(load<std::uint64_t>(at + kSegmentFirstAt));
  header.previous_group_at = load<std::uint64_t>(at + kSegmentPreviousGroupAt);
  header.time = load<std::int64_t>(at + kSegmentTimeAt);
  if (header.first.value == 0 || header.first.value > kOffsetMax ||
      load<std::uint64_t>(at + kSegmentPreviousLastAt) != header.first.value - 1) {
    return failure(Code::kDamaged, "the segment's first offset is out of range");
  }
  return header;
}

void encode_group_header(const GroupHeader& header, std::uint64_t seed, std::span<std::byte, kGroupHeaderBytes> out) {
  auto* at = out.data();
  std::memcpy(at, kGroupMagic.data(), kGroupMagic.size());
  store(at + kGroupVersionAt, kSegmentVersion);
  store(at + kGroupFramesAt, header.frames);
  store(at + kGroupSegmentAt, header.segment.value);
  store(at + kGroupAt, header.at);
  store(at + kGroupFirstAt, header.first.value);
  store(at + kGroupBytesAt, header.bytes);
  store(at + kGroupDurableAt, header.durable.value);
  store(at + kGroupTimeAt, header.time);
  store(at + kGroupBodyChecksumAt, header.checksum);
  store(at + kGroupChecksumAt, hash64(ByteView(out).first(kGroupChecksumAt), seed));
}

Result<GroupHeader> decode_group_header(ByteView bytes, std::uint64_t seed) {
  QUIPU_CHECK(bytes.size() >= kGroupHeaderBytes);
  const auto* at = bytes.data();
  if (std::memcmp(at, kGroupMagic.data(), kGroupMagic.size()) != 0) {
    return failure(Code::kDamaged, "no group begins here");
  }
  if (load<std::uint64_t>(at + kGroupChecksumAt) != hash64(bytes.first(kGroupChecksumAt), seed)) {
    return failure(Code::kDamaged, "the checksum of the group's header does not match");
  }
  if (const auto version = load<std::uint32_t>(at + kGroupVersionAt); version != kSegmentVersion) {
    return failure(Code::kRefused, "group of version " + std::to_string(version) + ", this program reads version 1");
  }
  GroupHeader header;
  header.frames = load<std::uint32_t>(at + kGroupFramesAt);
  header.segment = SegmentNumber(load<std::uint64_t>(at + kGroupSegmentAt));
  header.at = load<std::uint64_t>(at + kGroupAt);
  header.first = Offset(load<std::uint64_t>(at + kGroupFirstAt));
  header.bytes = load<std::uint64_t>(at + kGroupBytesAt);
  header.durable = Offset(load<std::uint64_t>(at + kGroupDurableAt));
  header.time = load<std::int64_t>(at + kGroupTimeAt);
  header.checksum = load<std::uint64_t>(at + kGroupBodyChecksumAt);
  return header;
}

std::uint64_t group_checksum(ByteView body, std::uint64_t seed) { return hash64(body, seed); }

Result<void> check_group_body(const GroupHeader& header, ByteView group, std::uint64_t seed) {
  QUIPU_CHECK(group.size() == header.total_bytes());
  if (group_checksum(group.subspan(kGroupHeaderBytes), seed) != header.checksum &&
      !QUIPU_PLANTED("checksum-not-checked")) {
    return failure(Code::kDamaged, "the checksum of the group's frames does not match");
  }
  auto frames = group.subspan(kGroupHeaderBytes, header.bytes);
  for (std::uint32_t i = 0; i < header.frames; ++i) {
    const auto length = frame_length(frames);
    if (!length || *length < kFrameHeaderBytes || *length > frames.size()) {
      return failure(Code::kDamaged, "frame " + std::to_string(i) + " of the group does not begin where it should");
    }
    frames = frames.subspan(*length);
  }
  if (!frames.empty()) return failure(Code::kDamaged, "the group's frames do not fill it");
  return {};
}

std::unexpected<Error> segment_damaged(const LogDisk& disk, SegmentNumber segment, std::uint64_t at,
                                       const std::string& reason) {
  return failure(Code::kDamaged, disk.name(segment) + ", byte " + std::to_string(at) + ": " + reason);
}

}  // namespace quipu
