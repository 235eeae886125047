#include "log/segment_format.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "log/group_buffer.h"
#include "log/log_samples.h"

/// The bytes of version 1, for good: a failure here means that logs on disks can no longer be read.
namespace quipu {
namespace {

using namespace testing_log;

/// Reads hexadecimal text; `#` begins a comment, and `*N` stands for N zeros.
Bytes golden(const std::string& name) {
  std::ifstream file(std::string(QUIPU_SOURCE_DIR) + "/test/log/golden/" + name + ".hex");
  EXPECT_TRUE(file) << name;
  Bytes bytes;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    for (std::string word; words >> word;) {
      if (word[0] == '*') {
        bytes.resize(bytes.size() + std::strtoul(word.c_str() + 1, nullptr, 10));
      } else {
        bytes.push_back(static_cast<std::byte>(std::strtoul(word.c_str(), nullptr, 16)));
      }
    }
  }
  return bytes;
}

const SegmentHeader kSegment{sample_identity(0xab), SegmentNumber(7), 67'108'864, Offset(1'000'001), 8'192,
                             1'700'000'000'123};

GroupHeader sample_group() {
  GroupHeader header;
  header.segment = kSegment.number;
  header.at = kBlockBytes;
  header.first = kSegment.first;
  header.durable = Offset(1'000'000);
  header.time = 1'700'000'000'456;
  return header;
}

TEST(SegmentFormat, TheFirstWriteOfASegmentIsTheGoldenFile) {
  const auto expected = golden("v1_segment");
  const auto seed = segment_seed(kSegment.identity, kSegment.number);
  GroupBuffer group;
  group.append(sample_frame(2, 41), 1);
  group.append(sample_frame(3, 42), 2);
  const auto written = group.seal(sample_group(), seed, &kSegment);
  ASSERT_EQ(written.size(), expected.size());
  for (std::size_t i = 0; i < written.size(); ++i) ASSERT_EQ(written[i], expected[i]) << "byte " << i;

  const auto segment = decode_segment_header(ByteView(expected).first(kBlockBytes));
  ASSERT_TRUE(segment) << segment.error().what;
  EXPECT_EQ(*segment, kSegment);
  const auto bytes = ByteView(expected).subspan(kBlockBytes);
  const auto header = decode_group_header(bytes, seed);
  ASSERT_TRUE(header) << header.error().what;
  EXPECT_EQ(header->frames, 2u);
  EXPECT_EQ(header->end(), Offset(1'000'003));
  EXPECT_EQ(header->total_bytes(), kBlockBytes);
  EXPECT_TRUE(check_group_body(*header, bytes, seed));
}

TEST(SegmentFormat, RefusesEveryAlteredByteOfAHeader) {
  auto bytes = golden("v1_segment");
  const auto seed = segment_seed(kSegment.identity, kSegment.number);
  for (std::size_t at = 0; at < kBlockBytes + kGroupHeaderBytes; ++at) {
    bytes[at] ^= std::byte{0x10};
    if (at < kBlockBytes) {
      ASSERT_FALSE(decode_segment_header(ByteView(bytes).first(kBlockBytes))) << at;
    } else {
      ASSERT_FALSE(decode_group_header(ByteView(bytes).subspan(kBlockBytes), seed)) << at;
    }
    bytes[at] ^= std::byte{0x10};
  }
}

TEST(SegmentFormat, RefusesEveryAlteredByteOfAGroup) {
  auto bytes = golden("v1_segment");
  const auto seed = segment_seed(kSegment.identity, kSegment.number);
  const auto group = std::span(bytes).subspan(kBlockBytes);
  const auto header = *decode_group_header(group, seed);
  for (std::size_t at = kGroupHeaderBytes; at < group.size(); ++at) {
    group[at] ^= std::byte{1};
    ASSERT_FALSE(check_group_body(header, group, seed)) << at;
    group[at] ^= std::byte{1};
  }
}

TEST(SegmentFormat, AGroupOfAnotherLogGenerationOrSegmentIsNoGroup) {
  const auto bytes = golden("v1_segment");
  const auto group = ByteView(bytes).subspan(kBlockBytes);
  auto identity = kSegment.identity;
  EXPECT_TRUE(decode_group_header(group, segment_seed(identity, SegmentNumber(7))));
  EXPECT_FALSE(decode_group_header(group, segment_seed(identity, SegmentNumber(8))));
  identity.generation = Generation(2);
  EXPECT_FALSE(decode_group_header(group, segment_seed(identity, SegmentNumber(7))));
  EXPECT_FALSE(decode_group_header(group, segment_seed(sample_identity(0xac), SegmentNumber(7))));
}

TEST(SegmentFormat, ANewerVersionIsNamedAndNotTakenForDamage) {
  auto bytes = golden("v1_segment");
  bytes[8] = std::byte{2};
  const auto sum = hash64(ByteView(bytes).first(kBlockBytes - 8), 0);
  std::memcpy(bytes.data() + kBlockBytes - 8, &sum, sizeof(sum));
  const auto segment = decode_segment_header(ByteView(bytes).first(kBlockBytes));
  EXPECT_EQ(segment.error().code, Code::kRefused);
  EXPECT_NE(segment.error().what.find("version 2"), std::string::npos);

  const auto seed = segment_seed(kSegment.identity, kSegment.number);
  const auto group = std::span(bytes).subspan(kBlockBytes);
  group[8] = std::byte{2};
  const auto group_sum = hash64(ByteView(group).first(72), seed);
  std::memcpy(group.data() + 72, &group_sum, sizeof(group_sum));
  EXPECT_EQ(decode_group_header(group, seed).error().code, Code::kRefused);
}

TEST(SegmentFormat, RefusesASegmentWhoseFirstOffsetCanNotBe) {
  Bytes block(kBlockBytes);
  for (const std::uint64_t first : {std::uint64_t{0}, kOffsetMax + 1}) {
    auto segment = kSegment;
    segment.first = Offset(first);
    encode_segment_header(segment, std::span(block).first<kBlockBytes>());
    const auto decoded = decode_segment_header(block);
    ASSERT_FALSE(decoded) << first;
    EXPECT_EQ(decoded.error().code, Code::kDamaged);
    EXPECT_EQ(decoded.error().what, "the segment's first offset is out of range");
  }
}

TEST(SegmentFormat, RefusesAGroupWithMoreOrFewerFramesThanItSays) {
  const auto bytes = golden("v1_segment");
  const auto seed = segment_seed(kSegment.identity, kSegment.number);
  const auto group = ByteView(bytes).subspan(kBlockBytes);
  auto header = *decode_group_header(group, seed);
  header.frames = 3;
  EXPECT_EQ(check_group_body(header, group, seed).error().what, "frame 2 of the group does not begin where it should");
  header.frames = 1;
  EXPECT_EQ(check_group_body(header, group, seed).error().what, "the group's frames do not fill it");
}

TEST(GroupBuffer, MovesWhatCameAfterTheSeal) {
  GroupBuffer group;
  for (std::uint64_t i = 0; i < 5; ++i) group.append(sample_frame(0, i, i * 100), i);
  const auto bytes = group.frames_bytes();
  GroupBuffer rest;
  group.move_rest(2, rest);
  EXPECT_EQ(group.items().size(), 2u);
  ASSERT_EQ(rest.items().size(), 3u);
  EXPECT_EQ(group.frames_bytes() + rest.frames_bytes(), bytes);
  EXPECT_EQ(number_of(rest.frames().first(rest.items()[0].bytes)), 2u);
}

}  // namespace
}  // namespace quipu
