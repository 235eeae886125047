#include "query/position.h"

#include <gtest/gtest.h>

namespace quipu {
namespace {

Position at(std::uint32_t generation, std::uint16_t partition, std::uint64_t offset) {
  return {Generation{generation}, PartitionId{partition}, Offset{offset}};
}

TEST(Position, IsWrittenAndReadBack) {
  const std::vector<Position> positions{at(1, 0, 1), at(kGenerationMax, kPartitionsMax - 1, kOffsetMax), at(1, 7, 0)};
  const auto text = positions_text(positions);
  EXPECT_EQ(text, "1:0:1,1048575:1023:1099511627774,1:7:0");
  const auto back = parse_positions(text);
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(*back, positions);
}

TEST(Position, IsNowhereAtFirstAndInTheOrderOfGenerationPartitionAndOffset) {
  EXPECT_EQ(Position{}, at(0, 0, 0));
  EXPECT_LT(at(1, 9, 9), at(2, 0, 0));
  EXPECT_LT(at(2, 0, 9), at(2, 1, 0));
  EXPECT_LT(at(2, 1, 8), at(2, 1, 9));
}

TEST(Position, RefusesEverythingThatIsNotWrittenAsItIsPrinted) {
  for (const char* text : {"",
                           ",",
                           "1",
                           "1:2",
                           "1:2:3:4",
                           "1:2:3,",
                           ",1:2:3",
                           "1:2:3,,1:3:3",
                           " 1:2:3",
                           "1:2:3 ",
                           "+1:2:3",
                           "-1:2:3",
                           "01:2:3",
                           "1:02:3",
                           "1:2:03",
                           "1:2:x",
                           "1::3",
                           ":2:3",
                           "1:2:",
                           "0x1:2:3",
                           "1048576:0:1",
                           "1:1024:1",
                           "1:0:1099511627775",
                           "1:0:18446744073709551616",
                           "1:2:3;1:3:3"}) {
    EXPECT_FALSE(parse_positions(text).has_value()) << text;
  }
  EXPECT_FALSE(parse_positions(std::string_view("1:2:3\0", 6)).has_value());
}

TEST(Position, RefusesOnePartitionTwice) {
  const auto twice = parse_positions("1:2:3,1:2:4");
  ASSERT_FALSE(twice.has_value());
  EXPECT_EQ(twice.error().what, "a partition stands twice in the positions");
}

}  // namespace
}  // namespace quipu
