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
  void add_frame_of(const LogIdentity& identity, std::uint16_t partition) {
    FrameHeader header;
    header.identity = identity;
    header.partition = PartitionId{partition};
    FrameEncoder encoder;
    encoder.begin(header);
    Entry entry;
    entry.space = "views";
    entry.counter = "any";
    entry.delta = 1;
    encoder.add(entry);
    ASSERT_TRUE(log.submit(header.partition, encoder.finish(), 0));
    log.commit();
    std::vector<LogCompletion> done;
    log.take_completions(done);
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

TEST_F(LogAdoptionTest, RefusesTheLogThatTheStoreCountsFrom) {
  options_.before.random = log.identity().random;
  begin();
  const auto refused = step();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kRefused);
  EXPECT_THAT(refused.error().what, HasSubstr("topic events is the one that the store counts from"));
  EXPECT_EQ(setting(), std::nullopt);
}

TEST_F(LogAdoptionTest, RefusesALogInWhichAnotherLogsFramesStand) {
  add_row("reset", 0, epoch(10));
  add_frame_of(options_.before, 2);
  const auto refused = finish();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kRefused);
  EXPECT_THAT(refused.error().what, HasSubstr("topic events, partition 2 has frames of another log"));
  EXPECT_THAT(sought_, ElementsAre(Pair(PartitionId{2}, Offset{1})));
  EXPECT_THAT(resets(0), IsEmpty());
  EXPECT_EQ(setting(), std::nullopt);
}

TEST_F(LogAdoptionTest, RefusesALogThatHasLostItsFirstFrames) {
  add_frames(1, 3);
  log.allow_partition_trim(PartitionId{1}, Offset{2});
  ASSERT_EQ(log.bounds(PartitionId{1}).begin, Offset{2});
  const auto refused = finish();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kRefused);
  EXPECT_THAT(refused.error().what, HasSubstr("partition 1 has lost its first records"));
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

TEST_F(LogAdoptionTest, SaysThatAnotherOneWroteAtTheSameMoment) {
  SettingPut put({kLookMs, kStallMs}, store, options_.setting, options_.text);
  ASSERT_FALSE(put.step(now_).value());
  StoreWrite other;
  other.settings.emplace_back(options_.setting, "a third log");
  store.write(std::move(other));
  const auto lost = put.step(now_ += kLookMs);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Code::kBusy);
  EXPECT_THAT(lost.error().what, HasSubstr("another process wrote at the same moment"));
  EXPECT_EQ(setting(), "a third log");
}

TEST_F(LogAdoptionTest, EndsWhereTheStoreAnswersNothing) {
  SettingPut again({kLookMs, kStallMs}, store, options_.setting, options_.text);
  store.hold(true);
  ASSERT_FALSE(again.step(now_).value());
  now_ += kStallMs;
  const auto silent = again.step(now_);
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code, Code::kTimeout);
}

TEST_F(LogAdoptionTest, SaysThatTheLogCanNotBeReadForTooLong) {
  add_frames(0, 1);
  struct Silent final : EventLog {
    explicit Silent(EventLog& log) : log_(log) {}
    const LogIdentity& identity() const override { return log_.identity(); }
    std::uint16_t partitions() const override { return log_.partitions(); }
    bool commits_atomically() const override { return false; }
    LogBounds bounds(PartitionId partition) const override { return log_.bounds(partition); }
    std::optional<Offset> reserve(PartitionId) override { return std::nullopt; }
    std::size_t room_bytes() const override { return 0; }
    std::size_t group_bytes_max() const override { return 0; }
    Error room_error() const override { return {}; }
    Result<void> submit(PartitionId, ByteView, std::uint64_t) override { return {}; }
    void commit() override {}
    bool committing() const override { return false; }
    void take_completions(std::vector<LogCompletion>&) override {}
    Result<LogRead> read(std::optional<PartitionId>, Offset, std::size_t) override { return LogRead{}; }
    void allow_trim(Offset) override {}
    EventLog& log_;
  } silent(log);
  NewLogCheck check({"events", kStallMs, 5}, silent, [](PartitionId, Offset) {});
  EXPECT_FALSE(check.step(1).value());
  EXPECT_FALSE(check.step(1 + kStallMs).value());
  const auto late = check.step(2 + kStallMs);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::kBusy);
  EXPECT_EQ(late.error().retry_after_ms, 5);
}

TEST(GenerationAfter, RisesByOneUpToTheMost) {
  EXPECT_EQ(generation_after(Generation{1}), Generation{2});
  EXPECT_EQ(generation_after(Generation{kGenerationMax - 1}), Generation{kGenerationMax});
  const auto refused = generation_after(Generation{kGenerationMax});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kRefused);
}

}  // namespace
}  // namespace quipu::testing_worker
