#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "cassandra/cassandra_bench.h"
#include "store/cassandra_store.h"

/// The store on counter columns: what it counts, and where it counts too much. It can not pass the contract's suite,
/// since a counter column keeps neither offset nor epoch.
namespace quipu::testing_cassandra {
namespace {

using testing::HasSubstr;
using testing_contract::shard;
using testing_contract::text_of;
using Kind = StoreCompletion::Kind;

const std::vector<CounterKey> kCats{{9, "views", "cats"}};

void use_counter_columns(CassandraStoreOptions& options) { options.form = CassandraRowForm::kCounterColumns; }

Row row(std::int64_t total, std::uint64_t offset) {
  return {total, static_cast<std::uint64_t>(total), Epoch{}, Offset{offset}, 0};
}

StoreWrite write_cats(std::uint16_t partition, std::int64_t total, std::uint64_t offset) {
  StoreWrite write;
  write.rows.add(9, "views", "cats", shard(1, partition), row(total, offset));
  return write;
}

std::int64_t total(CassandraBench& bench) {
  std::int64_t sum = 0;
  const auto rows = bench.load(kCats);
  for (const auto& item : rows.items()) sum += item.row.total;
  return sum;
}

TEST(CassandraCounters, ShowTheRowsOfAllShards) {
  CassandraBench bench(contact_points(), use_counter_columns);
  ASSERT_TRUE(bench.write(write_cats(0, 5, 50)).result);
  ASSERT_TRUE(bench.write(write_cats(1, 7, 70)).result);
  ASSERT_TRUE(bench.write(write_cats(0, 9, 90)).result);
  RowBatch wanted;
  wanted.add(9, "views", "cats", shard(1, 0), row(9, 0));
  wanted.add(9, "views", "cats", shard(1, 1), row(7, 0));
  EXPECT_EQ(text_of(bench.load(kCats)), text_of(wanted)) << "no offset is kept";
  bench.store().scan({1, 0, 10});
  EXPECT_EQ(text_of(bench.wait_for(Kind::kScan).rows), text_of(wanted));
  bench.reopen();
  ASSERT_TRUE(bench.write(write_cats(0, 10, 100)).result) << "what the columns show is read first";
  EXPECT_EQ(total(bench), 17);
}

TEST(CassandraCounters, WritesThatAreGivenTogetherAddUp) {
  CassandraBench bench(contact_points(), use_counter_columns);
  for (std::int64_t count = 1; count <= 50; ++count) {
    bench.store().write(write_cats(0, count, static_cast<std::uint64_t>(count)));
  }
  for (int count = 1; count <= 50; ++count) ASSERT_TRUE(bench.wait_for(Kind::kWrite).result);
  EXPECT_EQ(total(bench), 50);
}

TEST(CassandraCounters, CountTwiceWhatWasFlushedAndNotMarkedBeforeACrash) {
  // A worker flushes 5 events, and dies before its watermark. The next one loads, reads the log from the old watermark,
  // and finds no offset in the row that would tell it to skip them.
  const auto after_a_crash = [](CassandraBench& bench) {
    EXPECT_TRUE(bench.write(write_cats(0, 5, 50)).result);
    bench.reopen();
    const auto loaded = bench.load(kCats);
    EXPECT_EQ(loaded.size(), 1u);
    const Row before = loaded.items()[0].row;
    const bool skipped = before.applied >= Offset{50};
    EXPECT_TRUE(bench.write(write_cats(0, before.total + (skipped ? 0 : 5), 50)).result);
    return total(bench);
  };
  CassandraBench counters(contact_points(), use_counter_columns);
  EXPECT_EQ(after_a_crash(counters), 10) << "the literal store counts too much";
  CassandraBench exact;
  EXPECT_EQ(after_a_crash(exact), 5);
}

TEST(CassandraCounters, AKeyspaceIsOfOneForm) {
  CassandraBench bench(contact_points(), use_counter_columns);
  const auto opened = CassandraStore::open(options_for(contact_points(), bench.keyspace()));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kRefused);
  EXPECT_THAT(opened.error().what, HasSubstr("format 1001"));
}

}  // namespace
}  // namespace quipu::testing_cassandra
