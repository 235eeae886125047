#include "store/open_partitions.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace quipu {
namespace {

TEST(OpenPartitions, ComeBackFromTheirSetting) {
  const OpenPartitions open{Generation{3}, 32};
  EXPECT_EQ(open_partitions_text(open), "3 32");
  const auto read = parse_open_partitions("open_partitions", "3 32");
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, open);
}

TEST(OpenPartitions, PassOverOtherSettingsAndRefuseWhatIsNone) {
  const auto other = parse_open_partitions("open_partition", "3 32");
  ASSERT_TRUE(other);
  EXPECT_FALSE(*other);
  for (const char* text : {"", "3", "3 ", "3 x", "x 3", "3 4 5", " 3 4", "-3 4", "3  4", "3 0", "3 1025", "3 70000"}) {
    EXPECT_FALSE(parse_open_partitions("open_partitions", text)) << text;
  }
  EXPECT_TRUE(parse_open_partitions("open_partitions", "3 1024"));
}

TEST(OpenPartitions, AreThoseThatTheLogBeganWithOrThatAreSaidToBeOpenOfItsGeneration) {
  std::vector<std::pair<std::string, std::string>> settings{{"cluster", "x"}, {"open_partitions", "3 32"}};
  EXPECT_EQ(open_partitions_in({}, Generation{3}, 16), 16);
  EXPECT_EQ(open_partitions_in(settings, Generation{3}, 16), 32);
  EXPECT_EQ(open_partitions_in(settings, Generation{4}, 16), 16);
  EXPECT_EQ(open_partitions_in(settings, Generation{3}, 64), 64);
  settings.back().second = "3 none";
  EXPECT_FALSE(open_partitions_in(settings, Generation{3}, 16));
}

}  // namespace
}  // namespace quipu
