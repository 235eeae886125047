#include "worker/new_log_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "worker/growth_world.h"

namespace quipu::testing_worker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

constexpr TimeMs kLongestMs = 1'000;

/// A log as a process sees it that is far from its brokers: what it knows of ends may be old, and frames come later.
class FarLog final : public EventLog {
 public:
  explicit FarLog(EventLog& log) : log_(log) {}

  std::optional<std::vector<Offset>> known_ends{};  ///< What it knows, where that is not all.
  std::int64_t age = 0;
  bool silent = false;
  std::size_t bytes_most = 0;  ///< That were ever read at once.

  const LogIdentity& identity() const override { return log_.identity(); }
  std::uint16_t partitions() const override { return log_.partitions(); }
  bool commits_atomically() const override { return false; }
  LogBounds bounds(PartitionId partition) const override {
    auto bounds = log_.bounds(partition);
    if (known_ends) bounds.end = known_ends->at(partition.value);
    return bounds;
  }
  std::int64_t bounds_age_ms(PartitionId) const override { return age; }
  std::optional<Offset> reserve(PartitionId) override { return std::nullopt; }
  std::size_t room_bytes() const override { return 0; }
  std::size_t group_bytes_max() const override { return 0; }
  Error room_error() const override { return {}; }
  Result<void> submit(PartitionId, ByteView, std::uint64_t) override { return {}; }
  void commit() override {}
  bool committing() const override { return false; }
  void take_completions(std::vector<LogCompletion>&) override {}
  Result<LogRead> read(std::optional<PartitionId> partition, Offset from, std::size_t bytes_max) override {
    LogRead nothing;
    nothing.next = from;
    if (silent) return nothing;
    auto read = log_.read(partition, from, bytes_max);
    if (read) bytes_most = std::max(bytes_most, read->bytes.size());
    return read;
  }
  void allow_trim(Offset) override {}

 private:
  EventLog& log_;
};

/// A new log of three partitions.
class NewLogCheckTest : public testing::Test, protected GrowthWorld {
 protected:
  NewLogCheckTest() : GrowthWorld(3), far_(log) {
    options_.topic = "events";
    options_.read_ms_max = kLongestMs;
    options_.retry_ms = 5;
    other_ = log.identity();
    other_.random.fill(std::byte{7});
    begin();
  }
  void begin() {
    check_.emplace(options_, far_,
                   [this](PartitionId partition, Offset next) { sought_.emplace_back(partition, next); });
  }
  void expect_refused(const std::string& what, TimeMs steady = 1) {
    const auto refused = check_->step(steady);
    ASSERT_FALSE(refused) << "it was let through, or is not through";
    EXPECT_EQ(refused.error().code, Code::kRefused);
    EXPECT_THAT(refused.error().what, HasSubstr("topic events, " + what));
  }

  FarLog far_;
  LogIdentity other_;
  NewLogCheckOptions options_;
  std::optional<NewLogCheck> check_;
  std::vector<std::pair<PartitionId, Offset>> sought_;
};

TEST_F(NewLogCheckTest, LetsAnEmptyLogThroughAndOneWithFramesOfItsOwn) {
  EXPECT_TRUE(check_->step(1).value());
  EXPECT_TRUE(sought_.empty());
  add_frames(1, 3);
  begin();
  EXPECT_TRUE(check_->step(1).value());
  EXPECT_THAT(sought_, ElementsAre(Pair(PartitionId{1}, Offset{1})));
}

TEST_F(NewLogCheckTest, RefusesAnotherLogsFrameWhereverItStands) {
  add_frames(2, 1);
  add_frames(2, 1, other_);
  add_frames(2, 1);
  expect_refused("partition 2 has a frame of another log at offset 2: it is no new log");
}

TEST_F(NewLogCheckTest, RefusesAFrameOfTheSameTopicInAnotherGeneration) {
  auto generation = log.identity();
  ++generation.generation.value;
  add_frames(0, 1, generation);
  expect_refused("partition 0 has a frame of another log at offset 1");
}

TEST_F(NewLogCheckTest, RefusesALogThatHasLostItsFirstFrames) {
  add_frames(1, 3);
  log.allow_partition_trim(PartitionId{1}, Offset{2});
  ASSERT_EQ(log.bounds(PartitionId{1}).begin, Offset{2});
  expect_refused("partition 1 has lost its first records");
}

TEST_F(NewLogCheckTest, HoldsNoMoreOfTheLogAtATimeThanIsAllowed) {
  add_frames(0, 200);
  add_frames(0, 1, other_);
  options_.read_bytes = 1'000;
  begin();
  expect_refused("partition 0 has a frame of another log at offset 201");
  EXPECT_GT(far_.bytes_most, 0U);
  EXPECT_LT(far_.bytes_most, 1'500U);
  EXPECT_THAT(sought_, ElementsAre(Pair(PartitionId{0}, Offset{1}))) << "the log goes on by itself";
}

TEST_F(NewLogCheckTest, FindsWhatWasWrittenSinceItWasThrough) {
  add_frames(1, 2);
  ASSERT_TRUE(check_->step(1).value());
  add_frames(1, 1);
  check_->again(2);
  ASSERT_TRUE(check_->step(3).value());
  EXPECT_EQ(sought_.back(), std::pair(PartitionId{1}, Offset{3})) << "and reads nothing twice";
  add_frames(1, 1, other_);
  check_->again(4);
  expect_refused("partition 1 has a frame of another log at offset 4", 5);
}

TEST_F(NewLogCheckTest, GoesByNoEndsThatWereAskedForBeforeItLooksAgain) {
  ASSERT_TRUE(check_->step(10).value());
  far_.known_ends = std::vector<Offset>(3, Offset{1});
  add_frames(2, 1, other_);
  check_->again(20);
  EXPECT_FALSE(check_->step(20).value()) << "in the same millisecond, but perhaps before";
  far_.age = 5;
  EXPECT_FALSE(check_->step(25).value());
  far_.known_ends.reset();
  expect_refused("partition 2 has a frame of another log at offset 1", 26);
}

TEST_F(NewLogCheckTest, SaysThatTheLogCanNotBeReadForTooLong) {
  add_frames(0, 1);
  far_.silent = true;
  EXPECT_FALSE(check_->step(1).value());
  EXPECT_FALSE(check_->step(1 + kLongestMs).value());
  const auto late = check_->step(2 + kLongestMs);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::kBusy);
  EXPECT_EQ(late.error().retry_after_ms, 5);
}

TEST_F(NewLogCheckTest, SaysThatNobodyTellsWhereTheLogEndsForTooLong) {
  ASSERT_TRUE(check_->step(1).value());
  check_->again(2);
  far_.age = 10 * kLongestMs;
  EXPECT_FALSE(check_->step(3).value());
  const auto late = check_->step(4 + kLongestMs);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::kBusy);
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
