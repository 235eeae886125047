#include "store/cassandra_values.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace quipu {
namespace {

TEST(CassandraValues, StandAsTheProtocolHasThem) {
  CassandraValues values;
  values.begin(4);
  values.put_int(-2);
  values.put_bigint(258);
  values.put_bytes("cat");
  values.put_null();
  EXPECT_EQ(values.executions(), 1u);
  EXPECT_EQ(values.bytes(), std::string("\x00\x04"
                                        "\x00\x00\x00\x04\xff\xff\xff\xfe"
                                        "\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x01\x02"
                                        "\x00\x00\x00\x03"
                                        "cat"
                                        "\xff\xff\xff\xff",
                                        2 + 8 + 12 + 7 + 4));
}

TEST(CassandraValues, ComeBackAsTheyWere) {
  CassandraValues values;
  values.put_int(std::numeric_limits<std::int32_t>::min());
  values.put_bigint(std::numeric_limits<std::int64_t>::min());
  values.put_bytes("");
  values.put_null();
  const auto list = values.begin_nested();
  values.put_list_size(2);
  values.put_bigint(1);
  values.put_bigint(-1);
  values.end_nested(list);
  CassandraReader reader(values.bytes());
  EXPECT_EQ(reader.take_int(), std::numeric_limits<std::int32_t>::min());
  EXPECT_EQ(reader.take_bigint(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(reader.take_nullable(), "");
  EXPECT_EQ(reader.take_nullable(), std::nullopt);
  CassandraReader elements(reader.take_bytes());
  EXPECT_EQ(elements.take_list_size(), 2);
  EXPECT_EQ(elements.take_bigint(), 1);
  EXPECT_EQ(elements.take_bigint(), -1);
  EXPECT_TRUE(elements.at_end() && elements.ok());
  EXPECT_TRUE(reader.at_end() && reader.ok());
}

TEST(CassandraReader, NeverReadsWhatIsNotThere) {
  CassandraValues values;
  values.put_bigint(7);
  for (std::size_t size = 0; size < values.bytes().size(); ++size) {
    CassandraReader cut(std::string_view(values.bytes()).substr(0, size));
    EXPECT_EQ(cut.take_bigint(), 0) << size;
    EXPECT_FALSE(cut.ok()) << size;
    EXPECT_EQ(cut.take_bytes(), "") << "for good";
  }
  CassandraReader other(values.bytes());
  EXPECT_EQ(other.take_int(), 0) << "a value of another size";
  EXPECT_FALSE(other.ok());
  CassandraReader null(std::string_view("\xff\xff\xff\xff", 4));
  EXPECT_EQ(null.take_bytes(), "") << "null where something must be";
  EXPECT_FALSE(null.ok());
  CassandraReader list(std::string_view("\x7f\xff\xff\xff", 4));
  EXPECT_EQ(list.take_list_size(), 0) << "more elements than there can be";
  EXPECT_FALSE(list.ok());
}

}  // namespace
}  // namespace quipu
