#include "api/api_node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <random>
#include <set>

#include "api/world.h"

namespace quipu {
namespace {

using Fate = MemoryLog::Fate;

/// Which totals a node knows, and how old they are.
class ApiNodeTotals : public ApiWorld, public testing::Test {};

TEST_F(ApiNodeTotals, AnswersAWriteWithTheExactTotalWhereItWritesAlone) {
  options.known.rebase_ms = 50;
  start();
  std::mt19937_64 random(3);
  std::int64_t total = 0;
  for (int i = 0; i < 400; ++i) {
    std::vector<Operation> batch;
    std::vector<std::int64_t> expected;
    for (auto size = 1 + random() % 4; size > 0; --size) {
      const auto delta = static_cast<std::int64_t>(random() % 9) - 3;
      batch.push_back(add("a", delta));
      total += delta;
      expected.push_back(total);
    }
    std::vector<std::int64_t> values;
    for (const auto& outcome : run(batch)) values.push_back(outcome.value);
    ASSERT_EQ(values, expected) << i;
    if (random() % 5 == 0) flush();
    if (random() % 40 == 0) {
      total = static_cast<std::int64_t>(random() % 100);
      run(set("a", total));
    }
    steps(static_cast<int>(random() % 30));
  }
  flush();
  EXPECT_EQ(read("a").value, total);
}

TEST_F(ApiNodeTotals, BeginsWithWhatTheStoreHas) {
  start();
  run(add("a", 30));
  flush();
  node = make_node();
  EXPECT_EQ(run(add("a", 2)).value, 32);
}

TEST_F(ApiNodeTotals, LearnsWhatOthersWrote) {
  options.known.rebase_ms = 100;
  start();
  EXPECT_EQ(run(add("a", 1)).value, 1);
  flush();
  // Another node's frame.
  FrameEncoder encoder;
  FrameHeader header;
  header.identity = log->identity();
  encoder.begin(header);
  Entry entry;
  entry.space = "default";
  entry.counter = "a";
  entry.delta = 1'000;
  encoder.add(entry);
  ASSERT_TRUE(log->submit(PartitionId{0}, encoder.finish(), std::uint64_t{1} << 50).has_value());
  steps(3);
  flush();
  steps(10, 100);
  run(add("a", 1));
  steps(10);
  EXPECT_EQ(run(add("a", 1)).value, 1'003);
}

TEST_F(ApiNodeTotals, CountsARepeatOfWhatAnotherNodeTookOnlyUntilItIsFlushed) {
  options.known = {.rebase_ms = 100, .retry_ms = 100};
  start();
  auto first = add_with_id("a", "x", 5);
  // Not where plain events of the counter would move the row.
  const auto home = run(add("a", 0)).partition;
  for (int i = 0; first.id.id.low % options.id_partitions == home.value; ++i) {
    first = add_with_id("a", "x" + std::to_string(i), 5);
  }
  EXPECT_EQ(run(first).value, 5);
  flush();
  node = make_node();  // It does not know the id.
  EXPECT_EQ(run(first).value, 10);
  flush();
  for (int i = 0; i < 4; ++i) {  // What it answers with is read again when it writes.
    steps(15, 100);
    run(add("a", 1));
  }
  EXPECT_EQ(run(add("a", 1)).value, 10);
  flush();
  EXPECT_EQ(read("a").value, 10);
}

TEST_F(ApiNodeTotals, IsDurableThoughTheStoreCanNotBeRead) {
  with_cache = false;
  start();
  for (int i = 0; i < 10; ++i) store.fail_next(StoreCompletion::Kind::kLoad, {Code::kBusy, "away"});
  const auto outcome = run(add("a", 4));
  EXPECT_FALSE(outcome.error);
  EXPECT_EQ(outcome.value, 4);
  EXPECT_EQ(run(get("b")).error, Code::kBusy);
}

TEST_F(ApiNodeTotals, DoesNotWaitForLongForAStoreThatDoesNotAnswer) {
  with_cache = false;
  options.base_wait_ms = 50;
  start();
  run(add("a", 7));
  flush();
  node = make_node();
  store.hold(true);
  const auto began = now;
  const auto outcome = run({add("a", 4), add("a", 1)});
  EXPECT_FALSE(outcome[0].error);
  EXPECT_EQ(outcome[1].value, 5);
  EXPECT_LE(now - began, 60);
  store.hold(false);
  steps(3);
  EXPECT_EQ(run(add("a", 1)).value, 13);  // The base came in the end.
}

TEST_F(ApiNodeTotals, RefusesAnOverflowWhereItKnowsTheTotal) {
  start();
  run(set("a", std::numeric_limits<std::int64_t>::max() - 1));
  EXPECT_EQ(run(add("a", 1)).value, std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(run(add("a", 1)).error, Code::kRefused);
}

TEST_F(ApiNodeTotals, WaitsForAPositionUntilTheWorkersHaveFlushedIt) {
  start();
  const auto outcome = run(add("a", 3));
  const std::vector<Position> after{{Generation{1}, outcome.partition, outcome.offset}};
  EXPECT_FALSE(node->reach(after)->reached);
  steps(300);
  EXPECT_FALSE(node->reach(after)->reached);
  flush();
  EXPECT_TRUE(node->reach(after).has_value());
  steps(250);  // Asked for at settings_wait_ms while somebody waits.
  EXPECT_TRUE(node->reach(after)->reached);
  auto operation = get("a");
  operation.fresh = true;
  const auto value = run(operation);
  EXPECT_EQ(value.value, 3);
  EXPECT_TRUE(value.exact);
  EXPECT_EQ(node->reach(std::vector<Position>{{Generation{2}, PartitionId{0}, Offset{1}}}).error().code,
            Code::kConflict);
  EXPECT_EQ(node->reach(std::vector<Position>{{Generation{1}, PartitionId{99}, Offset{1}}}).error().code,
            Code::kRefused);
}

TEST_F(ApiNodeTotals, WantsItsNextStepSoonWhileAReadWaitsForAPosition) {
  start();
  const auto outcome = run(add("a", 3));
  const std::vector<Position> after{{Generation{1}, outcome.partition, outcome.offset}};
  steps(2'000);
  TimeMs longest = 0;
  for (int i = 0; i < 4; ++i) {
    const auto due = node->step(now);
    longest = std::max(longest, due - now);
    now = due;
  }
  EXPECT_GT(longest, 2 * options.settings_wait_ms) << "nobody waits";
  flush();
  // As the host does where nothing else happens: a step when the node says, and the read asks again after it.
  const auto began = now;
  while (!node->reach(after)->reached && now < began + 2'000) now = std::max(now, node->step(now));
  EXPECT_LE(now - began, 2 * options.settings_wait_ms);
}

TEST_F(ApiNodeTotals, DoesNotBelieveWhatWasFlushedBeforeTheStoreForgot) {
  options.store_news_ms = 2'000;
  start();
  const auto outcome = run(add("a", 3));
  const std::vector<Position> after{{Generation{1}, outcome.partition, outcome.offset}};
  flush();
  steps(1'100);
  ASSERT_TRUE(node->reach(after)->reached);
  store.restart(store.unsynced());  // Of a replica that has all of it: the mark is there as it was.
  steps(1);
  EXPECT_FALSE(node->reach(after)->reached);
  steps(4'000);
  EXPECT_FALSE(node->reach(after)->reached) << "nobody has said it since";
  EXPECT_GE(run(get("a")).lag_ms, 4'000U) << "nor how old what is there is";
  flush();
  steps(250);
  EXPECT_TRUE(node->reach(after)->reached);
}

TEST_F(ApiNodeTotals, SaysHowOldATotalMayBe) {
  with_cache = false;
  start();
  run(add("a", 3));
  flush();
  const auto flushed_at = now;
  steps(1'200);
  const auto value = run(get("a"));
  EXPECT_FALSE(value.exact);
  EXPECT_GE(value.lag_ms, 1'200U);
  EXPECT_LE(now - value.lag_ms, flushed_at);
  EXPECT_GE(now - value.lag_ms, flushed_at - 100);
}

TEST_F(ApiNodeTotals, ATotalIsAsOldAsWhenItWasAskedForAndNotAsAtTheLastStep) {
  start();
  run(add("a", 3));
  flush();
  const auto before = run(get("a"));
  now += 400;  // The thread slept.
  node->tick(now);
  const auto value = run(get("a"));
  EXPECT_EQ(value.value, 3);
  EXPECT_GE(value.lag_ms, before.lag_ms + 400U);
}

TEST_F(ApiNodeTotals, NeverSaysThatATotalOfTheCacheIsNewerThanItIs) {
  start();
  run(add("a", 3));
  flush();
  const auto flushed_at = now;
  run(get("a"));
  steps(1'200);
  run(add("a", 4));
  const auto value = run(get("a"));
  EXPECT_GT(node->reader().stats().cache_hits, 0U);
  EXPECT_EQ(value.value, 3);
  EXPECT_LE(now - value.lag_ms, flushed_at);
}

TEST_F(ApiNodeTotals, ATotalOfTheCacheGrowsNoYoungerWhenTheStoreCatchesUp) {
  start();
  run(add("a", 3));
  flush();
  const auto flushed_at = now;
  run(add("a", 4));
  steps(3'000);
  run(get("a"));  // It fills the cache with what the store has: three seconds behind.
  cache.gone = true;
  flush();
  cache.gone = false;  // It has missed the update.
  steps(1'200);
  const auto value = run(get("a"));
  EXPECT_GT(node->reader().stats().cache_hits, 0U);
  EXPECT_EQ(value.value, 3);
  EXPECT_LE(now - value.lag_ms, flushed_at);
}

}  // namespace
}  // namespace quipu
