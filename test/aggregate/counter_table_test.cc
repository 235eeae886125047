#include "aggregate/counter_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace quipu {
namespace {

constexpr Generation kGeneration{3};
constexpr std::uint16_t kPartitions = 4;
const HashSecret kSecret{11, 22};

using Key = std::pair<std::uint32_t, std::string>;
using Shards = std::map<ShardId, Row>;

/// A counter's total, worked out the plain way.
Total plain_total(const Shards& shards) {
  Total total;
  for (const auto& [id, row] : shards) {
    total.epoch = std::max(total.epoch, row.epoch);
    if (id.generation == kGeneration) total.newest = std::max(total.newest, row.applied);
  }
  Wide sum = 0;
  for (const auto& [id, row] : shards) {
    if (row.epoch != total.epoch) continue;
    sum += row.total;
    if (row.events > 0) total.exists = true;
    if ((row.flags & kRowSaturated) != 0) total.saturated = true;
  }
  if (sum > kTotalMax || sum < kTotalMin) total.saturated = true;
  total.value = saturate(sum);
  return total;
}

void expect_total(const Total& got, const Total& wanted) {
  EXPECT_EQ(got.value, wanted.value);
  EXPECT_EQ(got.exists, wanted.exists);
  EXPECT_EQ(got.saturated, wanted.saturated);
  EXPECT_EQ(got.epoch, wanted.epoch);
  EXPECT_EQ(got.newest, wanted.newest);
}

class Pair {
 public:
  explicit Pair(std::uint64_t seed, std::size_t names)
      : random_(seed), table_(seed, kSecret, kGeneration, kPartitions), names_(names) {}

  void act() {
    const Key key{static_cast<std::uint32_t>(random_() % 3), "counter" + std::to_string(random_() % names_)};
    const auto known = model_.find(key);
    const auto found = table_.find(NamespaceId{key.first}, key.second);
    ASSERT_EQ(found != kNoCounter, known != model_.end()) << key.second;
    if (found != kNoCounter) {
      ASSERT_EQ(found, places_.at(key)) << "a counter moved";
    }
    switch (random_() % 4) {
      case 0:
        if (known == model_.end()) break;
        table_.erase(found);
        model_.erase(known);
        places_.erase(key);
        return;
      case 1:
        break;
      default:
        if (known != model_.end()) break;
        places_[key] = table_.insert(NamespaceId{key.first}, space_name(key.first), key.second);
        model_[key];
        return;
    }
    if (known != model_.end()) change(found, known->second);
  }

  void expect_same() {
    ASSERT_EQ(table_.size(), model_.size());
    for (const auto& [key, shards] : model_) {
      const auto index = table_.find(NamespaceId{key.first}, key.second);
      ASSERT_NE(index, kNoCounter);
      const Counter& counter = table_.at(index);
      ASSERT_EQ(table_.name(counter), key.second);
      ASSERT_EQ(counter.home_partition.value, routing_hash(kSecret, space_name(key.first), key.second) % kPartitions);
      expect_total(table_.total(counter), plain_total(shards));
      for (const auto& [id, row] : shards) ASSERT_EQ(table_.shard(index, id).row, row);
    }
  }

  std::size_t live_bytes() const { return table_.live_bytes(); }
  void erase_all() {
    for (const auto& [key, index] : places_) table_.erase(index);
    model_.clear();
    places_.clear();
  }

 private:
  static std::string space_name(std::uint32_t space) { return "space" + std::to_string(space); }

  void change(CounterIndex index, Shards& shards) {
    const ShardId id{Generation{static_cast<std::uint32_t>(2 + random_() % 2)},
                     PartitionId{static_cast<std::uint16_t>(random_() % kPartitions)}};
    Row row;
    row.total = static_cast<std::int64_t>(random_());
    row.events = random_() % 3;
    row.epoch = Epoch{random_() % 3};
    row.applied = Offset{1 + random_() % 100};
    row.flags = random_() % 8 == 0 ? kRowSaturated : 0;
    table_.shard(index, id).row = row;
    shards[id] = row;
  }

  std::mt19937_64 random_;
  CounterTable table_;
  std::size_t names_;
  std::map<Key, Shards> model_;
  std::map<Key, CounterIndex> places_;
};

TEST(CounterTable, HoldsWhatAPlainMapHoldsWhateverIsPutInAndTakenOut) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Pair pair(seed, 400);
    for (int i = 0; i < 10'000; ++i) {
      pair.act();
      if (HasFatalFailure()) return;
      if (i % 1'000 == 0) pair.expect_same();
    }
    pair.expect_same();
    if (HasFailure()) return;
  }
}

TEST(CounterTable, GrowsAndKeepsEveryCounterInItsPlace) {
  Pair pair(9, 6'000);
  for (int i = 0; i < 60'000; ++i) {
    pair.act();
    if (HasFatalFailure()) return;
  }
  pair.expect_same();
}

TEST(CounterTable, CostsNothingMoreWhenEverythingWasTakenOut) {
  Pair pair(10, 300);
  for (int i = 0; i < 5'000; ++i) pair.act();
  EXPECT_GT(pair.live_bytes(), 0u);
  pair.erase_all();
  EXPECT_EQ(pair.live_bytes(), 0u);
}

TEST(CounterTable, SumsTheShardsOfTheHighestEpochOnly) {
  CounterTable table(1, kSecret, kGeneration, kPartitions);
  const auto index = table.insert(NamespaceId{0}, "default", "a");
  const auto home = table.at(index).home_partition;
  const PartitionId other{static_cast<std::uint16_t>((home.value + 1) % kPartitions)};
  table.shard(index, {kGeneration, home}).row = {100, 3, Epoch{0}, Offset{4}, 0};
  table.shard(index, {kGeneration, other}).row = {7, 1, Epoch{9}, Offset{6}, 0};
  expect_total(table.total(table.at(index)), {7, true, false, Epoch{9}, Offset{6}});
  table.shard(index, {kGeneration, other}).row = {0, 0, Epoch{9}, Offset{6}, 0};
  expect_total(table.total(table.at(index)), {0, false, false, Epoch{9}, Offset{6}});
}

TEST(CounterTable, AddsTheFrozenShardsOfAnOlderGenerationButNotTheirOffsets) {
  CounterTable table(1, kSecret, kGeneration, kPartitions);
  const auto index = table.insert(NamespaceId{0}, "default", "a");
  const auto home = table.at(index).home_partition;
  table.shard(index, {Generation{1}, home}).row = {40, 4, Epoch{0}, Offset{9'999}, 0};
  table.shard(index, {kGeneration, home}).row = {2, 2, Epoch{0}, Offset{5}, 0};
  expect_total(table.total(table.at(index)), {42, true, false, Epoch{0}, Offset{5}});
}

TEST(CounterTable, HoldsASumThatLeaves64BitsAtTheEndAndSaysSo) {
  CounterTable table(1, kSecret, kGeneration, kPartitions);
  const auto index = table.insert(NamespaceId{0}, "default", "a");
  const auto most = std::numeric_limits<std::int64_t>::max();
  for (std::uint16_t p = 0; p < kPartitions; ++p) {
    table.shard(index, {kGeneration, PartitionId{p}}).row = {most, 1, Epoch{0}, Offset{1}, 0};
  }
  expect_total(table.total(table.at(index)), {most, true, true, Epoch{0}, Offset{1}});
  table.shard(index, {kGeneration, PartitionId{0}}).row.total = -most;
  table.shard(index, {kGeneration, PartitionId{1}}).row.total = -most;
  expect_total(table.total(table.at(index)), {0, true, false, Epoch{0}, Offset{1}});
}

TEST(CounterTable, TellsNamespacesAndNamesApart) {
  CounterTable table(1, kSecret, kGeneration, kPartitions);
  const auto a = table.insert(NamespaceId{0}, "default", "x");
  const auto b = table.insert(NamespaceId{1}, "views", "x");
  const auto c = table.insert(NamespaceId{0}, "default", std::string_view("x\0", 2));
  EXPECT_EQ(table.find(NamespaceId{0}, "x"), a);
  EXPECT_EQ(table.find(NamespaceId{1}, "x"), b);
  EXPECT_EQ(table.find(NamespaceId{0}, std::string_view("x\0", 2)), c);
  EXPECT_EQ(table.find(NamespaceId{2}, "x"), kNoCounter);
}

}  // namespace
}  // namespace quipu
