#include "aggregate/live_totals.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <iterator>
#include <limits>
#include <map>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quipu {
namespace {

constexpr Generation kGeneration{2};
constexpr std::uint16_t kPartitions = 3;
const HashSecret kSecret{5, 6};
/// Namespaces whose numbers fit into the compact form of a record, and one whose number does not.
constexpr std::uint32_t kSpaces[] = {0, 1, 300};

std::string space_name(std::uint32_t space) { return "space-" + std::to_string(space); }

using Key = std::pair<std::uint32_t, std::string>;
using Rows = std::map<ShardId, Row>;
/// What a store holds.
using Stored = std::map<Key, Rows>;

RowBatch batch_of(const Key& key, const Rows& rows) {
  RowBatch batch;
  for (const auto& [id, row] : rows) batch.add(0, space_name(key.first), key.second, id, row);
  return batch;
}

bool exists(const Rows& rows) {
  Epoch highest{};
  for (const auto& [id, row] : rows) highest = std::max(highest, row.epoch);
  return std::any_of(rows.begin(), rows.end(),
                     [&](const auto& each) { return each.second.epoch == highest && each.second.events > 0; });
}

/// LiveTotals beside a model, with a store behind it: what is changed is copied, stored or lost, evicted and loaded.
class World {
 public:
  World(std::uint64_t seed, std::uint16_t partitions)
      : random_(seed), partitions_(partitions), totals_(seed, kSecret, kGeneration, partitions) {
    // Sizes on both sides of what the compact form takes, up to the longest name.
    for (const std::size_t size : {1u, 2u, 3u, 4u, 5u, 20u, 254u, 255u, 256u, 257u, 1'023u, 1'024u}) {
      for (const char letter : {'a', 'b'}) names_.emplace_back(size, letter);
    }
    // Offsets that outgrow the compact form under way.
    if (seed % 3 == 0) offset_.value = (std::uint64_t{1} << 40) - 500;
  }

  void act() {
    switch (random_() % 14) {
      case 12:
        totals_.set_awake_max(random_() % 30);
        totals_.rest(random_() % 60);
        return;
      case 13:
        return totals_.tidy(100);
      case 0:
        return reset();
      case 1:
        copy(1 + random_() % 8);
        return;
      case 2:
        return complete(random_() % 4 != 0);
      case 3:
        totals_.evict(random_() % 20'000, random_() % 50);
        return;
      default:
        return add();
    }
  }

  void expect_same() {
    std::map<std::uint32_t, std::uint64_t> counted;
    std::uint64_t sum = 0;
    for (const auto& [key, rows] : model_) {
      counted[key.first] += exists(rows) ? 1 : 0;
      sum += exists(rows) ? 1 : 0;
    }
    for (const auto space : kSpaces) ASSERT_EQ(totals_.existing(NamespaceId{space}), counted[space]);
    ASSERT_EQ(totals_.existing(), sum);
    ASSERT_EQ(totals_.existing(NamespaceId{2}), 0u);
  }

  /// What is in memory, awake or at rest, is what the model holds; what is not is in the store as it was changed last.
  void expect_totals() {
    for (const auto& [key, rows] : model_) {
      const auto total = totals_.table().total(NamespaceId{key.first}, key.second);
      if (!total) {
        ASSERT_EQ(stored_[key], rows) << key.second.size();
        continue;
      }
      Total expected;
      Wide sum = 0;
      for (const auto& [id, row] : rows) expected.epoch = std::max(expected.epoch, row.epoch);
      for (const auto& [id, row] : rows) {
        expected.newest = std::max(expected.newest, row.applied);
        if (row.epoch != expected.epoch) continue;
        sum += row.total;
        expected.exists |= row.events > 0;
        expected.saturated |= (row.flags & kRowSaturated) != 0;
      }
      ASSERT_EQ(total->value, saturate(sum));
      ASSERT_EQ(total->exists, expected.exists);
      ASSERT_EQ(total->saturated, expected.saturated || !fits(sum));
      ASSERT_EQ(total->epoch, expected.epoch);
      ASSERT_EQ(total->newest, expected.newest);
    }
  }

  /// Everything goes to the store; then it must hold what the model holds.
  void settle() {
    for (int round = 0; round < 2; ++round) {
      while (!in_flight_.empty()) complete(true);
      while (copy(1'000)) {
      }
    }
    while (!in_flight_.empty()) complete(true);
    EXPECT_EQ(totals_.dirty_shards(), 0u);
    EXPECT_EQ(stored_, model_);
    for (int round = 0; round < 3; ++round) totals_.evict(0, 100'000);
    EXPECT_EQ(totals_.table().size(), 0u) << "nothing is held any more";
    expect_same();
  }

 private:
  struct Copy {
    std::vector<ShardRef> shards;
    RowBatch rows;
  };

  CounterIndex touch(Key& key) {
    key = {kSpaces[random_() % std::size(kSpaces)], names_[random_() % names_.size()]};
    const NamespaceId space{key.first};
    if (const auto known = totals_.table().find(space, key.second); known != kNoCounter) return known;
    const auto at = stored_.find(key);
    if (at == stored_.end()) return totals_.table().insert(space, space_name(key.first), key.second);
    const RowBatch rows = batch_of(key, at->second);
    return totals_.load(space, rows, rows.items());
  }
  /// Mostly the home shard, as in a service: with others a counter never rests.
  ShardId some_shard(CounterIndex index) {
    if (random_() % 8 != 0) return {kGeneration, totals_.table().at(index).home_partition};
    return {kGeneration, PartitionId{static_cast<std::uint16_t>(random_() % partitions_)}};
  }
  std::int64_t some_delta() {
    switch (random_() % 12) {
      case 0:
        return static_cast<std::int64_t>(random_() % 100) - 60;
      case 1:
        return (1 << 24) - 2;
      case 2:
        return random_() % 8 == 0 ? std::numeric_limits<std::int64_t>::max() - 1 : 2;
      default:
        return 1;
    }
  }

  void add() {
    Key key;
    const auto index = touch(key);
    const auto id = some_shard(index);
    const auto delta = some_delta();
    // Of one event as well as of as many events as the sum is: only then is the total the number of events.
    const auto events = delta > 0 && random_() % 2 == 0 ? static_cast<std::uint64_t>(delta) : 1;
    Row& row = model_[key][id];
    const Wide sum = Wide{row.total} + delta;
    ++offset_;
    ASSERT_EQ(totals_.add(index, id, delta, events, offset_), !fits(sum));
    const auto flags = static_cast<std::uint8_t>(fits(sum) ? row.flags : row.flags | kRowSaturated);
    row = {saturate(sum), row.events + events, row.epoch, offset_, flags};
  }
  void reset() {
    Key key;
    const auto index = touch(key);
    if (random_() % 4 != 0) return;  // What was reset once never has the compact form again.
    const auto id = some_shard(index);
    const Epoch epoch{random_() % 200};
    totals_.reset(index, id, epoch, ++offset_);
    Row& row = model_[key][id];
    row = epoch > row.epoch ? Row{0, 0, epoch, offset_, 0} : Row{row.total, row.events, row.epoch, offset_, row.flags};
  }
  bool copy(std::size_t most) {
    auto shards = totals_.take_dirty();
    if (shards.empty()) return false;
    const auto size = std::min(most, shards.size());
    totals_.dirty_again(std::span<const ShardRef>(shards).subspan(size));
    Copy copied;
    for (std::size_t i = 0; i < size; ++i) {
      const Counter& counter = totals_.table().at(shards[i].counter);
      totals_.copy_dirty(shards[i], space_name(counter.space.value), 0, copied.rows);
    }
    copied.shards.assign(shards.begin(), shards.begin() + static_cast<std::ptrdiff_t>(size));
    in_flight_.push_back(std::move(copied));
    return true;
  }
  void complete(bool stored) {
    if (in_flight_.empty()) return;
    const Copy copied = std::move(in_flight_.front());
    in_flight_.pop_front();
    for (const auto& item : copied.rows.items()) {
      Key key{0, std::string(copied.rows.counter(item))};
      for (const auto space : kSpaces) {
        if (space_name(space) == copied.rows.space(item)) key.first = space;
      }
      ASSERT_NE(totals_.table().find(NamespaceId{key.first}, key.second), kNoCounter) << "evicted while copied";
      if (stored) stored_[key][item.shard] = item.row;
    }
    for (const ShardRef& shard : copied.shards) totals_.copied_done(shard, stored);
  }

  std::mt19937_64 random_;
  std::uint16_t partitions_;
  std::vector<std::string> names_;
  LiveTotals totals_;
  struct Counting {
    std::uint64_t value = 0;
    Offset operator++() { return Offset{++value}; }
    operator Offset() const { return Offset{value}; }  // NOLINT(google-explicit-constructor)
  } offset_;
  Stored model_;
  Stored stored_;
  std::deque<Copy> in_flight_;
};

TEST(LiveTotals, LosesNothingBetweenTheTableAndTheStore) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed, seed % 4 == 0 ? 1'024 : kPartitions);
    for (int i = 0; i < 1'500; ++i) {
      world.act();
      world.expect_same();
      if (i % 16 == 0) world.expect_totals();
      if (testing::Test::HasFatalFailure()) return;
    }
    world.settle();
    if (testing::Test::HasFailure()) return;
  }
}

class Some : public testing::Test {
 protected:
  CounterIndex insert(std::string_view name) { return totals.table().insert(NamespaceId{0}, "default", name); }
  ShardId home(CounterIndex index) { return {kGeneration, totals.table().at(index).home_partition}; }
  LiveTotals totals{1, kSecret, kGeneration, kPartitions};
};
using LiveTotalsTest = Some;

TEST_F(LiveTotalsTest, NamesAShardOnceHoweverOftenItChanges) {
  const auto a = insert("a");
  for (std::uint64_t i = 1; i < 10; ++i) totals.add(a, home(a), 1, 1, Offset{i});
  EXPECT_EQ(totals.dirty_shards(), 1u);
  const auto dirty = totals.take_dirty();
  ASSERT_EQ(dirty.size(), 1u);
  EXPECT_TRUE(totals.take_dirty().empty());
  RowBatch rows;
  totals.copy_dirty(dirty[0], "default", 77, rows);
  EXPECT_EQ(rows.items()[0].routing, 77u);
  EXPECT_EQ(rows.items()[0].row.total, 9);
  totals.add(a, home(a), 1, 1, Offset{10});
  EXPECT_EQ(totals.take_dirty().size(), 1u) << "changed again while the copy is on its way";
  EXPECT_EQ(totals.dirty_shards(), 2u) << "the copy and the change";
}

TEST_F(LiveTotalsTest, KeepsWhatIsDirtyPinnedOrJustUsed) {
  const auto dirty = insert("dirty");
  const auto pinned = insert("pinned");
  insert("clean");
  totals.add(dirty, home(dirty), 1, 1, Offset{1});
  totals.table().at(pinned).pins = 1;
  totals.set_complete(true);
  EXPECT_EQ(totals.evict(0, 3), 0u) << "all were used since the hand passed";
  EXPECT_TRUE(totals.complete());
  EXPECT_EQ(totals.evict(0, 3), 1u);
  EXPECT_EQ(totals.table().find(NamespaceId{0}, "clean"), kNoCounter);
  EXPECT_FALSE(totals.complete());
  EXPECT_EQ(totals.evict(0, 100), 0u);
  EXPECT_EQ(totals.table().size(), 2u);
}

TEST_F(LiveTotalsTest, EvictsNothingWhileTheTableIsWithinItsBound) {
  for (int i = 0; i < 100; ++i) insert(std::to_string(i));
  totals.evict(0, 100);  // The hand passes once.
  const auto bound = totals.table().live_bytes();
  EXPECT_EQ(totals.evict(bound, 1'000), 0u);
  EXPECT_GT(totals.evict(bound / 2, 1'000), 0u);
  EXPECT_LE(totals.table().live_bytes(), bound / 2);
  EXPECT_GT(totals.table().live_bytes(), bound / 2 - 200);
}

TEST_F(LiveTotalsTest, PutsToRestWhatIsNotUsedUntilFewEnoughAreAwake) {
  std::vector<CounterIndex> all;
  for (int i = 0; i < 100; ++i) all.push_back(insert(std::to_string(i)));
  totals.set_awake_max(10);
  EXPECT_TRUE(totals.rest(100)) << "all were used since the hand passed";
  totals.table().find(NamespaceId{0}, "7");
  EXPECT_FALSE(totals.rest(10'000));
  EXPECT_EQ(totals.table().awake().size(), 10u);
  EXPECT_EQ(totals.table().find(NamespaceId{0}, "7"), all[7]) << "used, so it stayed";
  EXPECT_EQ(totals.table().size(), 100u);
}

TEST_F(LiveTotalsTest, TheHandPassesOverCountersThatWereGivenBackInOnePiece) {
  constexpr auto kChunk = CounterPool::kChunk;
  std::vector<CounterIndex> all;
  for (CounterIndex i = 0; i < 4 * kChunk; ++i) all.push_back(insert(std::to_string(i)));
  totals.table().rest(all[0]);
  for (auto i = kChunk; i < 2 * kChunk; ++i) totals.table().rest(all[i]);
  ASSERT_FALSE(totals.table().awake().has(all[kChunk]));
  totals.set_awake_max(10);
  EXPECT_FALSE(totals.rest(100'000));
  EXPECT_EQ(totals.table().awake().size(), 10u);
  EXPECT_EQ(totals.table().size(), 4 * kChunk);
}

TEST_F(LiveTotalsTest, PutsToRestWhatReachedTheStoreAndWasNotUsedSince) {
  totals.set_awake_max(0);
  const auto a = insert("a");
  const auto b = insert("b");
  totals.add(a, home(a), 1, 1, Offset{1});
  totals.add(b, home(b), 1, 1, Offset{1});
  RowBatch rows;
  const auto dirty = totals.take_dirty();
  for (const ShardRef& shard : dirty) totals.copy_dirty(shard, "default", 0, rows);
  totals.table().find(NamespaceId{0}, "b");
  for (const ShardRef& shard : dirty) totals.copied_done(shard, true);
  EXPECT_EQ(totals.table().awake().size(), 1u);
  EXPECT_TRUE(totals.table().at(b).used());
  EXPECT_EQ(totals.table().total(NamespaceId{0}, "a")->value, 1);
}

TEST_F(LiveTotalsTest, EvictsWhatCameOnceBeforeWhatCameAgain) {
  for (int i = 0; i < 100; ++i) totals.table().rest(insert(std::to_string(i)));
  for (int i = 0; i < 50; ++i) totals.table().rest(totals.table().find(NamespaceId{0}, std::to_string(i)));
  EXPECT_EQ(totals.evict(0, 100), 50u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(totals.table().contains(NamespaceId{0}, std::to_string(i)), i < 50) << i;
  EXPECT_EQ(totals.evict(0, 100), 50u) << "the next time the hand comes they go, too";
}

TEST_F(LiveTotalsTest, LeavesACounterThatIsInTheTableAloneWhenItsOldRowsCome) {
  const auto a = insert("a");
  totals.add(a, home(a), 5, 1, Offset{9});
  RowBatch rows;
  rows.add(0, "default", "a", home(a), Row{3, 1, Epoch{}, Offset{4}, 0});
  EXPECT_EQ(totals.load(NamespaceId{0}, rows, rows.items()), a);
  EXPECT_EQ(totals.table().total(totals.table().at(a)).value, 5);
}

TEST_F(LiveTotalsTest, CountsACounterOfTheStoreThatIsNotInTheTable) {
  RowBatch rows;
  rows.add(0, "default", "a", {kGeneration, PartitionId{0}}, Row{3, 1, Epoch{}, Offset{4}, 0});
  totals.count_existing(NamespaceId{0}, rows.items());
  EXPECT_EQ(totals.existing(), 1u);
  rows.add(0, "default", "a", {kGeneration, PartitionId{1}}, Row{0, 0, Epoch{9}, Offset{5}, 0});
  totals.count_existing(NamespaceId{0}, rows.items());
  EXPECT_EQ(totals.existing(), 1u) << "it was reset";
}

}  // namespace
}  // namespace quipu
