#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "log/group_buffer.h"
#include "log/segment_world.h"

/// Headers whose checksums are right and whose words can not be: no torn write leaves one, so each is refused and
/// named, and nothing is cut for its sake.
namespace quipu {
namespace {

using testing::HasSubstr;
using namespace testing_log;

constexpr SegmentNumber kOne{1};
constexpr SegmentNumber kTwo{2};
constexpr SegmentNumber kThree{3};
constexpr SegmentNumber kFour{4};
constexpr std::size_t kVersionAt = 8;
constexpr std::size_t kGroupChecksumAt = 72;

/// Three segments with several groups each, and a spare. The log itself is closed.
class SegmentForged : public testing::Test {
 protected:
  SegmentForged() { world_.write_three_segments(); }

  Bytes& bytes(SegmentNumber segment) { return world_.disk.bytes(segment); }
  std::uint64_t seed(SegmentNumber segment) const { return segment_seed(world_.options.identity, segment); }

  void change_segment(SegmentNumber segment, const std::function<void(SegmentHeader&)>& change) {
    const auto block = std::span(bytes(segment)).first<kBlockBytes>();
    auto header = decode_segment_header(block).value();
    change(header);
    encode_segment_header(header, block);
  }
  /// The second group of a segment.
  GroupHeader change_group(SegmentNumber segment, const std::function<void(GroupHeader&)>& change) {
    auto [at, header] = world_.groups(segment).at(1);
    change(header);
    encode_group_header(header, seed(segment), std::span(bytes(segment)).subspan(at).first<kGroupHeaderBytes>());
    return header;
  }
  void put_group_of_version_2(SegmentNumber segment, std::uint64_t at) {
    const auto group = std::span(bytes(segment)).subspan(at, kGroupHeaderBytes);
    encode_group_header({}, seed(segment), group.first<kGroupHeaderBytes>());
    group[kVersionAt] = std::byte{2};
    const auto sum = hash64(group.first(kGroupChecksumAt), seed(segment));
    std::memcpy(group.data() + kGroupChecksumAt, &sum, sizeof(sum));
  }
  void expect_refused(const std::string& what) {
    const auto before = world_.disk.segments();
    EXPECT_THAT(world_.open(), HasSubstr(what));
    EXPECT_EQ(world_.disk.segments(), before) << "nothing is changed when it is refused";
  }
  void expect_read_damaged(const std::string& what) {
    ASSERT_EQ(world_.open(), "");
    const auto read = world_.all();
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Code::kDamaged);
    EXPECT_THAT(read.error().what, HasSubstr(what));
  }

  SegmentWorld world_;
};

TEST_F(SegmentForged, ASegmentOfANewerVersionIsRefusedAndNotTakenForASpare) {
  const auto block = std::span(bytes(kThree)).first(kBlockBytes);
  block[kVersionAt] = std::byte{2};
  const auto sum = hash64(ByteView(block).first(kBlockBytes - sizeof(std::uint64_t)), 0);
  std::memcpy(block.data() + kBlockBytes - sizeof(sum), &sum, sizeof(sum));
  expect_refused("segment-3: segment of version 2");
}

TEST_F(SegmentForged, AGroupOfANewerVersionBehindTheEndIsRefusedAndNotCut) {
  const auto [at, last] = world_.groups(kThree).back();
  put_group_of_version_2(kThree, at + last.total_bytes() + kBlockBytes);
  expect_refused("segment-3: group of version 2");
}

TEST_F(SegmentForged, SegmentsWhoseOffsetsDoNotFollowAreNamed) {
  change_segment(kTwo, [](SegmentHeader& header) { header.first = Offset(1); });
  expect_refused("the segments' offsets do not follow each other; segment-2 begins with offset 1");
}

TEST_F(SegmentForged, ASegmentThatNamesAnotherGroupAsTheOneBeforeItIsNamed) {
  const auto [at, group] = world_.groups(kOne).at(1);
  change_segment(kTwo, [&](SegmentHeader& header) { header.previous_group_at = at; });
  expect_refused("segment-1, byte " + std::to_string(at) + ": the group here ends with offset " +
                 std::to_string(group.end().value - 1));
}

TEST_F(SegmentForged, AGroupThatPassesTheEndOfItsSegmentIsNamedWhenItIsRead) {
  const auto group = change_group(kTwo, [](GroupHeader& header) { header.bytes = 2 * kSegmentBytesMin; });
  expect_read_damaged("segment-2, byte " + std::to_string(group.at) + ": a group that passes the end of its segment");
}

TEST_F(SegmentForged, AGroupOfMoreOffsetsThanItsSegmentHasIsNamedWhenItIsRead) {
  const auto group = change_group(kTwo, [](GroupHeader& header) { header.frames = 10'000; });
  expect_read_damaged("segment-2, byte " + std::to_string(group.at) +
                      ": a group that passes the segment's last offset");
}

TEST_F(SegmentForged, ASpareThatCanNotBeRemovedIsToldAndNothingIsLost) {
  const auto last = world_.next - 1;
  bytes(kFour).resize(100);
  world_.disk.fail_remove = true;
  expect_refused("segment-4: removing: Input/output error");
  world_.disk.fail_remove = false;
  ASSERT_EQ(world_.open(), "");
  world_.expect_holds(last);
}

TEST(SegmentLogOptions, PartitionsThatCanNotBeAreRefused) {
  SegmentWorld world;
  for (const std::uint16_t partitions : {std::uint16_t{0}, static_cast<std::uint16_t>(kPartitionsMax + 1)}) {
    world.options.partitions = partitions;
    EXPECT_THAT(world.open(), HasSubstr("log.partitions must be 1 to " + std::to_string(kPartitionsMax)));
  }
}

TEST(SegmentLogOffsets, AreRefusedWhenAllAreUsedUp) {
  SegmentWorld world;
  const SegmentHeader segment{world.options.identity, kOne, kSegmentBytesMin, Offset(kOffsetMax), 0, world.now};
  GroupHeader group;
  group.segment = kOne;
  group.at = kBlockBytes;
  group.first = Offset(kOffsetMax);
  GroupBuffer buffer;
  buffer.append(sample_frame(1, 1), 1);
  const auto written = buffer.seal(group, segment_seed(segment.identity, kOne), &segment);
  Bytes file(written.begin(), written.end());
  file.resize(kSegmentBytesMin);
  world.disk.put_segment(kOne, file);
  ASSERT_EQ(world.open(), "");
  EXPECT_EQ(world.log->bounds({}).end, Offset(kOffsetMax + 1));
  EXPECT_EQ(world.log->room_bytes(), 0u);
  const auto refused = world.log->submit(PartitionId(1), sample_frame(1, 2), 2);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kRefused);
  EXPECT_THAT(refused.error().what, HasSubstr("offsets are used up"));
}

}  // namespace
}  // namespace quipu
