#include "aggregate/missing_counters.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace quipu {
namespace {

constexpr ShardId kShard{Generation{1}, PartitionId{0}};

Bytes frame_of(const std::vector<std::pair<std::string_view, std::string_view>>& names) {
  FrameEncoder encoder;
  encoder.begin({});
  for (const auto& [space, counter] : names) {
    Entry entry;
    entry.space = space;
    entry.counter = counter;
    encoder.add(entry);
  }
  const auto frame = encoder.finish();
  return {frame.begin(), frame.end()};
}

TEST(MissingCounters, NamesEachCounterThatTheTableDoesNotHaveOnce) {
  const HashSecret secret{};
  NamespaceRegistry spaces(10, true, 1);
  CounterTable table(1, kShard);
  table.insert(spaces.restore("views"), "views", "here");
  MissingCounters missing(secret, 7);
  const auto first = frame_of({{"views", "here"}, {"views", "cats"}, {"likes", "cats"}, {"views", "cats"}});
  const auto second = frame_of({{"likes", "cats"}, {"likes", "here"}});
  missing.look(*decode_frame(first), table, spaces);
  missing.look(*decode_frame(second), table, spaces);
  ASSERT_EQ(missing.size(), 3u);
  std::vector<std::string> names;
  for (const CounterKey& key : missing.take()) {
    names.push_back(key.space + "/" + key.counter);
    EXPECT_EQ(key.routing, routing_hash(secret, key.space, key.counter));
  }
  EXPECT_EQ(names, (std::vector<std::string>{"views/cats", "likes/cats", "likes/here"}));
  EXPECT_TRUE(spaces.find("likes")) << "it is known from here on";
}

}  // namespace
}  // namespace quipu
