#include "aggregate/record.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace quipu {
namespace {

Row back(bool wide, const Row& row) {
  std::vector<char> bytes(Record::bytes(wide, 3));
  Record record(bytes.data());
  record.make(wide, NamespaceId{7}, PartitionId{200}, "abc");
  record.set_row(row);
  EXPECT_EQ(record.name(), "abc");
  EXPECT_EQ(record.space(), NamespaceId{7});
  EXPECT_EQ(record.partition(), PartitionId{200});
  return record.row();
}

TEST(Record, TakesTwelveBytesAndTheNameForWhatNearlyAllCountersAre) {
  EXPECT_EQ(Record::bytes(false, 20), 32u);
  EXPECT_EQ(Record::bytes(false, 1), 16u);
  EXPECT_EQ(Record::bytes(true, 20), 68u);
}

TEST(Record, HoldsInTheCompactFormAllThatItSaysItCan) {
  const std::uint64_t last = (std::uint64_t{1} << 40) - 1;
  for (const std::int64_t total : {0, 1, 255, 256, 65'535, 65'536, (1 << 24) - 1}) {
    for (const std::uint64_t applied : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{0xffffffff}, last}) {
      const Row row{total, static_cast<std::uint64_t>(total), Epoch{}, Offset{applied}, 0};
      ASSERT_TRUE(Record::compact(row));
      EXPECT_EQ(back(false, row), row);
      EXPECT_EQ(back(true, row), row);
    }
  }
}

TEST(Record, LeavesToTheWideFormWhatTheCompactOneHasNoPlaceFor) {
  const Row plain{5, 5, Epoch{}, Offset{9}, 0};
  std::vector<Row> rows(7, plain);
  rows[0].total = rows[0].events = 1 << 24;
  rows[1].total = -1;
  rows[2].events = 4;
  rows[3].epoch = Epoch{1};
  rows[4].flags = kRowSaturated;
  rows[5].applied = Offset{std::uint64_t{1} << 40};
  rows[6] = {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::uint64_t>::max(),
             Epoch{std::numeric_limits<std::uint64_t>::max()}, Offset{std::numeric_limits<std::uint64_t>::max()}, 1};
  for (const Row& row : rows) {
    EXPECT_FALSE(Record::compact(row));
    EXPECT_EQ(back(true, row), row);
  }
  EXPECT_FALSE(Record::compact(NamespaceId{256}, PartitionId{0}, 1));
  EXPECT_FALSE(Record::compact(NamespaceId{0}, PartitionId{256}, 1));
  EXPECT_FALSE(Record::compact(NamespaceId{0}, PartitionId{0}, 256));
}

TEST(Record, HoldsANameOfAnyBytesAndSizeInTheWideForm) {
  const std::string name(1024, '\0');
  std::vector<char> bytes(Record::bytes(true, name.size()));
  Record record(bytes.data());
  record.make(true, NamespaceId{70'000}, PartitionId{1'023}, name);
  EXPECT_EQ(record.name(), name);
  EXPECT_EQ(record.space(), NamespaceId{70'000});
  EXPECT_EQ(record.partition(), PartitionId{1'023});
}

TEST(Record, KeepsItsNameWhileTheCounterIsAwake) {
  std::vector<char> bytes(Record::bytes(false, 4));
  Record record(bytes.data());
  record.make(false, NamespaceId{1}, PartitionId{2}, "name");
  record.activate(123'456'789);
  EXPECT_TRUE(record.active());
  EXPECT_EQ(record.index(), 123'456'789u);
  EXPECT_EQ(record.name(), "name");
  record.set_row({3, 3, Epoch{}, Offset{4}, 0});
  EXPECT_FALSE(record.active());
  EXPECT_EQ(record.row(), (Row{3, 3, Epoch{}, Offset{4}, 0}));
}

}  // namespace
}  // namespace quipu
