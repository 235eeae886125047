#include "store/postgres_queue.h"

#include <gtest/gtest.h>

#include <deque>
#include <utility>
#include <vector>

namespace quipu {
namespace {

using Kind = StoreCompletion::Kind;

PostgresRequest request(Kind kind, std::uint64_t token, std::size_t bytes) {
  PostgresRequest made;
  made.kind = kind;
  made.token = token;
  made.bytes = bytes;
  if (kind == Kind::kWrite) made.what = StoreWrite{};
  if (kind == Kind::kLoad) made.what = StoreLoad{};
  return made;
}

bool refused(const PostgresRequest& request) { return std::holds_alternative<PostgresRequest::Refused>(request.what); }

class PostgresQueueTest : public testing::Test {
 protected:
  std::deque<PostgresRequest> collected() {
    std::deque<PostgresRequest> all;
    queue_.collect(all);
    return all;
  }
  void complete(Kind kind) {
    std::vector<StoreCompletion> one;
    one.push_back({kind, 0, {}, {}, {}});
    queue_.complete(std::move(one));
  }

  int wakes_ = 0;
  PostgresQueue queue_{{2, 100, [this] { ++wakes_; }}};
};

TEST_F(PostgresQueueTest, KeepsWhatIsBeyondItsRequestsAsARefusalInItsTurn) {
  for (std::uint64_t token = 1; token <= 3; ++token) queue_.give(request(Kind::kLoad, token, 1));
  const auto all = collected();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_FALSE(refused(all[0]) || refused(all[1]));
  EXPECT_TRUE(refused(all[2]));
  EXPECT_EQ(all[2].token, 3u);
  EXPECT_EQ(queue_.pending(), 3u);
}

TEST_F(PostgresQueueTest, CountsARequestUntilItIsReleased) {
  queue_.give(request(Kind::kWrite, 1, 60));
  queue_.give(request(Kind::kWrite, 2, 60));
  const auto all = collected();
  EXPECT_TRUE(refused(all[1])) << "collected, and still there";
  queue_.release(all[1]);  // It held no room.
  queue_.release(all[0]);
  queue_.give(request(Kind::kWrite, 3, 100));
  EXPECT_FALSE(refused(collected()[0]));
}

TEST_F(PostgresQueueTest, LetsOneThatAloneIsTooLargeInWhenNothingElseWaits) {
  queue_.give(request(Kind::kWrite, 1, 1'000));
  queue_.give(request(Kind::kWrite, 2, 1));
  const auto all = collected();
  EXPECT_FALSE(refused(all[0]));
  EXPECT_TRUE(refused(all[1]));
}

TEST_F(PostgresQueueTest, NumbersWritesAlone) {
  queue_.give(request(Kind::kWrite, 1, 1));
  queue_.release(collected()[0]);
  queue_.give(request(Kind::kLoad, 2, 1));
  queue_.give(request(Kind::kWrite, 3, 1));
  const auto all = collected();
  EXPECT_EQ(all[0].number, 0u);
  EXPECT_EQ(all[1].number, 2u);
}

TEST_F(PostgresQueueTest, WakesOncePerTakeAndCountsNoNoticeAsAnAnswer) {
  queue_.give(request(Kind::kWrite, 1, 1));
  complete(Kind::kForgot);
  complete(Kind::kWrite);
  EXPECT_EQ(wakes_, 1);
  std::vector<StoreCompletion> done;
  queue_.take(done);
  ASSERT_EQ(done.size(), 2u);
  EXPECT_EQ(done[0].kind, Kind::kForgot);
  EXPECT_EQ(queue_.pending(), 0u);
}

}  // namespace
}  // namespace quipu
