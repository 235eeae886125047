#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "api/api_node.h"
#include "api/world.h"
#include "store/open_partitions.h"

/// Which partition an event goes to.
namespace quipu {
namespace {

class ApiNodePartitionsTest : public ApiWorld, public testing::Test {};

TEST_F(ApiNodePartitionsTest, KeepsIdsAndResetsToTheFirstPartitionsWhenTheLogHasMore) {
  options.id_partitions = 1;
  start();
  for (int i = 0; i < 20; ++i) {
    const auto name = "counter " + std::to_string(i);
    EXPECT_EQ(run(add_with_id(name, "x")).partition, PartitionId{0});
    EXPECT_EQ(run(add_of_source(name, "s", static_cast<std::uint64_t>(i + 1))).partition, PartitionId{0});
    EXPECT_EQ(run(reset(name)).partition, PartitionId{0});
  }
  std::set<PartitionId> plain;
  for (int i = 0; i < 20; ++i) plain.insert(run(add("counter " + std::to_string(i))).partition);
  EXPECT_EQ(plain.size(), 4U);
}

TEST_F(ApiNodePartitionsTest, WritesToOpenPartitionsOnly) {
  log_options.partitions = 8;
  options.id_partitions = 2;
  options.open_partitions = 3;
  start();
  std::vector<std::string> names;
  for (int i = 0; i < 100; ++i) names.push_back("counter " + std::to_string(i));
  std::vector<Operation> batch;
  for (const auto& name : names) batch.push_back(add(name));
  for (const auto& outcome : run(batch)) EXPECT_LT(outcome.partition, PartitionId{3});
  for (std::uint16_t p = 0; p < 8; ++p) EXPECT_EQ(frames(p) > 0, p < 3);
}

TEST_F(ApiNodePartitionsTest, WritesToAddedPartitionsWhenTheStoreSaysThatTheyAreOpen) {
  log_options.partitions = 6;
  options.id_partitions = 2;
  options.open_partitions = 2;
  start();
  const auto tell = [this](Generation generation, std::uint16_t partitions) {
    StoreWrite write;
    write.settings = {{std::string(kOpenPartitionsSetting), open_partitions_text({generation, partitions})}};
    store.write(std::move(write));
    store.perform(store.pending());
    now += options.settings_ms;
    steps(5);
  };
  const auto highest = [this] {
    PartitionId most{};
    for (int i = 0; i < 100; ++i) most = std::max(most, run(add("counter " + std::to_string(i))).partition);
    return most;
  };
  EXPECT_EQ(highest(), PartitionId{1});
  tell(Generation{2}, 5);  // Of another log.
  EXPECT_EQ(highest(), PartitionId{1});
  tell(Generation{1}, 5);
  EXPECT_EQ(highest(), PartitionId{4});
  tell(Generation{1}, 4);  // Late news of an earlier growth.
  EXPECT_EQ(highest(), PartitionId{4});
  tell(Generation{1}, 9);  // More than this node's log knows of.
  EXPECT_EQ(highest(), PartitionId{5});
  for (int i = 0; i < 20; ++i) {
    const auto name = "counter " + std::to_string(i);
    EXPECT_LT(run(add_with_id(name, "x")).partition, PartitionId{2});
    EXPECT_LT(run(reset(name)).partition, PartitionId{2});
  }
  node = make_node();
  steps(5);
  EXPECT_EQ(highest(), PartitionId{5});
  flush();
  EXPECT_EQ(read("counter 99").value, 6);
}

TEST_F(ApiNodePartitionsTest, SpreadsAHotCounterAndKeepsItsTotalExact) {
  log_options.partitions = 8;
  options.hot.events_per_second = 1'000;
  options.hot.partitions = 4;
  start();
  std::int64_t sent = 0;
  std::map<PartitionId, int> hot;
  std::set<PartitionId> cold;
  // 2,000 events a second of one counter, 20 of another, for 5 seconds.
  for (int i = 0; i < 250; ++i) {
    std::vector<Operation> batch(40, add("hot"));
    sent += 40;
    for (const auto& outcome : run(together(batch))) {
      ASSERT_FALSE(outcome.error);
      ++hot[outcome.partition];
    }
    cold.insert(run(add("cold")).partition);
    now += 18;
  }
  EXPECT_EQ(node->hot_counters(), 1U);
  EXPECT_EQ(hot.size(), 4U);
  EXPECT_EQ(cold.size(), 1U);
  flush();
  EXPECT_EQ(read("hot").value, sent);
  ApiClient client;
  client.node = node.get();
  give(client, {get("hot")});
  for (int i = 0; i < 100 && !client.done; ++i) step();
  EXPECT_EQ(client.shards.size(), 4U);
  // It cools down.
  for (int i = 0; i < 20; ++i) {
    run(add("hot"));
    now += 1'000;
  }
  EXPECT_EQ(node->hot_counters(), 0U);
}

}  // namespace
}  // namespace quipu
