#include "cache/local_cache.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace quipu {
namespace {

CounterKey key(int number) {
  return {static_cast<std::uint64_t>(number), "views", "counter " + std::to_string(number)};
}

class LocalCacheTest : public testing::Test {
 protected:
  CacheAnswer::State get(int number) {
    cache_.get({1, {key(number)}});
    std::vector<CacheAnswer> answers;
    cache_.take_answers(answers);
    return answers.at(0).states.at(0);
  }
  void fill(int number) {
    get(number);
    RowBatch rows;
    for (std::uint16_t partition = 0; partition < 4; ++partition) {
      rows.add(key(number).routing, key(number).space, key(number).counter, {Generation{1}, PartitionId{partition}},
               {number, 1, Epoch{}, Offset{1}, 0});
    }
    cache_.fill({key(number)}, rows, 1);
  }

  static constexpr std::size_t kBytesMax = 20'000;
  LocalCache cache_{{.bytes_max = kBytesMax}};
};

TEST_F(LocalCacheTest, StaysBelowItsBytesAndKeepsWhatWasAskedForLast) {
  fill(0);
  for (int number = 1; number < 1'000; ++number) {
    fill(number);
    EXPECT_LE(cache_.bytes(), kBytesMax);
    EXPECT_EQ(get(0), CacheAnswer::State::kFound) << "it is asked for all the time";
  }
  EXPECT_EQ(get(999), CacheAnswer::State::kFound);
  EXPECT_EQ(get(1), CacheAnswer::State::kMiss);
  EXPECT_GT(cache_.evicted(), 0u);
  EXPECT_LT(cache_.evicted(), 999u);
}

TEST_F(LocalCacheTest, MissesAloneStayBelowItsBytesToo) {
  for (int number = 0; number < 1'000; ++number) {
    EXPECT_EQ(get(number), CacheAnswer::State::kMiss);
    EXPECT_LE(cache_.bytes(), kBytesMax);
  }
}

TEST_F(LocalCacheTest, AnEntryAboveItsBytesIsNotKept) {
  const CounterKey large{5, "views", std::string(kBytesMax, 'x')};
  cache_.get({1, {large}});
  RowBatch rows;
  cache_.fill({large}, rows, 1);
  EXPECT_EQ(cache_.bytes(), 0u);
}

}  // namespace
}  // namespace quipu
