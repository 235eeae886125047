#include "worker/log_adoption.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "worker/growth_world.h"

namespace quipu::testing_worker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

using Stage = LogAdoption::Stage;

constexpr TimeMs kLookMs = 10;
constexpr TimeMs kStallMs = 1'000;

/// A new log of three partitions in generation 3, and a store that counts from one of generation 2.
class LogAdoptionTest : public testing::Test, protected GrowthWorld {
 protected:
  LogAdoptionTest() : GrowthWorld(3) {
    options_.before = log.identity();
    options_.before.random.fill(std::byte{7});
    options_.before.generation = Generation{kGrowing.value - 1};
    options_.topic = "events";
    options_.setting = "counts from";
    options_.text = "the new log";
    options_.retry_ms = kLookMs;
    options_.stall_ms = options_.read_ms_max = kStallMs;
    begin();
  }
  void begin() {
    adoption_.reset();
    appender_.emplace(log, NodeIdentity{1, 1}, kLookMs);
    adoption_.emplace(
        options_, log, [this](PartitionId partition, Offset next) { sought_.emplace_back(partition, next); }, store,
        *appender_);
  }
  Result<bool> step() { return adoption_->step(now_ += kLookMs, 1'000); }
  Result<bool> finish(int steps = 1'000) {
    for (int i = 0; i < steps; ++i) {
      auto done = step();
      if (!done || *done) return done;
    }
    return false;
  }
  std::optional<std::string> setting() {
    const auto settings = store.settings().value();
    for (const auto& [name, text] : settings) {
      if (name == options_.setting) return text;
    }
    return std::nullopt;
  }
  LogAdoptionOptions options_;
  std::optional<InOrderAppender> appender_;
  std::optional<LogAdoption> adoption_;
  std::vector<std::pair<PartitionId, Offset>> sought_;
  TimeMs now_ = 0;
};

TEST_F(LogAdoptionTest, TellsTheNewLogOfWhatWasResetAndThenHasTheStoreCountFromIt) {
  add_row("reset", 0, epoch(10));
  add_row("never", 0, Epoch{});
  ASSERT_TRUE(finish().value());
  EXPECT_EQ(adoption_->stage(), Stage::kAdopted);
  EXPECT_EQ(setting(), options_.text);
  for (const std::uint16_t p : {0, 1, 2}) EXPECT_THAT(resets(p), ElementsAre(told("reset", 10)));
  EXPECT_EQ(adoption_->counters(), 1U);
  EXPECT_TRUE(step().value()) << "once it is through it stays so";
}

TEST_F(LogAdoptionTest, RefusesTheLogThatTheStoreCountsFromWhenNoPowerCutTakesThatBack) {
  // One before was gone between its write and the sync of that.
  StoreWrite unsynced;
  unsynced.settings.emplace_back(options_.setting, options_.text);
  give(std::move(unsynced));
  ASSERT_EQ(store.unsynced(), 1U);
  options_.before = log.identity();
  begin();
  const auto refused = finish();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kRefused);
  EXPECT_THAT(refused.error().what, HasSubstr("topic events is the one that the store counts from, in generation 3: "
                                              "there is nothing to adopt"));
  store.crash(0);
  EXPECT_EQ(setting(), options_.text);
  for (const std::uint16_t p : {0, 1, 2}) EXPECT_EQ(frames(p), 0U);
}

TEST_F(LogAdoptionTest, EndsWhereTheStoreDoesNotSyncWhatAnotherOneBefore) {
  options_.before = log.identity();
  begin();
  store.hold(true);
  const auto silent = finish();
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code, Code::kTimeout);
}

TEST_F(LogAdoptionTest, RefusesALogInWhichAnotherLogsFramesStand) {
  add_row("reset", 0, epoch(10));
  add_frames(2, 1, options_.before);
  const auto refused = finish();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kRefused);
  EXPECT_THAT(refused.error().what, HasSubstr("topic events, partition 2 has a frame of another log at offset 1"));
  EXPECT_THAT(sought_, ElementsAre(Pair(PartitionId{2}, Offset{1})));
  EXPECT_THAT(resets(0), IsEmpty());
  EXPECT_EQ(setting(), std::nullopt);
}

TEST_F(LogAdoptionTest, RefusesALogInWhichAnotherLogsFrameStandsBehindThoseOfAnAdoptionThatWasInterrupted) {
  add_row("reset", 0, epoch(10));
  while (adoption_->stage() != Stage::kLooking) ASSERT_FALSE(step().value());
  add_frames(1, 1, options_.before);
  begin();
  const auto refused = finish();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("partition 1 has a frame of another log at offset 2"));
  EXPECT_EQ(setting(), std::nullopt);
}

TEST_F(LogAdoptionTest, RefusesALogThatGetsAnotherLogsFrameWhileItIsToldOfResets) {
  add_row("reset", 0, epoch(10));
  while (adoption_->stage() != Stage::kTelling) ASSERT_FALSE(step().value());
  add_frames(2, 1, options_.before);
  const auto refused = finish();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("partition 2 has a frame of another log at offset 1"));
  EXPECT_EQ(setting(), std::nullopt);
}

TEST_F(LogAdoptionTest, WhateverStepItEndsAtAnotherOneGoesOnAndTheSettingIsTheLastThing) {
  add_row("reset", 1, epoch(10));
  int steps = 0;
  bool done = false;
  for (; !done && steps < 100; ++steps) {
    begin();
    for (int i = 0; i < steps && !done; ++i) {
      done = step().value();
      if (!setting()) continue;
      for (const std::uint16_t p : {0, 1, 2}) EXPECT_THAT(resets(p), Not(IsEmpty()));
    }
  }
  EXPECT_TRUE(done);
  EXPECT_GT(steps, 3);
}

TEST_F(LogAdoptionTest, TriesAgainWhatTheStoreDidNotAnswerAndEndsWithWhatItRefuses) {
  store.fail_next(StoreCompletion::Kind::kWrite, {Code::kUnknown, "no answer", 0});
  store.fail_next(StoreCompletion::Kind::kWrite, {Code::kBusy, "too much waits", 0});
  ASSERT_TRUE(finish().value());
  EXPECT_EQ(setting(), options_.text);
  store.fail_next(StoreCompletion::Kind::kWrite, {Code::kRefused, "no such right", 0});
  begin();
  const auto refused = finish();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("no such right"));
}

}  // namespace
}  // namespace quipu::testing_worker
