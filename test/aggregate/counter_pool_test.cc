#include "aggregate/counter_pool.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

namespace quipu {
namespace {

TEST(CounterPool, GivesEachIndexToOneCounterAndKeepsItInItsPlace) {
  std::mt19937_64 random(1);
  CounterPool pool;
  std::vector<std::pair<CounterIndex, const Counter*>> taken;
  std::set<CounterIndex> known;
  for (int i = 0; i < 50'000; ++i) {
    if (random() % 5 < 3 || taken.empty()) {
      const auto index = pool.take();
      ASSERT_TRUE(known.insert(index).second) << "taken twice";
      Counter& counter = pool.at(index);
      ASSERT_FALSE(counter.used());
      ASSERT_EQ(counter.extras, kNoCounter);
      ASSERT_EQ(counter.home.row, Row{});
      counter.record = static_cast<RecordRef>(i);
      taken.emplace_back(index, &counter);
    } else {
      const auto at = random() % taken.size();
      ASSERT_EQ(&pool.at(taken[at].first), taken[at].second) << "it moved";
      pool.give_back(taken[at].first);
      known.erase(taken[at].first);
      taken[at] = taken.back();
      taken.pop_back();
    }
    ASSERT_EQ(pool.size(), taken.size());
  }
}

TEST(CounterPool, GivesBackWhatABurstTookAndPutsNewOnesInFront) {
  CounterPool pool;
  const auto first = pool.take();
  pool.at(first).record = 0;
  std::vector<CounterIndex> burst;
  for (int i = 0; i < 100'000; ++i) {
    burst.push_back(pool.take());
    pool.at(burst.back()).record = 1;
  }
  EXPECT_GE(pool.bytes(), 100'000 * sizeof(Counter));
  for (const CounterIndex index : burst) pool.give_back(index);
  EXPECT_EQ(pool.bytes(), CounterPool::kChunk * sizeof(Counter));
  EXPECT_EQ(pool.end(), CounterPool::kChunk);
  EXPECT_LT(pool.take(), CounterPool::kChunk);
}

}  // namespace
}  // namespace quipu
