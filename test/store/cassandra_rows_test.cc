#include "store/cassandra_rows.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace quipu {
namespace {

/// The value that a function puts, without its size.
template <class Put>
std::string value_of(Put put) {
  CassandraValues values;
  put(values);
  return std::string(CassandraReader(values.bytes()).take_bytes());
}

TEST(CassandraRows, AShardIsWrittenWithItsOffsetAsTimestamp) {
  RowBatch rows;
  const Row row{-5, 3, epoch_of(Generation{1}, Offset{9}), Offset{11}, kRowSaturated};
  rows.add(77, "views", std::string("c\0t", 3), {Generation{2}, PartitionId{4}}, row);
  CassandraValues values;
  put_shard(values, rows, rows.items()[0], std::int64_t{1} << 62);
  CassandraReader reader(std::string_view(values.bytes()).substr(2));
  RowBatch read;
  ASSERT_TRUE(read_shard(reader, read));
  EXPECT_EQ(reader.take_bigint(), (std::int64_t{1} << 62) + 11);
  EXPECT_TRUE(reader.at_end());
  ASSERT_EQ(read.size(), 1u);
  EXPECT_EQ(read.items()[0].row, row);
  EXPECT_EQ(read.items()[0].routing, 77u);
  EXPECT_EQ(read.items()[0].shard, rows.items()[0].shard);
  EXPECT_EQ(read.space(read.items()[0]), "views");
  EXPECT_EQ(read.counter(read.items()[0]), std::string_view("c\0t", 3));
}

TEST(CassandraRows, ACellThatWasDeletedSaysNothing) {
  CassandraValues values;
  values.put_bytes("views");
  values.put_bytes("cats");
  values.put_int(1);
  values.put_int(2);
  values.put_null();
  CassandraReader reader(values.bytes());
  RowBatch read;
  EXPECT_TRUE(read_shard(reader, read));
  EXPECT_TRUE(read.empty());
}

TEST(CassandraRows, ReadsNoRowThatWasNotWritten) {
  const auto read_with = [](std::int64_t epoch, std::int64_t offset, std::int32_t flags, std::int32_t partition) {
    CassandraValues values;
    values.put_bytes("views");
    values.put_bytes("cats");
    values.put_int(1);
    values.put_int(partition);
    const auto cell = values.begin_nested();
    values.put_bigint(1);
    values.put_bigint(1);
    values.put_bigint(epoch);
    values.put_bigint(offset);
    values.put_int(flags);
    values.put_bigint(9);
    values.end_nested(cell);
    CassandraReader reader(values.bytes());
    RowBatch rows;
    const auto read = read_shard(reader, rows);
    return read ? "" : read.error().what;
  };
  EXPECT_EQ(read_with(0, 1, 0, 2), "");
  const std::string named = "the row of counter views/cats in partition 2 is none that was written";
  EXPECT_EQ(read_with(-1, 1, 0, 2), named);
  EXPECT_EQ(read_with(0, static_cast<std::int64_t>(kOffsetMax) + 1, 0, 2), named);
  EXPECT_EQ(read_with(0, 1, 2, 2), named);
  EXPECT_NE(read_with(0, 1, 0, -1), "");
  EXPECT_NE(read_with(0, 1, 0, 65'536), "");
}

TEST(CassandraRows, AMarkComesBackAndOtherBytesDoNot) {
  CassandraMark mark{Offset{20}, {1, 0, 3}, std::vector<std::int64_t>(kSourceBuckets, 7)};
  const auto value = value_of([&](CassandraValues& values) { put_mark(values, mark); });
  EXPECT_EQ(read_mark(value).value(), mark);
  for (const std::size_t size : {std::size_t{0}, std::size_t{11}, value.size() - 1}) {
    EXPECT_EQ(read_mark(value.substr(0, size)).error().code, Code::kDamaged) << size;
  }
  mark.sources.pop_back();
  const auto short_list = value_of([&](CassandraValues& values) { put_mark(values, mark); });
  EXPECT_EQ(read_mark(short_list).error().code, Code::kDamaged);
}

TEST(CassandraRows, OfTwoMarksOfOneOffsetTheLaterOneHasTheLargerBytes) {
  // As Cassandra compares cells of one timestamp: unsigned, byte by byte.
  const auto value = [](std::vector<std::int64_t> chains, std::vector<std::int64_t> sources) {
    return value_of([&](CassandraValues& values) { put_mark(values, {Offset{20}, chains, sources}); });
  };
  std::vector<std::int64_t> none;
  std::vector<std::int64_t> sources(kSourceBuckets, 0);
  EXPECT_LT(value({5, 5}, none), value({5, 6}, none));
  EXPECT_LT(value({5}, none), value({5, 6}, none));
  EXPECT_LT(value({5}, none), value({5}, sources));
  auto later = sources;
  later[255] = 1;
  EXPECT_LT(value({5}, sources), value({5}, later));
  EXPECT_LT(value({0xff}, none), value({0x100}, none));
}

TEST(CassandraRows, ABucketOfSourcesIsAFunctionOfItsRows) {
  const std::vector<SourceRow> rows{{PartitionId{3}, {1, 2}, 5, Offset{50}, false},
                                    {PartitionId{3}, {1, 3}, INT64_MAX, Offset{kOffsetMax}, false}};
  const auto bytes = source_bucket_bytes(rows);
  std::vector<SourceRow> read;
  ASSERT_TRUE(read_source_bucket(PartitionId{3}, bytes, read));
  EXPECT_EQ(read, rows);
  EXPECT_EQ(bytes.substr(0, 18), std::string("\x01"
                                             "\x01\0\0\0\0\0\0\0"
                                             "\x02\0\0\0\0\0\0\0"
                                             "\x05",
                                             18));
  read.clear();
  EXPECT_FALSE(read_source_bucket(PartitionId{3}, "", read));
  EXPECT_FALSE(read_source_bucket(PartitionId{3}, "\x02", read));
  EXPECT_FALSE(read_source_bucket(PartitionId{3}, bytes.substr(0, bytes.size() - 1), read));
}

TEST(CassandraRows, AListOfBasesComesBackAndOtherBytesDoNot) {
  const std::vector<CassandraBase> bases{{Offset{1}, 2, 3, -4}, {Offset{5}, 6, 0, 8}};
  const auto value = value_of([&](CassandraValues& values) { put_bases(values, bases); });
  EXPECT_EQ(read_bases(value).value(), bases);
  EXPECT_FALSE(read_bases(""));
  EXPECT_FALSE(read_bases(value.substr(0, value.size() - 1)));
  EXPECT_FALSE(read_bases(value + "x"));
}

}  // namespace
}  // namespace quipu
