#include "cache/redis_requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace quipu {
namespace {

using testing::ElementsAre;
using State = CacheAnswer::State;

TEST(RedisRequests, AnAnswerHasWhatIsKnownAndMissesTheRest) {
  RedisGet get;
  get.asked = {9, {{1, "views", "a"}, {2, "views", "b"}, {3, "views", "c"}, {4, "views", "d"}}};
  get.entries.resize(4);
  get.entries[0].state = RedisEntry::State::kWhole;
  get.entries[0].as_of = 40;
  get.entries[0].shards = {{{Generation{1}, PartitionId{2}}, {5, 1, Epoch{}, Offset{3}, 0}}};
  get.entries[1].state = RedisEntry::State::kDamaged;
  get.entries[2].state = RedisEntry::State::kAbsent;
  get.entries[2].as_of = 30;
  TotalsCache::Stats stats;
  const auto answer = answer_of(get, stats);
  EXPECT_EQ(answer.token, 9u);
  EXPECT_THAT(answer.states, ElementsAre(State::kFound, State::kMiss, State::kAbsent, State::kMiss));
  EXPECT_EQ(answer.rows.size(), 1u);
  EXPECT_THAT(answer.as_of, ElementsAre(40, 0, 30, 0)) << "each as old as it is";
  EXPECT_EQ(stats.hits, 2u);
  EXPECT_EQ(stats.misses, 2u);
}

TEST(RedisRequests, TheOldestLeaseOfAKeyHoldsUntilItsTimeIsOver) {
  RedisLeases leases(10, 100, 1);
  leases.keep("a", "first", 0);
  leases.keep("a", "second", 99);
  EXPECT_EQ(leases.take("a", 99), "first");
  EXPECT_EQ(leases.take("a", 99), "") << "it was taken";
  leases.keep("a", "third", 200);
  EXPECT_EQ(leases.take("a", 300), "") << "too late";
  leases.keep("a", "fourth", 300);
  leases.keep("a", "fifth", 400);
  EXPECT_EQ(leases.take("a", 450), "fifth") << "the fourth was over";
}

TEST(RedisRequests, LeasesAreBounded) {
  RedisLeases leases(3, 100, 1);
  for (int at = 0; at < 10; ++at) leases.keep(std::to_string(at), "lease", 0);
  EXPECT_EQ(leases.size(), 3u);
  leases.keep("later", "lease", 100);
  EXPECT_EQ(leases.size(), 1u) << "those that were over have made room";
  EXPECT_EQ(leases.take("later", 150), "lease");
}

}  // namespace
}  // namespace quipu
