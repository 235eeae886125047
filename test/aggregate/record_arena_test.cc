#include "aggregate/record_arena.h"

#include <gtest/gtest.h>

#include <vector>

namespace quipu {
namespace {

TEST(RecordArena, WalksWhatWasAppendedInItsOrderAndOverTheEndsOfChunks) {
  RecordArena arena;
  std::vector<RecordRef> refs;
  for (int i = 0; i < 30'000; ++i) refs.push_back(arena.append(32));
  EXPECT_GE(arena.bytes(), 30'000u * 32);
  EXPECT_LE(arena.bytes(), 30'000u * 32 + 2 * RecordArena::kChunkBytes);
  RecordArena::Position position;
  for (const RecordRef ref : refs) {
    ASSERT_EQ(arena.record_at(position), ref);
    EXPECT_LT(position, arena.end());
    position.at += 32;
  }
  EXPECT_EQ(arena.record_at(position), kNoRecord);
  EXPECT_EQ(position, arena.end());
}

TEST(RecordArena, UsesTheMemoryBehindTheHandAgain) {
  RecordArena arena;
  const auto fill = [&] {
    for (int i = 0; i < 100'000; ++i) arena.append(32);
  };
  fill();
  const auto full = arena.bytes();
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 100'000; ++i) {
      ASSERT_NE(arena.record_at(arena.hand()), kNoRecord);
      arena.hand().at += 32;
      arena.kill(32);
      arena.drop_behind_hand();
      arena.append(32);
    }
    EXPECT_LE(arena.bytes(), full + 2 * RecordArena::kChunkBytes);
    EXPECT_LE(arena.dead_bytes(), RecordArena::kChunkBytes);
  }
}

TEST(RecordArena, LeavesTheChunkThatTheHandIsToEmpty) {
  RecordArena arena;
  const auto first = arena.append(16);
  EXPECT_TRUE(arena.hand_in_newest());
  arena.seal();
  EXPECT_FALSE(arena.hand_in_newest());
  const auto second = arena.append(16);
  EXPECT_NE(first >> 16, second >> 16);
  arena.hand().at += 16;
  arena.kill(16);
  EXPECT_EQ(arena.record_at(arena.hand()), second);
  arena.drop_behind_hand();
  EXPECT_EQ(arena.bytes(), RecordArena::kChunkBytes);
  EXPECT_EQ(arena.dead_bytes(), 0u);
}

}  // namespace
}  // namespace quipu
