#include "contract/totals_cache_contract.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <sstream>

namespace quipu::testing_contract {

std::string text_of_rows(const RowBatch& rows) {
  std::ostringstream text;
  for (const auto& item : rows.items()) {
    text << rows.space(item) << '/' << rows.counter(item) << " g" << item.shard.generation.value << " p"
         << item.shard.partition.value << " total " << item.row.total << " events " << item.row.events << " epoch "
         << item.row.epoch.value << " applied " << item.row.applied.value << " flags " << int{item.row.flags} << '\n';
  }
  return text.str();
}

namespace {

using testing::ElementsAre;
using State = CacheAnswer::State;

const CounterKey kCats{7, "views", "cats"};
const CounterKey kDogs{8, "views", "dogs"};

ShardId shard(std::uint16_t partition, std::uint32_t generation = 1) {
  return {Generation{generation}, PartitionId{partition}};
}

Row row(std::int64_t total, std::uint64_t applied, std::uint64_t epoch = 0) {
  return {total, 1, Epoch{epoch}, Offset{applied}, 0};
}

RowBatch batch(const CounterKey& key, std::vector<std::pair<ShardId, Row>> shards) {
  RowBatch rows;
  for (const auto& [id, kept] : shards) rows.add(key.routing, key.space, key.counter, id, kept);
  return rows;
}

/// What every TotalsCache must do, whatever it is made of. A new one is done when it passes this suite.
class TotalsCacheContract : public testing::TestWithParam<CacheUnderTest> {
 protected:
  TotalsCache& cache() { return bench_->cache(); }

  static constexpr TimeMs kAsOf = 1'600'000'000'000;  // Of fills of which the age does not matter.

  CacheAnswer get(std::vector<CounterKey> keys) {
    cache().get({++token_, std::move(keys)});
    std::vector<CacheAnswer> answers;
    while (true) {
      cache().take_answers(answers);
      if (!answers.empty()) break;
      bench_->wait();
    }
    EXPECT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].token, token_);
    EXPECT_EQ(answers[0].as_of.size(), answers[0].states.size());
    return std::move(answers[0]);
  }
  State state(const CounterKey& key) {
    const auto answer = get({key});
    EXPECT_EQ(answer.states.size(), 1u);
    EXPECT_EQ(answer.rows.empty(), answer.states[0] != State::kFound);
    return answer.states[0];
  }
  std::string rows(const CounterKey& key) { return text_of_rows(get({key}).rows); }
  /// What a reader does that has found nothing.
  void miss_and_fill(const CounterKey& key, const RowBatch& found, TimeMs as_of = kAsOf) {
    ASSERT_EQ(state(key), State::kMiss);
    cache().fill({key}, found, as_of);
  }

  std::unique_ptr<CacheBench> bench_ = GetParam().make();
  std::uint64_t token_ = 0;
};

TEST_P(TotalsCacheContract, KnowsNothingAtFirst) {
  EXPECT_THAT(get({kCats, kDogs}).states, ElementsAre(State::kMiss, State::kMiss));
  EXPECT_TRUE(get({}).states.empty());
  EXPECT_EQ(cache().stats().misses, 2u);
}

TEST_P(TotalsCacheContract, GivesBackAllShardsOfWhatWasFilledAsTheyWere) {
  const CounterKey odd{1, "a-_9", std::string("\0\r\n:{}\xff ", 8)};
  const auto cats =
      batch(kCats, {{shard(0), row(-5, 9)},
                    {shard(3),
                     {INT64_MIN, std::numeric_limits<std::uint64_t>::max(),
                      epoch_of(Generation{kGenerationMax}, Offset{kOffsetMax}), Offset{kOffsetMax}, kRowSaturated}},
                    {shard(kPartitionsMax - 1, kGenerationMax), {INT64_MAX, 0, Epoch{}, Offset{1}, 0}}});
  const auto others = batch(odd, {{shard(1), row(1, 2)}});
  miss_and_fill(kCats, cats);
  miss_and_fill(odd, others);
  const auto answer = get({odd, kDogs, kCats});
  EXPECT_THAT(answer.states, ElementsAre(State::kFound, State::kMiss, State::kFound));
  EXPECT_EQ(text_of_rows(answer.rows), text_of_rows(others) + text_of_rows(cats));
  for (const auto& item : answer.rows.items()) {
    EXPECT_EQ(item.routing, answer.rows.counter(item) == "cats" ? kCats.routing : odd.routing);
  }
  EXPECT_EQ(cache().stats().hits, 2u);
}

TEST_P(TotalsCacheContract, ACounterWithoutRowsIsAbsentForAShortTime) {
  miss_and_fill(kCats, {});
  EXPECT_EQ(state(kCats), State::kAbsent);
  bench_->pass(3'000);
  EXPECT_EQ(state(kCats), State::kMiss);
}

TEST_P(TotalsCacheContract, ATotalIsForgottenAfterItsTime) {
  miss_and_fill(kCats, batch(kCats, {{shard(0), row(1, 1)}}));
  bench_->pass(50'000);
  EXPECT_EQ(state(kCats), State::kFound);
  bench_->pass(11'000);
  EXPECT_EQ(state(kCats), State::kMiss);
}

TEST_P(TotalsCacheContract, AnUpdateChangesOnlyWhatIsThere) {
  cache().update(batch(kCats, {{shard(0), row(1, 1)}}));
  EXPECT_EQ(state(kCats), State::kMiss);
  EXPECT_EQ(state(kCats), State::kMiss) << "a shard alone is no counter";
}

TEST_P(TotalsCacheContract, ANewerRowWinsAndAnOlderLoses) {
  miss_and_fill(kCats, batch(kCats, {{shard(0), row(10, 10)}, {shard(1), row(1, 1)}}));
  cache().update(batch(kCats, {{shard(0), row(9, 9)}}));
  cache().update(batch(kCats, {{shard(0), row(99, 10)}}));
  EXPECT_EQ(rows(kCats), text_of_rows(batch(kCats, {{shard(0), row(10, 10)}, {shard(1), row(1, 1)}})));
  cache().update(batch(kCats, {{shard(0), row(12, 1'000)}}));
  cache().update(batch(kCats, {{shard(0), row(11, 999)}}));
  EXPECT_EQ(rows(kCats), text_of_rows(batch(kCats, {{shard(0), row(12, 1'000)}, {shard(1), row(1, 1)}})));
  // A newer epoch wins whatever its offset, and a total may fall.
  cache().update(batch(kCats, {{shard(0), row(-3, 5, epoch_of(Generation{1}, Offset{4}).value)}}));
  cache().update(batch(kCats, {{shard(0), row(13, 2'000)}}));
  EXPECT_EQ(rows(kCats), text_of_rows(batch(kCats, {{shard(0), row(-3, 5, epoch_of(Generation{1}, Offset{4}).value)},
                                                    {shard(1), row(1, 1)}})));
}

TEST_P(TotalsCacheContract, ANewShardAndANewCounterAppear) {
  miss_and_fill(kCats, batch(kCats, {{shard(1), row(1, 1)}}));
  miss_and_fill(kDogs, {});
  RowBatch rows = batch(kCats, {{shard(0), row(2, 2)}});
  rows.add(kDogs.routing, kDogs.space, kDogs.counter, shard(4), row(3, 3));
  cache().update(rows);
  EXPECT_EQ(this->rows(kCats), text_of_rows(batch(kCats, {{shard(0), row(2, 2)}, {shard(1), row(1, 1)}})));
  EXPECT_EQ(this->rows(kDogs), text_of_rows(batch(kDogs, {{shard(4), row(3, 3)}})));
}

TEST_P(TotalsCacheContract, AnUpdateBetweenAMissAndItsFillIsNotLost) {
  ASSERT_EQ(state(kCats), State::kMiss);
  // The reader has read the store; then a worker writes, and tells the cache.
  cache().update(batch(kCats, {{shard(0), row(5, 5)}}));
  EXPECT_EQ(state(kCats), State::kMiss) << "a part of a counter is not shown";
  cache().fill({kCats}, batch(kCats, {{shard(0), row(4, 4)}, {shard(1), row(1, 1)}}), kAsOf);
  EXPECT_EQ(rows(kCats), text_of_rows(batch(kCats, {{shard(0), row(5, 5)}, {shard(1), row(1, 1)}})));
}

TEST_P(TotalsCacheContract, AnUpdateBetweenAMissAndAnEmptyFillIsNotLost) {
  ASSERT_EQ(state(kCats), State::kMiss);
  cache().update(batch(kCats, {{shard(0), row(5, 5)}}));
  cache().fill({kCats}, {}, kAsOf);
  EXPECT_EQ(rows(kCats), text_of_rows(batch(kCats, {{shard(0), row(5, 5)}})));
}

TEST_P(TotalsCacheContract, AFillThatComesTooLateChangesNothing) {
  ASSERT_EQ(state(kCats), State::kMiss);
  bench_->pass(11'000);
  // Another reader came, and its total was shown and has gone since.
  cache().fill({kCats}, batch(kCats, {{shard(0), row(1, 1)}}), kAsOf);
  EXPECT_EQ(state(kCats), State::kMiss);
  EXPECT_EQ(cache().stats().dropped, 1u);
}

TEST_P(TotalsCacheContract, AnOlderFillDoesNotTakeATotalBack) {
  miss_and_fill(kCats, batch(kCats, {{shard(0), row(9, 9)}}));
  cache().fill({kCats}, batch(kCats, {{shard(0), row(3, 3)}}), kAsOf);
  EXPECT_EQ(rows(kCats), text_of_rows(batch(kCats, {{shard(0), row(9, 9)}})));
  cache().fill({kCats}, {}, kAsOf);
  EXPECT_EQ(rows(kCats), text_of_rows(batch(kCats, {{shard(0), row(9, 9)}})));
}

TEST_P(TotalsCacheContract, SaysOfEachHowOldWhatItKnowsIs) {
  miss_and_fill(kCats, batch(kCats, {{shard(0), row(1, 1)}, {shard(1), row(1, 1)}}), kAsOf);
  bench_->pass(1'000);
  miss_and_fill(kDogs, {}, kAsOf + 900);
  EXPECT_THAT(get({kDogs, kCats}).as_of, ElementsAre(kAsOf + 900, kAsOf));
}

TEST_P(TotalsCacheContract, AnUpdateOfOneShardSaysNothingOfTheAgeOfTheOthers) {
  miss_and_fill(kCats, batch(kCats, {{shard(0), row(1, 1)}, {shard(1), row(1, 1)}}), kAsOf);
  bench_->pass(1'000);
  cache().update(batch(kCats, {{shard(0), row(2, 2)}}));
  const auto answer = get({kCats});
  EXPECT_EQ(text_of_rows(answer.rows), text_of_rows(batch(kCats, {{shard(0), row(2, 2)}, {shard(1), row(1, 1)}})));
  EXPECT_THAT(answer.as_of, ElementsAre(kAsOf)) << "an update of the other one may have been dropped";
}

TEST_P(TotalsCacheContract, IsAsOldAsTheNewestOfItsFills) {
  miss_and_fill(kCats, batch(kCats, {{shard(0), row(2, 2)}}), kAsOf + 5);
  cache().fill({kCats}, batch(kCats, {{shard(0), row(1, 1)}}), kAsOf);
  EXPECT_THAT(get({kCats}).as_of, ElementsAre(kAsOf + 5));
  cache().fill({kCats}, batch(kCats, {{shard(0), row(3, 3)}}), kAsOf + 7);
  EXPECT_THAT(get({kCats}).as_of, ElementsAre(kAsOf + 7));
}

INSTANTIATE_TEST_SUITE_P(Caches, TotalsCacheContract, testing::ValuesIn(caches_under_test()),
                         [](const auto& made) { return made.param.name; });

}  // namespace
}  // namespace quipu::testing_contract
