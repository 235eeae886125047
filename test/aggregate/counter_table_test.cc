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
    if (found != kNoCounter && places_.contains(key)) {
      ASSERT_EQ(found, places_.at(key)) << "a counter moved while it was awake";
    }
    if (found != kNoCounter) places_[key] = found;
    switch (random_() % 8) {
      case 2:
        if (found == kNoCounter) break;
        // One with other shards stays awake.
        ASSERT_EQ(table_.rest(found), table_.at(found).extras == kNoCounter);
        if (table_.awake().size() < places_.size()) places_.erase(key);
        return;
      case 3:
        for (auto most = random_() % 20; most > 0; --most) table_.sweep(false);
        return;
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
    expect_walks_meet_all();
    for (const auto& [key, shards] : model_) {
      const auto asleep = table_.total(NamespaceId{key.first}, key.second);
      ASSERT_TRUE(asleep.has_value());
      expect_total(*asleep, plain_total(shards));
      const auto index = table_.find(NamespaceId{key.first}, key.second);
      ASSERT_NE(index, kNoCounter);
      const Counter& counter = table_.at(index);
      ASSERT_EQ(table_.name(counter), key.second);
      ASSERT_EQ(counter.home_partition.value, routing_hash(kSecret, space_name(key.first), key.second) % kPartitions);
      expect_total(table_.total(counter), plain_total(shards));
      for (const auto& [id, row] : shards) ASSERT_EQ(table_.shard(index, id).row, row);
      places_[key] = index;
    }
  }

  /// Each counter once, by either walk, with its total, and nothing is woken.
  void expect_walks_meet_all() {
    const auto awake = table_.awake().size();
    std::map<Key, Total> met;
    const auto take = [&](NamespaceId space, std::string_view name, const Total& total) {
      ASSERT_TRUE(met.emplace(Key{space.value, std::string(name)}, total).second) << name << " was met twice";
    };
    const auto expect_all = [&] {
      ASSERT_EQ(met.size(), model_.size());
      for (const auto& [key, shards] : model_) expect_total(met.at(key), plain_total(shards));
      met.clear();
    };
    std::uint64_t cursor = 0;
    do cursor = table_.scan(cursor, 10, 100, take);
    while (cursor != 0);
    expect_all();
    RecordArena::Position position;
    while (table_.walk(position, 7, take)) {
    }
    expect_all();
    ASSERT_EQ(table_.awake().size(), awake);
  }

  std::size_t live_bytes() const { return table_.live_bytes(); }
  void erase_all() {
    for (const auto& [key, shards] : model_) table_.erase(table_.find(NamespaceId{key.first}, key.second));
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

TEST(CounterTable, FindsInStepsWhateverTheLikelyRecordWas) {
  CounterTable table(7, kSecret, kGeneration, kPartitions);
  const NamespaceId space{0};
  const auto first_tag = table.tag(space, "first");
  const auto before = table.prefetch_record(first_tag);
  EXPECT_EQ(before, kNoRecord);
  const auto first = table.insert(space, "views", "first");
  EXPECT_EQ(table.find(first_tag, before, space, "first"), first);  // It was added meanwhile.

  const auto likely = table.prefetch_record(first_tag);
  ASSERT_NE(likely, kNoRecord);
  table.prefetch_counter(likely);
  EXPECT_EQ(table.find(first_tag, likely, space, "first"), first);
  const auto second = table.insert(space, "views", "second");
  EXPECT_EQ(table.find(table.tag(space, "second"), likely, space, "second"), second);  // As if they had one tag.
  EXPECT_EQ(table.find(table.tag(space, "third"), likely, space, "third"), kNoCounter);
  EXPECT_EQ(table.find(first_tag, likely, NamespaceId{1}, "first"), kNoCounter);
}

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

TEST(CounterTable, TakesTheRecordAloneForACounterAtRest) {
  CounterTable table(1, kSecret, kGeneration, kPartitions);
  const auto index = table.insert(NamespaceId{0}, "default", "counter:000000000001");
  table.at(index).home.row = {7, 7, Epoch{}, Offset{9}, 0};
  const auto awake = table.live_bytes();
  ASSERT_TRUE(table.rest(index));
  EXPECT_EQ(awake - table.live_bytes(), sizeof(Counter));
  EXPECT_EQ(table.live_bytes(), CounterTable::cost(20));
  EXPECT_LE(CounterTable::cost(20), 42u);
  EXPECT_EQ(table.awake().size(), 0u);
  EXPECT_EQ(table.at(table.find(NamespaceId{0}, "counter:000000000001")).home.row, (Row{7, 7, Epoch{}, Offset{9}, 0}));
}

TEST(CounterTable, ChangesTheFormOfARecordAsItsRowNeedsIt) {
  CounterTable table(1, kSecret, kGeneration, kPartitions);
  auto index = table.insert(NamespaceId{0}, "default", "a");
  const auto put = [&](const Row& row) {
    table.at(index).home.row = row;
    EXPECT_TRUE(table.rest(index));
    index = table.find(NamespaceId{0}, "a");
    ASSERT_NE(index, kNoCounter);
    EXPECT_EQ(table.at(index).home.row, row);
  };
  const auto compact = table.live_bytes();
  put({-5, 2, Epoch{3}, Offset{4}, kRowSaturated});
  EXPECT_GT(table.live_bytes(), compact);
  put({6, 6, Epoch{}, Offset{7}, 0});
  EXPECT_EQ(table.live_bytes(), compact);
}

TEST(CounterTable, KeepsAwakeWhatIsPinnedDirtyOrHasOtherShards) {
  CounterTable table(1, kSecret, kGeneration, kPartitions);
  const auto index = table.insert(NamespaceId{0}, "default", "a");
  table.at(index).pins = 1;
  EXPECT_FALSE(table.rest(index));
  table.at(index).pins = 0;
  table.at(index).home.dirty = true;
  EXPECT_FALSE(table.rest(index));
  table.at(index).home.dirty = false;
  table.shard(index, {Generation{1}, PartitionId{0}}).row.total = 1;
  EXPECT_FALSE(table.rest(index));
}

TEST(CounterTable, HoldsEveryCounterAsARecordWhereItIsOfOnePartitionAlone) {
  const ShardId only{Generation{1}, PartitionId{5}};
  CounterTable table(7, only);
  for (int i = 0; i < 100; ++i) {
    const auto index = table.insert(NamespaceId{0}, "default", "c" + std::to_string(i));
    table.shard(index, only).row = {i, static_cast<std::uint64_t>(i), {}, Offset{9}, 0};
    ASSERT_EQ(table.at(index).home_partition, only.partition);
    ASSERT_TRUE(table.rest(index));
  }
  EXPECT_EQ(table.with_extras(), 0u);
  EXPECT_EQ(table.total(NamespaceId{0}, "c42")->value, 42);
}

TEST(CounterTable, MovesCountersTogetherWhereMostOfItsMemoryIsHoles) {
  CounterTable table(1, kSecret, kGeneration, kPartitions);
  const std::string long_name(200, 'x');
  const auto name = [&](int i) { return long_name + std::to_string(i); };
  for (int i = 0; i < 100'000; ++i) table.rest(table.insert(NamespaceId{0}, "default", name(i)));
  EXPECT_FALSE(table.sparse());
  for (int i = 0; i < 100'000; ++i) {
    if (i % 8 != 0) table.erase(table.find(NamespaceId{0}, name(i)));
  }
  const auto full = table.bytes();
  ASSERT_TRUE(table.sparse());
  for (int i = 0; i < 300'000 && table.sparse(); ++i) table.sweep(false);
  EXPECT_FALSE(table.sparse());
  EXPECT_LT(table.bytes(), full / 2);
  for (int i = 0; i < 100'000; i += 8) ASSERT_NE(table.find(NamespaceId{0}, name(i)), kNoCounter);
}

TEST(CounterTable, OrdersNamesByASeedThatIsGivenIn) {
  CounterTable one(1, kSecret, kGeneration, kPartitions);
  CounterTable other(2, kSecret, kGeneration, kPartitions);
  int same = 0;
  for (int i = 0; i < 1'000; ++i) {
    const auto name = std::to_string(i);
    same += one.tag(NamespaceId{0}, name) == other.tag(NamespaceId{0}, name) ? 1 : 0;
  }
  EXPECT_LE(same, 1);
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
