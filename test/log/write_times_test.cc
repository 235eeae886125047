#include "log/write_times.h"

#include <gtest/gtest.h>

namespace quipu {
namespace {

TEST(WriteTimes, TrustsADiskOnlyAfterAFullRowOfQuickWrites) {
  WriteTimes times;
  for (std::size_t i = 0; i < WriteTimes::kKept; ++i) {
    EXPECT_FALSE(times.all_within(100)) << i;
    times.add(100);
  }
  EXPECT_TRUE(times.all_within(100));
  EXPECT_FALSE(times.all_within(99));
}

TEST(WriteTimes, RemembersASlowWriteForAWhile) {
  WriteTimes times;
  for (std::size_t i = 0; i < WriteTimes::kKept; ++i) times.add(10);
  times.add(5'000);
  for (std::size_t i = 1; i < WriteTimes::kKept; ++i) {
    EXPECT_FALSE(times.all_within(100)) << i;
    times.add(10);
  }
  times.add(10);
  EXPECT_TRUE(times.all_within(100));
}

}  // namespace
}  // namespace quipu
