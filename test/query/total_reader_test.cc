#include "query/total_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <memory>
#include <string>

namespace quipu {
namespace {

constexpr TimeMs kNow = 1'700'000'000'000;

CounterTotal::Shard shard(std::uint32_t generation, std::uint16_t partition, std::int64_t total, std::uint64_t epoch,
                          std::uint64_t events = 1) {
  return {{Generation{generation}, PartitionId{partition}}, {total, events, Epoch{epoch}, Offset{9}, 0}};
}

TEST(CounterTotal, IsTheSumOfTheShardsOfTheHighestEpochOverAllGenerations) {
  const std::vector<CounterTotal::Shard> shards = {shard(2, 1, 40, 7), shard(1, 0, 2, 7), shard(1, 3, 1'000, 6)};
  const auto total = total_of(shards);
  EXPECT_EQ(total.value, 42);
  EXPECT_EQ(total.epoch, Epoch{7});
  EXPECT_TRUE(total.exists);
  EXPECT_EQ(total.shards.size(), 3U);
  EXPECT_EQ(total.shards[0].id.generation, Generation{1});
}

TEST(CounterTotal, DoesNotExistWithoutAnEventOfTheHighestEpoch) {
  const std::vector<CounterTotal::Shard> shards = {shard(1, 0, 0, 9, 0), shard(1, 1, 50, 8)};
  EXPECT_FALSE(total_of(shards).exists);
  EXPECT_EQ(total_of(shards).value, 0);
  EXPECT_FALSE(total_of({}).exists);
}

TEST(CounterTotal, SaysThatItIsHeldAtTheEndOf64Bits) {
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  const std::vector<CounterTotal::Shard> shards = {shard(1, 0, kMax, 0), shard(1, 1, 5, 0)};
  EXPECT_EQ(total_of(shards).value, kMax);
  EXPECT_TRUE(total_of(shards).saturated);
}

/// A cache of which a test sees the questions and makes the answers.
class TestCache final : public TotalsCache {
 public:
  std::vector<CacheGet> asked;
  std::vector<CacheAnswer> answers;
  std::vector<CounterKey> filled;
  TimeMs filled_as_of = 0;

  void get(CacheGet get) override { asked.push_back(std::move(get)); }
  void take_answers(std::vector<CacheAnswer>& out) override {
    out = std::move(answers);
    answers.clear();
  }
  void fill(const std::vector<CounterKey>& keys, const RowBatch&, TimeMs as_of) override {
    filled_as_of = as_of;
    filled.insert(filled.end(), keys.begin(), keys.end());
  }
  void update(const RowBatch&) override {}
  void tick(TimeMs) override {}
  Stats stats() const override { return {}; }
};

class TotalReaderTest : public testing::Test {
 protected:
  void make(bool with_cache = true) { reader = std::make_unique<TotalReader>(options, with_cache ? &cache : nullptr); }
  void step(TimeMs as_of = kNow) {
    std::vector<TotalReader::Answer> out;
    reader->step(now, as_of, loads, out);
    note(out);
  }
  void note(const std::vector<TotalReader::Answer>& out) {
    for (const auto& answer : out) {
      EXPECT_FALSE(answers.contains(answer.ticket)) << "answered twice";
      answers.emplace(answer.ticket, answer.total);
    }
  }
  void answer_cache(CacheAnswer::State state, std::int64_t total = 0, TimeMs as_of = kNow) {
    CacheAnswer answer;
    answer.token = cache.asked.back().token;
    for (const auto& key : cache.asked.back().keys) {
      answer.states.push_back(state);
      answer.as_of.push_back(state == CacheAnswer::State::kMiss ? 0 : as_of);
      if (state != CacheAnswer::State::kFound) continue;
      const auto row = shard(1, 0, total, 0);
      answer.rows.add(key.routing, key.space, key.counter, row.id, row.row);
    }
    cache.answers.push_back(std::move(answer));
    step();
  }
  void answer_store(std::int64_t total, std::size_t load = 0) {
    StoreCompletion completion;
    completion.token = loads[load].token;
    const auto row = shard(1, 0, total, 0);
    for (const auto& key : loads[load].keys) {
      completion.rows.add(key.routing, key.space, key.counter, row.id, row.row);
    }
    std::vector<TotalReader::Answer> out;
    reader->loaded(completion, now, out);
    note(out);
  }

  TotalReaderOptions options;
  TestCache cache;
  std::unique_ptr<TotalReader> reader;
  TimeMs now = kNow;
  std::vector<StoreLoad> loads;
  std::map<std::uint64_t, Result<TotalReader::Total>> answers;
};

TEST_F(TotalReaderTest, AsksTheCacheThenTheStoreAndKeepsWhatItFound) {
  make();
  EXPECT_EQ(reader->known("s", "a", now), nullptr);
  ASSERT_TRUE(reader->ask("s", "a", false, 1));
  step();
  ASSERT_EQ(cache.asked.size(), 1U);
  EXPECT_TRUE(loads.empty());
  answer_cache(CacheAnswer::State::kMiss);
  ASSERT_EQ(loads.size(), 1U);
  answer_store(5);
  ASSERT_TRUE(answers.at(1).has_value());
  EXPECT_EQ((*answers.at(1))->value, 5);
  EXPECT_EQ(cache.filled.size(), 1U);
  ASSERT_NE(reader->known("s", "a", now), nullptr);
  EXPECT_EQ(reader->known("s", "a", now)->value, 5);
  EXPECT_EQ(reader->known("s", "b", now), nullptr);
  EXPECT_EQ(reader->known("s", "a", now + options.local_ms), nullptr);
}

TEST_F(TotalReaderTest, LetsManyJoinOneFlight) {
  make();
  for (std::uint64_t ticket = 1; ticket <= 100; ++ticket) ASSERT_TRUE(reader->ask("s", "a", false, ticket));
  step();
  ASSERT_TRUE(reader->ask("s", "a", false, 101));
  answer_cache(CacheAnswer::State::kMiss);
  ASSERT_TRUE(reader->ask("s", "a", false, 102));
  step();
  ASSERT_EQ(loads.size(), 1U);
  EXPECT_EQ(loads[0].keys.size(), 1U);
  EXPECT_EQ(reader->waiting(), 102U);
  answer_store(5);
  EXPECT_EQ(answers.size(), 102U);
  EXPECT_EQ(reader->waiting(), 0U);
  EXPECT_EQ(reader->stats().flights, 1U);
}

TEST_F(TotalReaderTest, ReadsAFreshTotalPastEverythingThatIsKeptOrUnderWay) {
  make();
  ASSERT_TRUE(reader->ask("s", "a", false, 1));
  step();
  ASSERT_TRUE(reader->ask("s", "a", true, 2));
  step();
  ASSERT_EQ(loads.size(), 1U);                  // The cache was not asked for it.
  ASSERT_TRUE(reader->ask("s", "a", true, 3));  // Later than the load before: it may need a newer total.
  step();
  ASSERT_EQ(loads.size(), 2U);
  answer_store(5, 0);
  EXPECT_TRUE(answers.contains(2));
  EXPECT_FALSE(answers.contains(3));
  answer_store(6, 1);
  EXPECT_EQ((*answers.at(3))->value, 6);
  EXPECT_FALSE(answers.contains(1));
}

TEST_F(TotalReaderTest, AsksForACounterOnceThoughItIsToBeFreshForOneAndNotForAnother) {
  make(false);
  ASSERT_TRUE(reader->ask("s", "a", false, 1));
  ASSERT_TRUE(reader->ask("s", "a", true, 2));
  step();
  ASSERT_EQ(loads.size(), 1U);
  EXPECT_EQ(loads[0].keys.size(), 1U);
  answer_store(5);
  EXPECT_EQ((*answers.at(1))->value, 5);
  EXPECT_EQ((*answers.at(2))->value, 5);
  EXPECT_EQ(reader->waiting(), 0U);
}

TEST_F(TotalReaderTest, NeverSaysThatATotalIsNewerThanItIs) {
  make();
  ASSERT_TRUE(reader->ask("s", "a", true, 1));
  step(now - 1'000);
  now += 50;
  answer_store(1);
  EXPECT_EQ((*answers.at(1))->as_of, now - 1'050) << "as of the question, not of the answer";
  EXPECT_EQ(cache.filled_as_of, now - 1'050) << "and so it is kept";
  // It was filled when the store was far behind; that the store has caught up since says nothing of it.
  ASSERT_TRUE(reader->ask("s", "b", false, 2));
  step();
  now += 100;
  CacheAnswer answer;
  answer.token = cache.asked.back().token;
  answer.states = {CacheAnswer::State::kAbsent};
  answer.as_of = {now - 60'000};
  cache.answers.push_back(answer);
  step(now - 10);
  EXPECT_EQ((*answers.at(2))->as_of, now - 60'000);
}

TEST_F(TotalReaderTest, SaysOfEachTotalOfTheCacheHowOldItIs) {
  make();
  ASSERT_TRUE(reader->ask("s", "a", false, 1));
  ASSERT_TRUE(reader->ask("s", "b", false, 2));
  step();
  CacheAnswer answer;
  answer.token = cache.asked.back().token;
  answer.states = {CacheAnswer::State::kAbsent, CacheAnswer::State::kAbsent};
  answer.as_of = {now - 500, now - 20};
  cache.answers.push_back(answer);
  step();
  EXPECT_EQ((*answers.at(1))->as_of, now - 500);
  EXPECT_EQ((*answers.at(2))->as_of, now - 20);
}

TEST_F(TotalReaderTest, KeepsForAShortTimeThatThereIsNothing) {
  make();
  ASSERT_TRUE(reader->ask("s", "a", false, 1));
  step();
  answer_cache(CacheAnswer::State::kAbsent);
  EXPECT_TRUE(loads.empty());
  EXPECT_FALSE((*answers.at(1))->exists);
  EXPECT_NE(reader->known("s", "a", now + options.absent_ms - 1), nullptr);
  EXPECT_EQ(reader->known("s", "a", now + options.absent_ms), nullptr);
}

TEST_F(TotalReaderTest, IsBusyBeyondItsBound) {
  options.waiting_max = 2;
  make();
  ASSERT_TRUE(reader->ask("s", "a", false, 1));
  ASSERT_TRUE(reader->ask("s", "b", false, 2));
  const auto refused = reader->ask("s", "a", false, 3);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kBusy);
  EXPECT_GT(refused.error().retry_after_ms, 0);
}

TEST_F(TotalReaderTest, KeepsNoMoreCountersThanItsBound) {
  options.local_counters_max = 2;
  make(false);
  for (std::uint64_t i = 1; i <= 3; ++i) {
    ASSERT_TRUE(reader->ask("s", std::to_string(i), false, i));
    step();
    answer_store(1, i - 1);
    if (i == 2) {
      EXPECT_NE(reader->known("s", "1", now), nullptr);  // Used: the other one goes.
    }
  }
  EXPECT_NE(reader->known("s", "1", now), nullptr);
  EXPECT_EQ(reader->known("s", "2", now), nullptr);
  EXPECT_NE(reader->known("s", "3", now), nullptr);
}

TEST_F(TotalReaderTest, AsksInPagesAndAnswersEachKeyItsOwn) {
  options.keys_per_request = 10;
  make(false);
  for (std::uint64_t i = 0; i < 25; ++i) ASSERT_TRUE(reader->ask("s", std::to_string(i), false, i + 1));
  step();
  ASSERT_EQ(loads.size(), 3U);
  EXPECT_EQ(loads[2].keys.size(), 5U);
  for (std::size_t i = 0; i < 3; ++i) answer_store(static_cast<std::int64_t>(i), i);
  EXPECT_EQ((*answers.at(1))->value, 0);
  EXPECT_EQ((*answers.at(25))->value, 2);
}

TEST_F(TotalReaderTest, SaysThatTheStoreCanNotBeRead) {
  make(false);
  ASSERT_TRUE(reader->ask("s", "a", false, 1));
  step();
  StoreCompletion completion;
  completion.token = loads[0].token;
  completion.result = failure(Code::kBusy, "away");
  std::vector<TotalReader::Answer> out;
  reader->loaded(completion, now, out);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].total.error().code, Code::kBusy);
  EXPECT_THAT(out[0].total.error().what, testing::HasSubstr("away"));
  EXPECT_EQ(reader->waiting(), 0U);
}

TEST_F(TotalReaderTest, ForgetsWhatWasChangedHere) {
  make(false);
  ASSERT_TRUE(reader->ask("s", "a", false, 1));
  step();
  answer_store(5);
  reader->forget("s", "a");
  EXPECT_EQ(reader->known("s", "a", now), nullptr);
  // Also where an older total is on its way.
  ASSERT_TRUE(reader->ask("s", "a", false, 2));
  step();
  reader->forget("s", "a");
  answer_store(5, 1);
  EXPECT_EQ(reader->known("s", "a", now), nullptr);
}

TEST_F(TotalReaderTest, ForgetsWhatWasChangedHereWhileTheCacheWasAsked) {
  make();
  ASSERT_TRUE(reader->ask("s", "a", false, 1));
  step();
  reader->forget("s", "a");
  answer_cache(CacheAnswer::State::kFound, 5);
  EXPECT_EQ(answers.at(1).value()->value, 5) << "who asked before gets what there was";
  EXPECT_EQ(reader->known("s", "a", now), nullptr);
}

}  // namespace
}  // namespace quipu
