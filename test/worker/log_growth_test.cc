#include "worker/log_growth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "worker/growth_world.h"

namespace quipu::testing_worker {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

using Stage = LogGrowth::Stage;

constexpr PartitionId kOne{1};
constexpr PartitionId kTwo{2};
constexpr PartitionId kNine{9};
constexpr TimeMs kLookMs = 10;

/// Two partitions take events, a third was added. The older ones have 4 and 2 frames, and a counter was reset.
class LogGrowthTest : public testing::Test, protected GrowthWorld {
 protected:
  LogGrowthTest() : GrowthWorld(3) {
    add_frames(0, 4);
    add_frames(1, 2);
    add_row("reset", 0, epoch(3));
    begin();
  }
  void begin() {
    LogGrowthOptions options;
    options.first = 1;
    options.before = 2;
    options.partitions = 3;
    options.look_ms = kLookMs;
    options.retry_ms = kLookMs;
    growth_.reset();
    appender_.emplace(log, NodeIdentity{1, 1}, kLookMs);
    growth_.emplace(options, log, store, *appender_);
  }
  Result<bool> step() { return growth_->step(now_ += kLookMs, 1'000); }
  /// Until it stands still, or for so many steps.
  Stage go_on(int steps = 20) {
    for (int i = 0; i < steps; ++i) EXPECT_TRUE(step());
    return growth_->stage();
  }

  std::optional<InOrderAppender> appender_;
  std::optional<LogGrowth> growth_;
  TimeMs now_ = 0;
};

TEST_F(LogGrowthTest, TellsNothingBeforeAllWatermarksHavePassedWhatTheOlderPartitionsHad) {
  EXPECT_EQ(go_on(), Stage::kPassing);
  put_watermark(0, 4);
  put_watermark(1, 1);
  EXPECT_EQ(go_on(), Stage::kPassing);
  put_watermark(1, 2, Generation{kGrowing.value - 1});
  EXPECT_EQ(go_on(), Stage::kPassing) << "it is of another log";
  EXPECT_THAT(resets(2), IsEmpty());
  add_frames(1, 5);
  put_watermark(1, 2);
  EXPECT_EQ(go_on(), Stage::kReading) << "what came since is told by workers";
  EXPECT_THAT(resets(2), ElementsAre(told("reset", 3)));
  EXPECT_EQ(growth_->counters(), 1U);
}

TEST_F(LogGrowthTest, OpensTheAddedPartitionsWhenWorkersHaveReadWhatTheyWereTold) {
  put_watermark(0, 4);
  put_watermark(1, 2);
  EXPECT_EQ(go_on(), Stage::kReading);
  EXPECT_EQ(open(1), 1);
  put_flushed(2, 0);
  EXPECT_EQ(go_on(), Stage::kReading);
  put_flushed(2, 1);
  EXPECT_EQ(go_on(), Stage::kOpen);
  EXPECT_EQ(open(1), 3);
  EXPECT_TRUE(step().value());
}

TEST_F(LogGrowthTest, AnOlderPartitionWithoutAFrameIsNotWaitedFor) {
  GrowthWorld other(3);
  LogGrowthOptions options;
  options.first = options.before = 2;
  options.partitions = 3;
  LogGrowth growth(options, other.log, other.store, *appender_);
  bool done = false;
  for (int i = 0; i < 10 && !done; ++i) done = growth.step(now_ += 1'000, 1'000).value();
  EXPECT_TRUE(done);
  EXPECT_EQ(other.open(2), 3);
}

TEST_F(LogGrowthTest, WhateverStepItEndsAtAnotherOneGoesOnAndNothingIsOpenBeforeItWasTold) {
  put_watermark(0, 4);
  put_watermark(1, 2);
  put_flushed(2, 100);
  int steps = 0;
  bool done = false;
  for (; !done && steps < 100; ++steps) {
    begin();
    done = false;
    for (int i = 0; i < steps && !done; ++i) {
      done = step().value();
      if (open(1) == 3) {
        EXPECT_THAT(resets(2), Contains(told("reset", 3)));
      }
    }
  }
  EXPECT_TRUE(done);
  EXPECT_GT(steps, 4);
  begin();
  EXPECT_EQ(go_on(), Stage::kOpen) << "once more does no harm";
}

TEST_F(LogGrowthTest, LeavesAsManyOrMoreThatAnotherOneOpened) {
  put_watermark(0, 4);
  put_watermark(1, 2);
  put_flushed(2, 100);
  put_open(7);
  EXPECT_EQ(go_on(), Stage::kOpen);
  EXPECT_EQ(open(1), 7);
}

TEST_F(LogGrowthTest, WritesAgainWhereTheStoreWasBusy) {
  put_watermark(0, 4);
  put_watermark(1, 2);
  put_flushed(2, 100);
  store.fail_next(StoreCompletion::Kind::kWrite, {Code::kUnknown, "no answer", 0});
  store.fail_next(StoreCompletion::Kind::kWrite, {Code::kBusy, "too much waits", 0});
  EXPECT_EQ(go_on(), Stage::kOpen);
  EXPECT_EQ(open(1), 3);
}

TEST_F(LogGrowthTest, EndsWithWhatTheStoreRefusesAndWhereItDoesNotAnswer) {
  put_watermark(0, 4);
  put_watermark(1, 2);
  put_flushed(2, 100);
  for (int i = 0; i < 20 && growth_->stage() != Stage::kOpening; ++i) ASSERT_TRUE(step());
  store.fail_next(StoreCompletion::Kind::kWrite, {Code::kRefused, "no such right", 0});
  ASSERT_TRUE(step());
  const auto refused = step();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("no such right"));

  begin();
  for (int i = 0; i < 20 && growth_->stage() != Stage::kOpening; ++i) ASSERT_TRUE(step());
  store.hold(true);
  ASSERT_TRUE(step());
  now_ += 120'000;
  const auto silent = step();
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code, Code::kTimeout);
  EXPECT_EQ(open(1), 1);
}

TEST_F(LogGrowthTest, NamesThePartitionsThatStandStillAndWaitsForThoseThatMove) {
  put_watermark(0, 1);
  put_watermark(1, 2);
  EXPECT_EQ(go_on(1), Stage::kPassing);
  now_ += 119'000;
  put_watermark(0, 2);
  EXPECT_EQ(go_on(1), Stage::kPassing);
  now_ += 119'000;
  EXPECT_EQ(go_on(1), Stage::kPassing) << "it has moved since";
  now_ += 1'000;
  const auto stands = step();
  ASSERT_FALSE(stands);
  EXPECT_EQ(stands.error().code, Code::kConflict);
  EXPECT_THAT(stands.error().what, HasSubstr("partitions 0: recovery begins before what they had, and none of them "
                                             "has moved for 120 s"));
  EXPECT_THAT(resets(2), IsEmpty());
}

TEST(PartitionsBehind, AreThoseThatHaveNotReachedTheGoalWithHowFarTheyAre) {
  const PartitionOffsets goal{{kOne, Offset{10}}, {kTwo, Offset{20}}};
  EXPECT_THAT(partitions_behind(goal, {}), ElementsAre(Pair(kOne, kNoOffset), Pair(kTwo, kNoOffset)));
  EXPECT_THAT(partitions_behind(goal, {{kOne, Offset{10}}, {kTwo, Offset{19}}}), ElementsAre(Pair(kTwo, Offset{19})));
  EXPECT_THAT(partitions_behind(goal, {{kOne, Offset{11}}, {kTwo, Offset{20}}}), IsEmpty());
}

TEST(PartitionsBehind, SayNothingOfThoseThatNobodyWaitsFor) {
  // Else traffic in others would hide for ever that one which must go on stands still.
  const PartitionOffsets goal{{kOne, Offset{10}}};
  EXPECT_EQ(partitions_behind(goal, {{kOne, Offset{3}}, {kNine, Offset{1}}}),
            partitions_behind(goal, {{kOne, Offset{3}}, {kNine, Offset{1'000}}}));
}

}  // namespace
}  // namespace quipu::testing_worker
