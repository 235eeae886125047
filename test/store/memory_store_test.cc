#include "store/memory_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

/// What a test can do to the store in memory; what every store must do is in test/contract.
namespace quipu {
namespace {

StoreWrite numbered(std::uint64_t n, bool sync = false) {
  StoreWrite write;
  write.token = n;
  write.rows.add(n, "views", "cats", {Generation{1}, PartitionId{0}}, {1, 1, Epoch{}, Offset{n}, 0});
  write.watermarks.push_back({PartitionId{0}, Offset{n}, {}});
  write.sync = sync;
  return write;
}

std::vector<StoreCompletion> take(MemoryStore& store) {
  std::vector<StoreCompletion> all;
  store.take_completions(all);
  return all;
}

Offset watermark(MemoryStore& store) {
  const auto marks = store.watermarks().value();
  return marks.empty() ? kNoOffset : marks[0].offset;
}

TEST(MemoryStore, HoldsRequestsBackUntilTheyArePerformed) {
  MemoryStore store;
  store.hold(true);
  for (std::uint64_t n = 1; n <= 3; ++n) store.write(numbered(n));
  EXPECT_TRUE(take(store).empty());
  EXPECT_EQ(watermark(store), kNoOffset);
  store.perform(2);
  EXPECT_EQ(watermark(store), Offset{2});
  EXPECT_EQ(store.pending(), 3u);
  EXPECT_EQ(take(store).size(), 2u);
  store.hold(false);
  EXPECT_EQ(take(store).size(), 1u);
  EXPECT_EQ(store.pending(), 0u);
}

TEST(MemoryStore, AFailedRequestChangesNothingAndTheNextOneWorks) {
  MemoryStore store;
  store.fail_next(StoreCompletion::Kind::kWrite, {Code::kBusy, "full", 5});
  store.write(numbered(1));
  store.write(numbered(1));
  const auto done = take(store);
  ASSERT_EQ(done.size(), 2u);
  EXPECT_EQ(done[0].result.error().code, Code::kBusy);
  EXPECT_TRUE(done[1].result);
  EXPECT_EQ(store.unsynced(), 1u);
  store.fail_next(StoreCompletion::Kind::kLoad, {Code::kDamaged, "broken", 0});
  store.load({7, {{1, "views", "cats"}}});
  EXPECT_EQ(take(store).at(0).result.error().what, "broken");
}

TEST(MemoryStore, ACrashLeavesAPrefixNoShorterThanTheLastSync) {
  for (std::size_t kept = 0; kept <= 4; ++kept) {
    MemoryStore store;
    for (std::uint64_t n = 1; n <= 5; ++n) store.write(numbered(n, n == 2));
    take(store);
    EXPECT_EQ(store.durable_watermark(PartitionId{0}), Offset{2});
    store.hold(true);
    store.write(numbered(6));
    EXPECT_EQ(store.unsynced(), 3u);
    store.crash(kept);
    const auto left = 2 + std::min<std::uint64_t>(kept, 3);
    EXPECT_EQ(watermark(store), Offset{left});
    EXPECT_EQ(store.durable_watermark(PartitionId{0}), Offset{left});
    EXPECT_EQ(store.pending(), 0u);
    store.hold(false);
    store.scan({1, 0, 100});
    EXPECT_EQ(take(store).at(0).rows.size(), left);
  }
}

TEST(MemoryStore, AnOlderRowLosesAndIsCounted) {
  MemoryStore store;
  auto older = numbered(1);
  auto newer = numbered(1);
  older.rows.clear();
  newer.rows.clear();
  older.rows.add(1, "views", "cats", {}, {10, 1, Epoch{}, Offset{5}, 0});
  newer.rows.add(1, "views", "cats", {}, {20, 2, Epoch{}, Offset{6}, 0});
  store.write(newer);
  store.write(older);
  store.write(newer);
  store.load({1, {{1, "views", "cats"}}});
  EXPECT_EQ(take(store).at(3).rows.items().at(0).row.total, 20);
  EXPECT_EQ(store.older_rows(), 1u);
}

}  // namespace
}  // namespace quipu
