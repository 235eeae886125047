#include "log/write_times.h"

#include <gtest/gtest.h>

namespace quipu {
namespace {

TEST(WriteTimes, TrustsADiskOnlyAfterAFullRowOfQuickWrites) {
  WriteTimes times;
  for (std::size_t i = 0; i < WriteTimes::kKept; ++i) {
    EXPECT_FALSE(times.within(100)) << i;
    times.add(100);
  }
  EXPECT_TRUE(times.within(100));
  EXPECT_FALSE(times.within(99));
}

TEST(WriteTimes, BearsASlowWriteAmongQuickOnes) {
  WriteTimes times;
  for (std::size_t i = 0; i < WriteTimes::kKept; ++i) times.add(10);
  times.add(1'000);
  EXPECT_TRUE(times.within(100));
}

TEST(WriteTimes, RemembersAVerySlowWriteForAWhile) {
  WriteTimes times;
  for (std::size_t i = 0; i < WriteTimes::kKept; ++i) times.add(10);
  times.add(50'000);
  for (std::size_t i = 1; i < WriteTimes::kKept; ++i) {
    EXPECT_FALSE(times.within(100)) << i;
    times.add(10);
  }
  times.add(10);
  EXPECT_TRUE(times.within(100));
}

}  // namespace
}  // namespace quipu
