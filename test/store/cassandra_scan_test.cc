#include "store/cassandra_scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "store/cassandra_rows.h"

namespace quipu {
namespace {

struct Stored {
  std::int64_t token;
  std::uint64_t routing;
  std::string counter;
  std::uint16_t partition;
};

/// Answers what a scan asks as Cassandra would, and counts the questions.
std::vector<std::string> page_of(std::vector<Stored> table, StoreScan scan, std::optional<std::uint64_t>& next,
                                 int& asked) {
  std::ranges::sort(table, {}, [](const Stored& row) { return std::tuple(row.token, row.counter, row.partition); });
  CassandraScan page(scan, read_shard);
  asked = 0;
  for (bool more = true; more; ++asked) {
    const auto ask = page.ask();
    CassandraValues answer;
    std::uint32_t count = 0;
    for (const Stored& row : table) {
      if (row.token < ask.token || count == static_cast<std::uint32_t>(ask.rows)) continue;
      ++count;
      answer.put_bigint(row.token);
      answer.put_bytes("views");
      answer.put_bytes(row.counter);
      answer.put_int(1);
      answer.put_int(row.partition);
      const auto cell = answer.begin_nested();
      for (int i = 0; i < 4; ++i) answer.put_bigint(1);
      answer.put_int(0);
      answer.put_bigint(static_cast<std::int64_t>(row.routing));
      answer.end_nested(cell);
    }
    const auto taken = page.take(answer.bytes(), count);
    EXPECT_TRUE(taken) << taken.error().what;
    more = taken.value_or(false);
  }
  RowBatch rows;
  next = page.finish(rows);
  std::vector<std::string> names;
  for (const auto& item : rows.items()) {
    names.push_back(std::string(rows.counter(item)) + std::to_string(item.shard.partition.value));
  }
  return names;
}

constexpr std::uint64_t kZero = std::uint64_t{1} << 63;  // The position of token 0.

TEST(CassandraScan, GoesInTheOrderOfTokensAndCutsNone) {
  const std::vector<Stored> table{
      {INT64_MIN, 9, "first", 0}, {-5, 30, "c", 0}, {-5, 30, "c", 1}, {0, 10, "a", 4}, {2, 20, "b", 0}, {2, 20, "b", 1},
      {2, 21, "bb", 0},           {7, 10, "aa", 0}};
  std::optional<std::uint64_t> next;
  int asked = 0;
  EXPECT_EQ(page_of(table, {1, 0, 3}, next, asked), (std::vector<std::string>{"first0", "c0", "c1"}));
  EXPECT_EQ(next, kZero);
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(page_of(table, {1, *next, 3}, next, asked), (std::vector<std::string>{"a4"})) << "the next has no room";
  EXPECT_EQ(next, kZero + 2);
  EXPECT_EQ(page_of(table, {1, *next, 3}, next, asked), (std::vector<std::string>{"b0", "b1", "bb0"}))
      << "two counters of one token are on one page";
  EXPECT_EQ(next, kZero + 7);
  EXPECT_EQ(page_of(table, {1, *next, 3}, next, asked), (std::vector<std::string>{"aa0"}));
  EXPECT_EQ(next, std::nullopt);
  EXPECT_EQ(page_of(table, {1, kZero + 1, 0}, next, asked), (std::vector<std::string>{"b0", "b1", "bb0"}))
      << "0 is taken as 1";
  EXPECT_EQ(next, kZero + 7);
  EXPECT_EQ(page_of({}, {1, 0, 3}, next, asked), std::vector<std::string>{});
  EXPECT_EQ(next, std::nullopt);
}

TEST(CassandraScan, AWholeWalkAsksForEachRowOnceAndALittle) {
  std::vector<Stored> table;
  for (int counter = 0; counter < 3'000; ++counter) {
    const auto name = std::to_string(10'000 + counter);
    for (std::uint16_t partition = 0; partition < 3; ++partition) table.push_back({counter, 1, name, partition});
  }
  std::optional<std::uint64_t> next = 0;
  int asked = 0;
  const auto whole = page_of(table, {1, 0, 100'000}, next, asked);
  EXPECT_EQ(asked, 3) << "9,000 rows, 4,097 at once";
  ASSERT_EQ(whole.size(), 9'000U);
  std::vector<std::string> joined;
  int questions = 0;
  for (next = 0; next; questions += asked) {
    for (auto& name : page_of(table, {1, *next, 1'000}, next, asked)) joined.push_back(std::move(name));
  }
  EXPECT_EQ(joined, whole);
  EXPECT_EQ(questions, 10) << "pages of 1,000 rows at most: one question each";
}

TEST(CassandraScan, ACounterLargerThanAPieceIsStillWhole) {
  std::vector<Stored> table{{1, 1, "before", 0}, {9, 9, "z", 0}};
  for (std::uint16_t partition = 0; partition < 10'000; ++partition) table.push_back({5, 5, "large", partition});
  std::optional<std::uint64_t> next;
  int asked = 0;
  const auto page = page_of(table, {1, 0, 100'000}, next, asked);
  EXPECT_EQ(page.size(), 10'002u);
  EXPECT_EQ(page.front(), "before0");
  EXPECT_EQ(page.back(), "z0");
  EXPECT_EQ(page_of(table, {1, 1, 1}, next, asked).size(), 1U);
  EXPECT_EQ(page_of(table, {1, *next, 1}, next, asked).size(), 10'000U) << "and no more than it";
  EXPECT_EQ(next, kZero + 9);
}

TEST(CassandraScan, AnAnswerThatEndsTooEarlyIsNamed) {
  CassandraScan page({1, 0, 10}, read_shard);
  const auto taken = page.take("", 1);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Code::kDamaged);
}

}  // namespace
}  // namespace quipu
