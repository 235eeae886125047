#include "resp/text.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace quipu {
namespace {

TEST(RespText, ReadsIntegersAsRedisDoes) {
  EXPECT_EQ(resp_integer("0"), 0);
  EXPECT_EQ(resp_integer("-7"), -7);
  EXPECT_EQ(resp_integer("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(resp_integer("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  for (const auto* text : {"", "-", "+1", " 1", "1 ", "01", "-0", "-01", "1.0", "1e3", "0x1", "9223372036854775808",
                           "-9223372036854775809"}) {
    EXPECT_FALSE(resp_integer(text).has_value()) << text;
  }
}

TEST(RespText, ComparesWordsInAnyCaseOfLetters) {
  EXPECT_TRUE(same_word("InCr", "incr"));
  EXPECT_FALSE(same_word("incr", "incrby"));
  EXPECT_FALSE(same_word("a[", "a{"));  // They differ by the same bit as letters do.
  EXPECT_EQ(lower("A[Z"), "a[z");
}

TEST(RespText, MatchesPatterns) {
  for (const auto* pattern :
       {"*", "video:*", "*:1", "v?deo:1", "[uv]ideo:1", "[^a]*", "[a-z]*", "*e*:*", "video\\:1"}) {
    EXPECT_TRUE(matches_glob(pattern, "video:1")) << pattern;
  }
  for (const auto* pattern : {"", "video", "video:1?", "[^v]*", "[0-9]*", "*2", "video\\*"}) {
    EXPECT_FALSE(matches_glob(pattern, "video:1")) << pattern;
  }
  EXPECT_TRUE(matches_glob("", ""));
  EXPECT_TRUE(matches_glob("a\\*b", "a*b"));
  EXPECT_TRUE(matches_glob("[z-a]", "m"));  // Redis turns such a range round.
}

TEST(RespText, MatchesWithoutTryingEveryWay) {
  // Twenty stars tried against each other would take longer than any test may.
  std::string pattern;
  for (int i = 0; i < 20; ++i) pattern += "*a";
  EXPECT_FALSE(matches_glob(pattern + "b", std::string(1'000, 'a')));
}

}  // namespace
}  // namespace quipu
