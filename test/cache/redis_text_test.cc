#include "cache/redis_text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace quipu {
namespace {

using State = RedisEntry::State;

const std::string kValue = redis_value({-42, 7, Epoch{1099511627781}, Offset{70'000}, kRowSaturated});

TEST(RedisText, WritesARowWithWhatMakesItNewerInFront) {
  EXPECT_EQ(kValue, "00000001099511627781 0000000070000 -42 7 1");
  EXPECT_EQ(redis_field({Generation{3}, PartitionId{17}}), "3:17");
  EXPECT_EQ(redis_key("quipu:", "views", "a:b"), "quipu:views:a:b");
}

TEST(RedisText, TextSortsAsEpochAndOffsetDo) {
  const auto version = [](std::uint64_t epoch, std::uint64_t applied) {
    return redis_value({0, 0, Epoch{epoch}, Offset{applied}, 0}).substr(0, kRedisVersionBytes);
  };
  EXPECT_LT(version(0, 9), version(0, 10));
  EXPECT_LT(version(0, kOffsetMax), version(1, 0));
  EXPECT_LT(version(9, 0), version(std::uint64_t{1} << 59, 0));
}

TEST(RedisText, ReadsBackWhatItWrote) {
  const auto entry = read_redis_entry({"3:17", kValue, "t", "1700", "1:0", redis_value({})});
  ASSERT_EQ(entry.state, State::kWhole);
  EXPECT_EQ(entry.as_of, 1700);
  ASSERT_EQ(entry.shards.size(), 2u);
  EXPECT_EQ(entry.shards[0].first, (ShardId{Generation{1}, PartitionId{0}}));
  EXPECT_EQ(entry.shards[1].second, (Row{-42, 7, Epoch{1099511627781}, Offset{70'000}, kRowSaturated}));
}

TEST(RedisText, OnlyAFilledHashIsAnEntry) {
  EXPECT_EQ(read_redis_entry({}).state, State::kNone);
  EXPECT_EQ(read_redis_entry({"l", "lease"}).state, State::kNone);
  EXPECT_EQ(read_redis_entry({"l", "lease", "3:17", kValue}).state, State::kNone);
  EXPECT_EQ(read_redis_entry({"n", "1", "t", "5"}).state, State::kAbsent);
}

TEST(RedisText, WhatNothingHereWritesIsDamage) {
  const std::vector<std::vector<std::string_view>> damaged = {
      {"t", "5"},
      {"t", "now", "3:17", kValue},
      {"t", "5", "n", "1", "3:17", kValue},
      {"t", "5", "3:17", ""},
      {"t", "5", "3:17", "12"},
      {"t", "5", "3:17", "00000001099511627781 0000000070000 -42 7"},
      {"t", "5", "3:17", "00000001099511627781 0000000070000 -42 7 1 "},
      {"t", "5", "3:17", "00000001099511627781 0000000070000 -42 7 9"},
      {"t", "5", "3:17", "00000001099511627781 0000000070000 99999999999999999999 7 0"},
      {"t", "5", "3", kValue},
      {"t", "5", "3:1025", kValue},
      {"t", "5", "3:17:", kValue},
      {"t", "5", "cats", kValue},
  };
  for (const auto& hash : damaged) EXPECT_EQ(read_redis_entry(hash).state, State::kDamaged) << hash.size();
}

TEST(RedisText, WritesCommandsOfAnyBytes) {
  EXPECT_EQ((RedisCommand(2) << "GET" << std::string_view("a\r\n\0", 4)).take(),
            std::string("*2\r\n$3\r\nGET\r\n$4\r\na\r\n\0\r\n", 23));
}

}  // namespace
}  // namespace quipu
