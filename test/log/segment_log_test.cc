#include "log/segment_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "log/segment_world.h"

namespace quipu {
namespace {

using testing::HasSubstr;
using namespace testing_log;

/// Two groups of this fill a segment, a third does not fit.
constexpr std::size_t kHalfSegment = 28'000;

TEST(SegmentLog, RefusesSegmentsThatAreTooSmallOrOdd) {
  SegmentWorld world;
  world.options.segment_bytes = kSegmentBytesMin - kBlockBytes;
  EXPECT_THAT(world.open(), HasSubstr("segment_bytes"));
  world.options.segment_bytes = kSegmentBytesMin + 512;
  EXPECT_THAT(world.open(), HasSubstr("segment_bytes"));
}

TEST(SegmentLog, WritesEachCommitAsOneGroupThatTouchesNoDurableBlock) {
  SegmentWorld world;
  ASSERT_EQ(world.open(), "");
  world.write_group(3);
  world.write_group(1, 6'000);
  world.write_group(2);
  const auto groups = world.groups(SegmentNumber(1));
  ASSERT_EQ(groups.size(), 3u);
  EXPECT_EQ(groups[0].first, 4'096u);
  EXPECT_EQ(groups[1].first, 8'192u);
  EXPECT_EQ(groups[2].first, 16'384u);
  EXPECT_EQ(groups[1].second.first, Offset(4));
  EXPECT_EQ(groups[1].second.durable, Offset(3));
  EXPECT_EQ(groups[2].second.frames, 2u);
}

TEST(SegmentLog, HasOneGroupUnderWayAndFillsTheNext) {
  SegmentWorld world;
  ASSERT_EQ(world.open(), "");
  world.disk.automatic = false;
  world.submit();
  world.log->commit();
  world.submit();
  world.log->commit();
  world.submit();
  EXPECT_TRUE(world.take().empty());
  world.disk.finish_write();
  EXPECT_EQ(world.take().size(), 1u);
  EXPECT_TRUE(world.log->committing());
  world.disk.finish_write();
  EXPECT_EQ(world.take().size(), 1u);
  EXPECT_FALSE(world.log->committing());
  EXPECT_FALSE(world.disk.writing()) << "the third frame waits for its commit";
  EXPECT_EQ(world.groups(SegmentNumber(1)).size(), 2u);
}

TEST(SegmentLog, MakesASegmentAheadSoThatRollingDoesNotWait) {
  SegmentWorld world;
  world.disk.automatic = false;
  ASSERT_EQ(world.open(), "");
  EXPECT_EQ(world.disk.segments().size(), 1u);
  world.submit(kHalfSegment);
  world.log->commit();
  EXPECT_TRUE(world.disk.creating()) << "the next is begun as soon as the last spare is in use";
  world.disk.finish_create();
  world.disk.finish_write();
  EXPECT_EQ(world.take().size(), 1u);
  for (int i = 0; i < 2; ++i) {
    world.submit(kHalfSegment);
    world.log->commit();
    EXPECT_TRUE(world.disk.writing());
    world.disk.finish_write();
    EXPECT_EQ(world.take().size(), 1u);
  }
  EXPECT_EQ(world.log->stats().segments, 2u);
  EXPECT_EQ(world.groups(SegmentNumber(2)).size(), 1u);
}

TEST(SegmentLog, WaitsForASegmentThatIsNotMadeYet) {
  SegmentWorld world;
  world.disk.automatic = false;
  ASSERT_EQ(world.open(), "");
  for (int i = 0; i < 3; ++i) {
    world.submit(kHalfSegment);
    world.log->commit();
    world.disk.finish_write();
    world.take();
  }
  EXPECT_TRUE(world.log->committing());
  EXPECT_FALSE(world.disk.writing());
  world.submit();  // What comes meanwhile must not slip in before.
  world.disk.finish_create();
  EXPECT_TRUE(world.take().empty());
  EXPECT_TRUE(world.disk.writing());
  world.disk.finish_write();
  EXPECT_EQ(world.take().size(), 1u);
  world.log->commit();
  world.disk.finish_write();
  EXPECT_EQ(world.take().size(), 1u);
  world.expect_holds(4);
}

TEST(SegmentLog, AGroupCanFillASegmentToTheLastBlock) {
  SegmentWorld world;
  ASSERT_EQ(world.open(), "");
  const auto overhead = sample_frame(0, 1, 0).size();
  world.submit();
  std::size_t extra = world.log->group_bytes_max() - overhead - overhead - 400;
  world.submit(extra);
  world.log->commit();
  world.take();
  ASSERT_EQ(world.open(), "");
  world.expect_holds(2);
  world.write_group();
  world.expect_holds(3);
}

TEST(SegmentLog, NeverPromisesACommitThatNoQueueHolds) {
  SegmentWorld world;
  world.options.pending_bytes = 10'000;
  ASSERT_EQ(world.open(), "");
  EXPECT_EQ(world.log->group_bytes_max(), 10'000u);
  EXPECT_EQ(world.log->room_bytes(), 10'000u);
}

TEST(SegmentLog, CanBeOpenedAgainOnTheSameDiskWhileASegmentIsMade) {
  SegmentWorld world;
  world.disk.automatic = false;
  ASSERT_EQ(world.open(), "");
  world.submit();
  world.log->commit();
  ASSERT_TRUE(world.disk.creating());
  ASSERT_EQ(world.open(), "") << "the group under way is done first";
  world.expect_holds(1);
  world.disk.automatic = true;
  world.write_group();
  world.expect_holds(2);
}

TEST(SegmentLog, AFailedWriteEndsTheLog) {
  SegmentWorld world;
  ASSERT_EQ(world.open(), "");
  world.write_group();
  world.submit();
  world.submit();
  world.log->commit();
  world.submit();
  world.disk.fail_write = true;
  const auto done = world.take();
  ASSERT_EQ(done.size(), 3u);
  for (const auto& one : done) EXPECT_EQ(one.offset.error().code, Code::kUnknown);
  EXPECT_THAT(done[0].offset.error().what, HasSubstr("segment-1"));
  EXPECT_EQ(world.log->room_bytes(), 0u);
  EXPECT_EQ(world.log->room_error().code, Code::kUnknown);
  const auto later = world.log->submit(PartitionId(0), sample_frame(0, 9), 9);
  EXPECT_EQ(later.error().code, Code::kUnknown);
  world.log->commit();
  EXPECT_TRUE(world.take().empty());
  EXPECT_FALSE(world.disk.writing()) << "the disk is never asked again";
  world.expect_holds(1);
}

TEST(SegmentLog, AFullDiskMakesItBusyAndRoomMakesItGoOn) {
  SegmentWorld world;
  world.disk.capacity_bytes = kSegmentBytesMin;
  ASSERT_EQ(world.open(), "");
  EXPECT_FALSE(world.log->stats().disk_full);
  world.write_group(1, kHalfSegment);
  const auto room = world.log->room_bytes();
  EXPECT_LT(room, kSegmentBytesMin - kHalfSegment);
  EXPECT_GT(room, 0u);
  world.write_group(1, 20'000);
  while (world.log->room_bytes() >= 1'000) world.write_group(1);
  const auto error = world.log->room_error();
  EXPECT_EQ(error.code, Code::kBusy);
  EXPECT_THAT(error.what, HasSubstr("full"));
  EXPECT_GE(error.retry_after_ms, 1);
  EXPECT_LE(error.retry_after_ms, 1'000);
  EXPECT_TRUE(world.log->stats().disk_full);

  world.disk.capacity_bytes = 3 * kSegmentBytesMin;
  world.take();
  EXPECT_LT(world.log->room_bytes(), 1'000u) << "it is tried every second, not at every turn";
  world.now += error.retry_after_ms;
  world.take();
  world.take();
  EXPECT_GT(world.log->room_bytes(), kHalfSegment);
  EXPECT_FALSE(world.log->stats().disk_full);
  world.write_group();
  world.expect_holds(world.next - 1);
}

TEST(SegmentLog, AClockThatJumpsBackDoesNotPutOffTheNextSegment) {
  SegmentWorld world;
  world.disk.capacity_bytes = kSegmentBytesMin;
  ASSERT_EQ(world.open(), "");
  world.now += 3'600'000;
  while (world.log->room_bytes() >= 1'000) world.write_group(1);
  ASSERT_TRUE(world.log->stats().disk_full);
  world.disk.capacity_bytes = 3 * kSegmentBytesMin;
  world.now -= 3'600'000;
  world.take();
  EXPECT_LE(world.log->room_error().retry_after_ms, 1'000);
  world.now += 1'000;
  world.take();
  world.take();
  EXPECT_FALSE(world.log->stats().disk_full);
  world.write_group(1, kHalfSegment);
  world.expect_holds(world.next - 1);
}

TEST(SegmentLog, ASegmentThatIsMadeWhileTheClockJumpsKeepsNobodyAwayForHours) {
  SegmentWorld world;
  ASSERT_EQ(world.open(), "");
  world.disk.automatic = false;
  world.submit();
  world.log->commit();
  world.disk.finish_write();
  world.take();
  ASSERT_TRUE(world.disk.creating());
  world.now += 24 * 3'600'000;
  world.disk.finish_create();
  world.take();
  world.disk.automatic = true;
  world.write_group(1, 50'000);
  world.disk.automatic = false;
  while (world.log->room_bytes() >= 1'000) {
    world.submit();
    world.log->commit();
    world.disk.finish_write();
    world.take();
  }
  EXPECT_LE(world.log->room_error().retry_after_ms, 60'000);
}

TEST(SegmentLog, OpensOnAFullDiskAndServesReads) {
  SegmentWorld world;
  ASSERT_EQ(world.open(), "");
  for (int i = 0; i < 4; ++i) world.write_group(1, kHalfSegment);
  world.disk.drop_segment(SegmentNumber(3));  // The spare.
  world.disk.capacity_bytes = 0;
  ASSERT_EQ(world.open(), "");
  EXPECT_TRUE(world.log->stats().disk_full);
  world.expect_holds(4);
}

TEST(SegmentLog, SaysHowLongAFullQueueTakes) {
  SegmentWorld world;
  world.options.pending_bytes = sample_frame(0, 1, 8'000).size();
  ASSERT_EQ(world.open(), "");
  world.disk.automatic = false;
  for (int i = 0; i < 20; ++i) {  // 4 KiB in 100 ms each: the disk is slow.
    world.submit();
    world.log->commit();
    world.now += 100;
    world.disk.finish_write();
    world.log->tick(world.now);
    world.take();
    if (world.disk.creating()) world.disk.finish_create();
  }
  world.submit(8'000);
  EXPECT_EQ(world.log->room_bytes(), 0u);
  const auto error = world.log->room_error();
  EXPECT_THAT(error.what, HasSubstr("queue"));
  EXPECT_GE(error.retry_after_ms, 100) << "8 KB at 41 bytes a millisecond";
  EXPECT_LE(error.retry_after_ms, 60'000);
}

TEST(SegmentLog, ReadsTheTailFromMemory) {
  SegmentWorld world;
  world.options.tail_bytes = 10 << 10;
  ASSERT_EQ(world.open(), "");
  for (int i = 0; i < 40; ++i) world.write_group(2, 500);
  const auto reads = world.disk.reads();
  const auto tail = read_all(*world.log, std::nullopt, Offset(75));
  ASSERT_TRUE(tail);
  EXPECT_EQ(tail->size(), 6u);
  EXPECT_EQ(tail->front().number, 75u);
  EXPECT_EQ(world.disk.reads(), reads) << "no read of the disk";
  EXPECT_GT(world.log->stats().reads_from_memory, 0u);
  world.expect_holds(80);
  EXPECT_GT(world.disk.reads(), reads) << "the rest is not in memory";
}

TEST(SegmentLog, ReadingOnDoesNotBeginAnewEachTime) {
  SegmentWorld world;
  world.options.segment_bytes = 8 << 20;
  world.options.tail_bytes = 0;
  ASSERT_EQ(world.open(), "");
  for (int i = 0; i < 300; ++i) world.write_group();
  const auto reads = world.disk.reads();
  const auto all = read_all(*world.log, std::nullopt, Offset(1), 1);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->size(), 300u);
  EXPECT_LE(world.disk.reads() - reads, 2 * 300u) << "each step goes on where the last one ended";
}

TEST(SegmentLog, AnEarlyReadDoesNotWalkAWholeSegment) {
  SegmentWorld world;
  world.options.segment_bytes = 32 << 20;
  world.options.tail_bytes = 0;
  ASSERT_EQ(world.open(), "");
  for (int i = 0; i < 60; ++i) world.write_group(1, 400'000);
  const auto reads = world.disk.reads();
  const auto last = world.log->read(std::nullopt, Offset(60), 1);
  ASSERT_TRUE(last);
  EXPECT_EQ(number_of(last->frame(last->frames.at(0))), 60u);
  EXPECT_LE(world.disk.reads() - reads, 8u) << "places are remembered every MiB";
}

TEST(SegmentLog, TellsWhereReadBytesAreNotWhatWasWritten) {
  SegmentWorld world;
  world.options.tail_bytes = 0;
  ASSERT_EQ(world.open(), "");
  for (int i = 0; i < 5; ++i) world.write_group();
  world.disk.bytes(SegmentNumber(1))[3 * kBlockBytes + 100] ^= std::byte{1};
  EXPECT_EQ(read_all(*world.log, std::nullopt, Offset(4))->size(), 2u) << "others are read";
  const auto damaged = world.all();
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, Code::kDamaged);
  EXPECT_THAT(damaged.error().what, HasSubstr("segment-1, byte 12288"));
  EXPECT_THAT(damaged.error().what, HasSubstr("offset 3"));
}

}  // namespace
}  // namespace quipu
