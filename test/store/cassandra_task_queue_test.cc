#include "store/cassandra_task_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quipu {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Kind = StoreCompletion::Kind;

/// A queue whose tasks begin and end as the test says.
class CassandraTaskQueueTest : public testing::Test {
 protected:
  template <class What>
  static CassandraTask task() {
    CassandraTask made;
    made.what = What{};
    return made;
  }
  static CassandraTask write() { return task<StoreWrite>(); }
  static CassandraTask load() { return task<StoreLoad>(); }
  static CassandraTask base() { return task<CassandraBaseTask>(); }

  void give(CassandraTask task, std::uint64_t token, std::size_t bytes = 10) {
    const auto kind = task.is_read()                                         ? Kind::kLoad
                      : std::holds_alternative<CassandraBaseTask>(task.what) ? Kind::kBase
                                                                             : Kind::kWrite;
    queue_.give(std::move(task), kind, token, bytes);
  }
  void finish(std::size_t at, Result<void> result = {}) {
    queue_.finish(begun_.at(at), std::move(result));
    queue_.advance();
  }
  /// The tokens of what has begun, in that order.
  std::vector<std::uint64_t> begun() const {
    std::vector<std::uint64_t> tokens;
    for (const auto& task : begun_) tokens.push_back(task->completion.token);
    return tokens;
  }
  std::vector<StoreCompletion> take() {
    std::vector<StoreCompletion> all;
    queue_.take_completions(all);
    return all;
  }
  std::vector<std::uint64_t> completed() {
    std::vector<std::uint64_t> tokens;
    for (const auto& completion : take()) tokens.push_back(completion.token);
    return tokens;
  }

  std::vector<CassandraTaskPtr> begun_;
  std::vector<CassandraTaskPtr> marking_;
  CassandraTaskQueue queue_{{.tasks_max = 4,
                             .bytes_max = 100,
                             .begin = [this](const CassandraTaskPtr& task) { begun_.push_back(task); },
                             .write_marks = [this](const CassandraTaskPtr& task) { marking_.push_back(task); }}};
};

TEST_F(CassandraTaskQueueTest, LetsWritesBeUnderWayTogetherAndCompletesThemInOrder) {
  give(write(), 1);
  give(write(), 2);
  EXPECT_THAT(begun(), ElementsAre(1, 2));
  finish(1);
  EXPECT_THAT(completed(), IsEmpty()) << "the first is not done";
  finish(0);
  EXPECT_EQ(queue_.pending(), 2u) << "until they are taken";
  EXPECT_THAT(completed(), ElementsAre(1, 2));
  EXPECT_EQ(queue_.pending(), 0u);
}

TEST_F(CassandraTaskQueueTest, LetsReadsWaitForTheWritesBeforeThemAndWritesForTheReads) {
  give(write(), 1);
  give(load(), 2);
  give(load(), 3);
  give(write(), 4);
  EXPECT_THAT(begun(), ElementsAre(1));
  finish(0);
  EXPECT_THAT(begun(), ElementsAre(1, 2, 3));
  finish(2);
  EXPECT_THAT(begun(), ElementsAre(1, 2, 3)) << "one read is still under way";
  finish(1);
  EXPECT_THAT(begun(), ElementsAre(1, 2, 3, 4));
}

TEST_F(CassandraTaskQueueTest, AsksForTheMarksOfAWriteWhenItIsTheOldest) {
  give(write(), 1);
  give(write(), 2);
  begun_[1]->stage = CassandraTask::Stage::kStored;
  queue_.advance();
  EXPECT_THAT(marking_, IsEmpty());
  finish(0);
  ASSERT_EQ(marking_.size(), 1u);
  EXPECT_EQ(marking_[0], begun_[1]);
}

TEST_F(CassandraTaskQueueTest, OvertakesAllThatStandsBehindAFailedWrite) {
  give(write(), 1);
  give(write(), 2);
  give(write(), 3);
  finish(1, std::unexpected(busy("no", 1)));
  EXPECT_FALSE(begun_[0]->overtaken);
  EXPECT_TRUE(begun_[2]->overtaken);
}

TEST_F(CassandraTaskQueueTest, AReadThatFailsOvertakesNothing) {
  give(load(), 1);
  give(load(), 2);
  finish(0, std::unexpected(busy("no", 1)));
  EXPECT_FALSE(begun_[1]->overtaken);
}

TEST_F(CassandraTaskQueueTest, TellsTheOwnerOnceThatTheStoreMayHaveForgottenAndOvertakesAllThatIsNotOver) {
  give(base(), 1);
  give(write(), 2);
  queue_.forgot();
  EXPECT_TRUE(begun_[0]->overtaken);
  EXPECT_TRUE(begun_[1]->overtaken);
  const auto told = take();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].kind, Kind::kForgot);
  EXPECT_EQ(queue_.pending(), 2u) << "nobody gave it";
}

TEST_F(CassandraTaskQueueTest, ABaseBeginsWhenItIsTheOldestAndHoldsUpNothingBehindIt) {
  give(write(), 1);
  give(base(), 2);
  give(write(), 3);
  EXPECT_THAT(begun(), ElementsAre(1)) << "it is as of all before it";
  finish(0);
  EXPECT_THAT(begun(), ElementsAre(1, 2, 3));
  finish(2);
  EXPECT_THAT(completed(), ElementsAre(1, 3));
  queue_.finish_base(begun_[1], {});
  EXPECT_THAT(completed(), ElementsAre(2));
}

TEST_F(CassandraTaskQueueTest, RefusesInItsTurnWhatIsBeyondTheBounds) {
  give(write(), 1, 200);  // Alone it may be larger.
  give(write(), 2, 1);
  finish(0);
  auto done = take();
  ASSERT_EQ(done.size(), 2u);
  EXPECT_TRUE(done[0].result);
  EXPECT_EQ(done[1].result.error().code, Code::kBusy);
  EXPECT_THAT(begun(), ElementsAre(1));
  for (std::uint64_t token = 3; token <= 7; ++token) give(write(), token, 1);
  EXPECT_THAT(begun(), ElementsAre(1, 3, 4, 5, 6)) << "a fifth that waits is one too many";
}

TEST_F(CassandraTaskQueueTest, BeginsOneWriteAtATimeWhereEachCountsOnTheOneBefore) {
  std::vector<CassandraTaskPtr> begun;
  CassandraTaskQueue queue({.tasks_max = 4,
                            .bytes_max = 100,
                            .one_write = true,
                            .begin = [&](const CassandraTaskPtr& task) { begun.push_back(task); },
                            .write_marks = [](const CassandraTaskPtr&) {}});
  queue.give(write(), Kind::kWrite, 1, 1);
  queue.give(write(), Kind::kWrite, 2, 1);
  EXPECT_EQ(begun.size(), 1u);
  queue.finish(begun[0], {});
  queue.advance();
  EXPECT_EQ(begun.size(), 2u);
}

}  // namespace
}  // namespace quipu
