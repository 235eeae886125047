#include "base/failpoint.h"

#include <gtest/gtest.h>

namespace quipu {
namespace {

#ifndef QUIPU_PLANTED_BUGS

TEST(Failpoint, AnyIsRefusedInABuildThatHasNone) {
  EXPECT_TRUE(arm_failpoints("").has_value());
  const auto armed = arm_failpoints("log.written:kill:1");
  ASSERT_FALSE(armed.has_value());
  EXPECT_EQ(armed.error().code, Code::kRefused);
  EXPECT_TRUE(failpoints().empty());
}

TEST(Failpoint, CostsNothingInABuildThatHasNone) {
  static_assert(!QUIPU_FAILS_AT("log.written"));
  static_assert(noexcept(QUIPU_FAILPOINT("log.written")));
}

#else

TEST(Failpoint, RefusesWhatItCanNotDo) {
  for (const auto* const spec :
       {"log.written", "log.written:kill", "nowhere:kill:1", "log.written:kill:0", "log.written:kill:x",
        "log.written:burn:1", "log.written:sleep:1", "log.written:sleep=:1", "log.synced:error:1"}) {
    const auto armed = arm_failpoints(spec);
    ASSERT_FALSE(armed.has_value()) << spec;
    EXPECT_EQ(armed.error().code, Code::kRefused);
  }
}

TEST(Failpoint, FailsAtThePassThatWasAskedForAndAtNoOther) {
  ASSERT_TRUE(arm_failpoints("log.written:error:2,store.rows:error:2+").has_value());
  EXPECT_FALSE(QUIPU_FAILS_AT("log.written"));
  EXPECT_TRUE(QUIPU_FAILS_AT("log.written"));
  EXPECT_FALSE(QUIPU_FAILS_AT("log.written"));
  EXPECT_FALSE(QUIPU_FAILS_AT("store.rows"));
  EXPECT_TRUE(QUIPU_FAILS_AT("store.rows"));
  EXPECT_TRUE(QUIPU_FAILS_AT("store.rows"));
}

#endif

}  // namespace
}  // namespace quipu
