#include "worker/worker.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "worker/start_partition_store.h"
#include "worker/worker_fixture.h"

namespace quipu::testing_worker {
namespace {

TEST_F(WorkerTest, TrimsTheLogBehindABaseThatIsSurelyInTheStore) {
  options_.base_interval_ms = 10;
  append(kFirst, {with_id("a", 1)});
  append(kFirst, {add("b")});
  start();
  flush();
  turns(40);
  ASSERT_EQ(watermark(kFirst), Offset{2});
  EXPECT_EQ(log_.bounds(kFirst).begin, Offset{1}) << "neither watermark nor base are surely there";
  turns(80);
  EXPECT_EQ(log_.bounds(kFirst).begin, Offset{3});
  start();
  append(kFirst, {with_id("a", 1), with_id("a", 2)});
  flush();
  EXPECT_EQ(row(kFirst, "a")->total, 2) << "the window came from the base";
}

/// How many bases were with the store at a time, at most, while two partitions had them due.
class WorkerBases : public WorkerTest {
 protected:
  std::size_t most_at_a_time() {
    options_.base_interval_ms = 10;
    start();
    std::size_t most = 0;
    for (int i = 0; i < 600; ++i) {
      if (i % 40 == 0) {
        append(kFirst, {with_id("a", numbers_[0])});
        append(kSecond, {with_id("b", numbers_[1])});
      }
      step();
      most = std::max(most, process_->store.bases_waiting());
      perform();
    }
    EXPECT_GT(log_.bounds(kFirst).begin, Offset{1}) << "its base was made in the end";
    EXPECT_GT(log_.bounds(kSecond).begin, Offset{1}) << "and so was that of the other";
    return most;
  }
};

TEST_F(WorkerBases, AreMadeBesideEachOtherWhereTheirBytesAllow) { EXPECT_EQ(most_at_a_time(), 2U); }

TEST_F(WorkerBases, AreMadeOneAfterTheOtherBeyondTheirBytes) {
  options_.base_bytes_max = 1;
  EXPECT_EQ(most_at_a_time(), 1U);
}

TEST_F(WorkerTest, BeginsNoBaseWhileOneOfADroppedPartitionIsWithTheStore) {
  options_.base_interval_ms = 10;
  options_.base_bytes_max = 1;
  append(kFirst, {with_id("a", 1)});
  start({kFirst});
  for (int i = 0; i < 400 && process_->store.bases_waiting() == 0; ++i) {
    step();
    if (process_->store.bases_waiting() == 0) perform();
  }
  ASSERT_EQ(process_->store.bases_waiting(), 1U);
  process_->group.change(Kind::kLost, kFirst);
  process_->group.change(Kind::kAssigned, kSecond);
  append(kSecond, {with_id("b", 1)});
  process_->store.holds_bases = true;
  turns(400);
  EXPECT_EQ(process_->store.bases_waiting(), 1U);
  process_->store.holds_bases = false;
  turns(10);
  append(kSecond, {with_id("b", 2)});  // The next flush makes it.
  turns(400);
  EXPECT_GT(log_.bounds(kSecond).begin, Offset{1});
}

TEST_F(WorkerTest, ABaseIsSureWhereAWatermarkThatHoldsIsNotBelowIt) {
  StoreHandle handle(store_, late_);
  Offset sure{};
  StartPartitionStore plain(handle,
                            {[](PartitionId, Offset) -> Result<std::optional<Base>> { return Base{Offset{1}, {}}; },
                             [](PartitionId, const Base&, std::uint64_t) {}, [&](PartitionId) { return sure; }});
  append(kFirst, {add("a")});
  start();
  mark();
  plain.restore(kFirst, 1);
  sure = Offset{1};
  plain.restore(kFirst, 2);
  std::vector<PartitionStore::Answer> answers;
  plain.take_answers(answers);
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_FALSE(answers[0].restored->base_sure);
  EXPECT_TRUE(answers[1].restored->base_sure);
}

/// A store of which the test says when it answers, and whether it does when it is read.
struct AskedStore {
  std::vector<std::function<void(Result<void>)>> asked;
  std::vector<PartitionId> restored;
  bool away = false;

  PartitionBaseCalls calls() {
    PartitionBaseCalls calls;
    calls.newest = [this](PartitionId partition, Offset) -> Result<std::optional<Base>> {
      restored.push_back(partition);
      if (away) return busy("went away", 100);
      return std::nullopt;
    };
    calls.write = [](PartitionId, const Base&, std::uint64_t) {};
    calls.answers = [this](std::function<void(Result<void>)> then) { asked.push_back(std::move(then)); };
    return calls;
  }
};

TEST_F(WorkerTest, AStoreThatDoesNotAnswerIsNotWaitedForWhenAPartitionIsTakenOver) {
  StoreHandle handle(store_, late_);
  AskedStore asked;
  StartPartitionStore plain(handle, asked.calls());
  append(kFirst, {add("a")});
  start();
  mark();
  std::vector<PartitionStore::Answer> answers;
  const auto take = [&] {
    answers.clear();
    plain.take_answers(answers);
    return answers.size();
  };
  plain.restore(kFirst, 1);
  plain.restore(kSecond, 2);
  EXPECT_EQ(take(), 0u);
  ASSERT_EQ(asked.asked.size(), 1u) << "one question for all";
  asked.asked[0](busy("away", 100));
  ASSERT_EQ(take(), 2u);
  EXPECT_EQ(answers[0].token, 1u);
  EXPECT_EQ(answers[0].restored.error().what, "away");
  EXPECT_EQ(answers[1].restored.error().what, "away");
  EXPECT_TRUE(asked.restored.empty());
  plain.restore(kFirst, 3);
  plain.restore(kFirst, 4);
  ASSERT_EQ(asked.asked.size(), 2u);
  asked.asked[1]({});
  ASSERT_EQ(take(), 2u);
  EXPECT_EQ(answers[0].token, 3u);
  EXPECT_EQ(answers[0].restored.error().code, Code::kBusy) << "overtaken by the newer one";
  EXPECT_EQ(answers[1].token, 4u);
  EXPECT_EQ(answers[1].restored->watermark->offset, Offset{1});
  EXPECT_EQ(asked.restored, std::vector{kFirst});
}

TEST_F(WorkerTest, AStoreThatGoesAwayWhileItIsReadIsWaitedForOnce) {
  StoreHandle handle(store_, late_);
  AskedStore asked;
  StartPartitionStore plain(handle, asked.calls());
  append(kFirst, {add("a")});
  append(kSecond, {add("b")});
  start({kFirst, kSecond});
  mark();
  asked.away = true;
  plain.restore(kFirst, 1);
  plain.restore(kSecond, 2);
  asked.asked.at(0)({});
  std::vector<PartitionStore::Answer> answers;
  plain.take_answers(answers);
  EXPECT_TRUE(answers.empty()) << "failures come with the next take";
  EXPECT_EQ(asked.restored.size(), 1u);
  plain.take_answers(answers);
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].restored.error().what, "went away");
  EXPECT_EQ(answers[1].restored.error().what, "went away");
}

TEST_F(WorkerTest, TrimsNothingWhereTheStoreKeepsNoBases) {
  StoreHandle handle(store_, late_);
  StartPartitionStore plain(handle);
  append(kFirst, {add("a")});
  start();
  mark();
  plain.restore(kFirst, 7);
  plain.write_base(kFirst, {Offset{1}, {}}, 8);
  std::vector<PartitionStore::Answer> answers;
  plain.take_answers(answers);
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].token, 7u);
  EXPECT_EQ(answers[0].restored->watermark->offset, Offset{1});
  EXPECT_FALSE(answers[0].restored->base);
  EXPECT_EQ(answers[1].restored.error().code, Code::kRefused);
}

}  // namespace
}  // namespace quipu::testing_worker
