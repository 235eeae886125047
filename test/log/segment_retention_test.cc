#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "log/segment_world.h"

/// A segment goes only when recovery does not need it and the log is old or large enough. Each condition has a test.
namespace quipu {
namespace {

using namespace testing_log;

constexpr std::int64_t kHour = 3'600'000;

/// Five segments of three frames each, one hour between them.
class SegmentRetention : public testing::Test {
 protected:
  SegmentRetention() {
    world_.options.retain_ms = 2 * kHour;
    world_.options.retain_bytes = 100 * kSegmentBytesMin;
  }

  void fill() {
    ASSERT_EQ(world_.open(), "");
    for (int i = 0; i < 5; ++i) {
      world_.write_group(3, 10'000);
      world_.now += kHour;
    }
    ASSERT_EQ(world_.log->stats().segments, 5u);
    ASSERT_EQ(world_.log->bounds({}).end, Offset(16));
  }

  Offset begin() {
    world_.take();
    world_.take();
    return world_.log->bounds({}).begin;
  }

  SegmentWorld world_;
};

TEST_F(SegmentRetention, KeepsWhatRecoveryNeedsHoweverOldAndLargeTheLogIs) {
  world_.options.retain_bytes = 0;
  world_.options.retain_ms = 0;
  fill();
  world_.now += 1'000 * kHour;
  EXPECT_EQ(begin(), Offset(1));
  world_.log->allow_trim(Offset(6));
  EXPECT_EQ(begin(), Offset(4)) << "frame 6 is still needed, and so is its whole segment";
  world_.log->allow_trim(Offset(7));
  EXPECT_EQ(begin(), Offset(7));
  world_.expect_holds(15);
}

TEST_F(SegmentRetention, ByAgeAlone) {
  fill();
  world_.log->allow_trim(Offset(16));
  // The newest frames of the first two are 5 and 4 hours old, of the third 3, of the fourth 2.
  EXPECT_EQ(begin(), Offset(10));
  world_.now += 1;
  EXPECT_EQ(begin(), Offset(13));
  EXPECT_EQ(world_.disk.segments().size(), 2u) << "the one with frames and the spare";
}

TEST_F(SegmentRetention, BySizeAlone) {
  world_.options.retain_ms = 1'000 * kHour;
  world_.options.retain_bytes = 3 * kSegmentBytesMin;
  fill();
  EXPECT_EQ(begin(), Offset(1));
  world_.log->allow_trim(Offset(16));
  EXPECT_EQ(begin(), Offset(7)) << "three segments are left";
}

TEST_F(SegmentRetention, YoungAndSmallStays) {
  world_.options.retain_ms = 1'000 * kHour;
  fill();
  world_.log->allow_trim(Offset(16));
  EXPECT_EQ(begin(), Offset(1));
}

TEST_F(SegmentRetention, TheSegmentThatIsWrittenOnAlwaysStays) {
  world_.options.retain_bytes = 0;
  fill();
  world_.log->allow_trim(Offset(1'000));
  EXPECT_EQ(begin(), Offset(13));
  ASSERT_EQ(world_.open(), "");
  EXPECT_EQ(world_.log->bounds({}).end, Offset(16)) << "it tells where the log ends";
}

TEST_F(SegmentRetention, AgeIsKeptOverARestart) {
  fill();
  ASSERT_EQ(world_.open(), "");
  world_.log->allow_trim(Offset(16));
  EXPECT_EQ(begin(), Offset(7)) << "a segment counts as old as the one behind it was begun";
}

TEST_F(SegmentRetention, ASegmentWithoutADurableSuccessorStays) {
  world_.options.retain_bytes = 0;
  ASSERT_EQ(world_.open(), "");
  world_.write_group(3, 10'000);
  world_.disk.automatic = false;
  for (int i = 0; i < 3; ++i) world_.submit(10'000);
  world_.log->commit();
  world_.log->allow_trim(Offset(4));
  world_.take();
  EXPECT_FALSE(world_.disk.removing()) << "a crash now would leave nothing that tells the log's end";
  world_.disk.finish_write();
  world_.take();
  EXPECT_TRUE(world_.disk.removing());
}

TEST_F(SegmentRetention, RemovesOneAtATimeSoThatACrashBetweenLeavesNoGap) {
  world_.options.retain_bytes = 0;
  fill();
  world_.disk.automatic = false;
  world_.log->allow_trim(Offset(13));
  for (std::uint64_t left = 4;; --left) {
    world_.take();
    auto copy = world_.disk;
    std::mt19937_64 random(left);
    copy.cut_power(random);
    auto opened = SegmentLog::open(copy, world_.options, world_.now);
    ASSERT_TRUE(opened) << opened.error().what;
    EXPECT_EQ((*opened)->bounds({}).end, Offset(16));
    EXPECT_TRUE(read_all(**opened, std::nullopt, Offset(13)));
    if (!world_.disk.removing()) break;
    world_.disk.finish_remove();
  }
  EXPECT_EQ(world_.disk.segments().begin()->first, SegmentNumber(5));
}

TEST_F(SegmentRetention, ARemovalThatFailsIsTriedAgainAndNothingGoesBeforeIt) {
  world_.options.retain_bytes = 0;
  fill();
  world_.disk.fail_remove = true;
  world_.log->allow_trim(Offset(13));
  begin();
  EXPECT_TRUE(world_.disk.segments().contains(SegmentNumber(2)));
  world_.disk.fail_remove = false;
  begin();
  EXPECT_TRUE(world_.disk.segments().contains(SegmentNumber(1))) << "not before a second has passed";
  world_.now += 1'000;
  for (int i = 0; i < 6; ++i) begin();
  EXPECT_EQ(world_.disk.segments().begin()->first, SegmentNumber(5));
}

}  // namespace
}  // namespace quipu
