#include "store/cassandra_deltas.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace quipu {
namespace {

RowBatch rows_of(const std::vector<std::pair<std::uint16_t, std::int64_t>>& totals) {
  RowBatch rows;
  for (const auto& [partition, total] : totals) {
    rows.add(9, "views", "cats", {Generation{1}, PartitionId{partition}},
             {total, static_cast<std::uint64_t>(total < 0 ? -total : total), Epoch{}, Offset{5}, 0});
  }
  return rows;
}

/// What is added to views and events, a pair for each execution.
std::vector<std::pair<std::int64_t, std::int64_t>> added(const CassandraDeltas& deltas, const RowBatch& rows) {
  CassandraValues values;
  deltas.put(values, rows);
  std::vector<std::pair<std::int64_t, std::int64_t>> all;
  std::string_view rest(values.bytes());
  for (std::uint32_t at = 0; at < values.executions(); ++at) {
    CassandraReader row(rest.substr(2));
    const auto views = row.take_bigint();
    all.emplace_back(views, row.take_bigint());
    EXPECT_EQ(row.take_bytes(), "views");
    EXPECT_EQ(row.take_bytes(), "cats");
    EXPECT_EQ(row.take_bigint(), 9);
    rest.remove_prefix(2 + 24 + 9 + 8 + 12 + 16);
  }
  EXPECT_EQ(rest, "");
  return all;
}

using Added = std::vector<std::pair<std::int64_t, std::int64_t>>;

TEST(CassandraDeltas, AsksForWhatItDoesNotKnowAndAddsTheDifference) {
  CassandraDeltas deltas(100, 1);
  const auto first = rows_of({{0, 5}, {1, 7}});
  const auto keys = deltas.unknown(first);
  ASSERT_EQ(keys.size(), 1u) << "both shards are of one counter";
  EXPECT_EQ(keys[0].counter, "cats");
  deltas.note(rows_of({{1, 4}}), first);
  EXPECT_TRUE(deltas.unknown(first).empty());
  EXPECT_EQ(added(deltas, first), (Added{{5, 5}, {3, 3}}));
  deltas.note(first);
  EXPECT_EQ(added(deltas, first), Added{}) << "what is there needs nothing";
  EXPECT_EQ(added(deltas, rows_of({{0, -2}})), (Added{{-7, -3}})) << "a reset is a difference too";
}

TEST(CassandraDeltas, WhatWasNotAcknowledgedIsAddedAgain) {
  CassandraDeltas deltas(100, 1);
  const auto rows = rows_of({{0, 5}});
  deltas.note({}, rows);
  EXPECT_EQ(added(deltas, rows), (Added{{5, 5}}));
  EXPECT_EQ(added(deltas, rows), (Added{{5, 5}})) << "perhaps it is counted twice: that is this form";
}

TEST(CassandraDeltas, DifferencesBeyond63BitsAreAddedModulo) {
  CassandraDeltas deltas(100, 1);
  constexpr auto kMin = std::numeric_limits<std::int64_t>::min();
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  RowBatch rows;
  rows.add(9, "views", "cats", {Generation{1}, PartitionId{0}}, {kMin, 0, Epoch{}, Offset{}, 0});
  deltas.note(rows);
  RowBatch next;
  next.add(9, "views", "cats", {Generation{1}, PartitionId{0}}, {kMax, 0, Epoch{}, Offset{}, 0});
  EXPECT_EQ(added(deltas, next), (Added{{-1, 0}})) << "kMin - 1 is kMax";
}

TEST(CassandraDeltas, ForgetsEverythingWhereThereIsNoRoom) {
  CassandraDeltas deltas(2, 1);
  deltas.note(rows_of({{0, 1}, {1, 1}}));
  deltas.make_room(0);
  EXPECT_TRUE(deltas.unknown(rows_of({{0, 1}})).empty());
  deltas.make_room(1);
  EXPECT_EQ(deltas.unknown(rows_of({{0, 1}})).size(), 1u);
}

/// A row of counter columns as the driver hands it on.
std::string columns(std::int32_t generation, std::int32_t partition) {
  CassandraValues values;
  values.begin(7);
  values.put_bytes("views");
  values.put_bytes("cats");
  values.put_bigint(9);
  values.put_int(generation);
  values.put_int(partition);
  values.put_bigint(-5);
  values.put_bigint(7);
  return values.bytes().substr(2);
}

TEST(CassandraDeltas, ReadsARowOfCounterColumns) {
  const auto bytes = columns(1, 3);
  CassandraReader answer(bytes);
  RowBatch rows;
  ASSERT_TRUE(read_counter_columns(answer, rows));
  ASSERT_EQ(rows.size(), 1u);
  const auto& item = rows.items().front();
  EXPECT_EQ(rows.counter(item), "cats");
  EXPECT_EQ(item.routing, 9u);
  EXPECT_EQ(item.shard, (ShardId{Generation{1}, PartitionId{3}}));
  EXPECT_EQ(item.row.total, -5);
  EXPECT_EQ(item.row.events, 7u);
}

TEST(CassandraDeltas, RefusesARowThatCanNotBeOne) {
  for (auto bytes : {columns(-1, 3), columns(1, -1), columns(1, 65'536), columns(1, 3).substr(0, 30)}) {
    CassandraReader answer(bytes);
    RowBatch rows;
    EXPECT_EQ(read_counter_columns(answer, rows).error().code, Code::kDamaged);
    EXPECT_EQ(rows.size(), 0u);
  }
}

}  // namespace
}  // namespace quipu
