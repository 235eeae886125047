#include "aggregate/live_totals.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
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
constexpr std::string_view kSpaceNames[] = {"default", "views"};

using Key = std::pair<std::uint32_t, std::string>;
using Rows = std::map<ShardId, Row>;
/// What a store holds.
using Stored = std::map<Key, Rows>;

RowBatch batch_of(const Key& key, const Rows& rows) {
  RowBatch batch;
  for (const auto& [id, row] : rows) batch.add(0, kSpaceNames[key.first], key.second, id, row);
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
  explicit World(std::uint64_t seed) : random_(seed), totals_(seed, kSecret, kGeneration, kPartitions) {}

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
        totals_.evict(random_() % 2'000, random_() % 50);
        return;
      default:
        return add();
    }
  }

  void expect_same() {
    std::uint64_t counted[2] = {};
    for (const auto& [key, rows] : model_) counted[key.first] += exists(rows) ? 1 : 0;
    ASSERT_EQ(totals_.existing(NamespaceId{0}), counted[0]);
    ASSERT_EQ(totals_.existing(NamespaceId{1}), counted[1]);
    ASSERT_EQ(totals_.existing(), counted[0] + counted[1]);
    ASSERT_EQ(totals_.existing(NamespaceId{2}), 0u);
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
    key = {static_cast<std::uint32_t>(random_() % 2), std::to_string(random_() % 25)};
    const NamespaceId space{key.first};
    if (const auto known = totals_.table().find(space, key.second); known != kNoCounter) return known;
    const auto at = stored_.find(key);
    if (at == stored_.end()) return totals_.table().insert(space, kSpaceNames[key.first], key.second);
    const RowBatch rows = batch_of(key, at->second);
    return totals_.load(space, rows, rows.items());
  }
  ShardId some_shard() { return {kGeneration, PartitionId{static_cast<std::uint16_t>(random_() % kPartitions)}}; }

  void add() {
    Key key;
    const auto index = touch(key);
    const auto id = some_shard();
    const auto delta = static_cast<std::int64_t>(random_() % 100) - 20;
    totals_.add(index, id, delta, 1, ++offset_);
    Row& row = model_[key][id];
    row = {row.total + delta, row.events + 1, row.epoch, offset_, 0};
  }
  void reset() {
    Key key;
    const auto index = touch(key);
    const auto id = some_shard();
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
      totals_.copy_dirty(shards[i], kSpaceNames[counter.space.value], 0, copied.rows);
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
      const Key key{copied.rows.space(item) == "views" ? 1u : 0u, std::string(copied.rows.counter(item))};
      ASSERT_NE(totals_.table().find(NamespaceId{key.first}, key.second), kNoCounter) << "evicted while copied";
      if (stored) stored_[key][item.shard] = item.row;
    }
    for (const ShardRef& shard : copied.shards) totals_.copied_done(shard, stored);
  }

  std::mt19937_64 random_;
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
    World world(seed);
    for (int i = 0; i < 1'500; ++i) {
      world.act();
      world.expect_same();
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
