#include "cli/late_end.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>

#include "cli/exit_code.h"

namespace quipu {
namespace {

TEST(LateEnd, EndsAProcessThatDoesNotEndWhenItIsInterrupted) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        const LateEnd end([] { return true; }, [] { std::fputs("it was interrupted", stderr); }, 10);
        std::this_thread::sleep_for(std::chrono::seconds(60));
      },
      testing::ExitedWithCode(kExitInterrupted), "it was interrupted");
}

TEST(LateEnd, LeavesOneAloneThatEndsInTimeOrIsNotInterrupted) {
  std::atomic<bool> interrupted = false;
  std::atomic<int> told = 0;
  {
    const LateEnd end([&] { return interrupted.load(); }, [&] { ++told; }, 600'000);
    interrupted = true;
  }
  {
    const LateEnd end([] { return false; }, [&] { ++told; }, 0);
  }
  EXPECT_EQ(told, 0);
}

}  // namespace
}  // namespace quipu
