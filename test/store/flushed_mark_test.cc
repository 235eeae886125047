#include "store/flushed_mark.h"

#include <gtest/gtest.h>

namespace quipu {
namespace {

TEST(FlushedMark, ComesBackFromItsSetting) {
  const FlushedMark mark{PartitionId{12}, Generation{3}, Offset{4'567}, 1'700'000'000'123};
  EXPECT_EQ(flushed_setting(mark.partition), "flushed/12");
  EXPECT_EQ(flushed_text(mark), "3 4567 1700000000123");
  const auto read = parse_flushed("flushed/12", "3 4567 1700000000123");
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, mark);
}

TEST(FlushedMark, PassesOverOtherSettingsAndRefusesWhatIsNotOne) {
  const auto other = parse_flushed("namespace/views", "ack=durable");
  ASSERT_TRUE(other);
  EXPECT_FALSE(*other);
  for (const char* text : {"", "3", "3 4", "3 4 ", "3 4 x", "3 4 5 6", " 3 4 5", "-3 4 5", "3  4 5"}) {
    EXPECT_FALSE(parse_flushed("flushed/1", text)) << text;
  }
  EXPECT_FALSE(parse_flushed("flushed/", "3 4 5"));
  EXPECT_FALSE(parse_flushed("flushed/70000", "3 4 5"));
  EXPECT_FALSE(parse_flushed("flushed/1x", "3 4 5"));
}

}  // namespace
}  // namespace quipu
