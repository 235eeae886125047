#include "log/scan_thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <utility>

namespace quipu {
namespace {

/// Gives `stretches` of one frame each, then an error or the end. Counts what it was asked for.
class CountingScan final : public LogScan {
 public:
  CountingScan(std::atomic<int>& reads, int stretches, bool fails)
      : reads_(reads), stretches_(stretches), fails_(fails) {}

  Result<LogRead> next() override {
    const int number = ++reads_;
    LogRead read;
    read.next = Offset(static_cast<std::uint64_t>(number) + 1);
    if (number > stretches_) {
      if (fails_) return failure(Code::kDamaged, "segment-7, byte 4096");
      return read;
    }
    read.frames.push_back({PartitionId(0), Offset(static_cast<std::uint64_t>(number)), 0, 0});
    return read;
  }

 private:
  std::atomic<int>& reads_;
  const int stretches_;
  const bool fails_;
};

TEST(ScanThread, GivesTheStretchesInOrderAndThenTheEndForEver) {
  std::atomic<int> reads = 0;
  ScanThread thread(std::make_unique<CountingScan>(reads, 100, false));
  for (std::uint64_t number = 1; number <= 100; ++number) {
    const auto stretch = thread.next();
    ASSERT_TRUE(stretch);
    EXPECT_EQ(stretch->frames.at(0).offset.value, number);
  }
  EXPECT_TRUE(thread.next()->frames.empty());
  EXPECT_TRUE(thread.next()->frames.empty());
  EXPECT_EQ(reads, 101);
}

TEST(ScanThread, GivesTheErrorAfterWhatIsBeforeIt) {
  std::atomic<int> reads = 0;
  ScanThread thread(std::make_unique<CountingScan>(reads, 2, true));
  EXPECT_TRUE(thread.next());
  EXPECT_TRUE(thread.next());
  for (int again = 0; again < 2; ++again) {
    const auto failed = thread.next();
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().what, "segment-7, byte 4096");
  }
}

TEST(ScanThread, ReadsNoFurtherAheadThanItsBound) {
  std::atomic<int> reads = 0;
  ScanThread thread(std::make_unique<CountingScan>(reads, 1'000, false));
  for (int taken = 1; taken <= 50; ++taken) {
    ASSERT_TRUE(thread.next());
    // Those that wait, and one in the thread's hand.
    EXPECT_LE(reads, taken + static_cast<int>(ScanThread::kWaitingMax) + 1);
  }
}

/// Gives `stretches` in the memory that was given back, and notes where it was.
class ReusingScan final : public LogScan {
 public:
  explicit ReusingScan(int stretches) : left_(stretches) {}

  Result<LogRead> next() override {
    LogRead read = std::exchange(spent_, {});
    if (read.bytes.capacity() == 0) ++made;
    read.bytes.resize(1'000);
    read.frames.clear();
    if (left_-- > 0) read.frames.push_back({PartitionId(0), Offset(1), 0, 0});
    return read;
  }
  void give_back(LogRead&& spent) override { spent_ = std::move(spent); }

  static inline std::atomic<int> made = 0;

 private:
  int left_;
  LogRead spent_;
};

TEST(ScanThread, PassesOnWhatIsGivenBack) {
  ReusingScan::made = 0;
  ScanThread thread(std::make_unique<ReusingScan>(1'000));
  int stretches = 0;
  for (auto stretch = thread.next(); !stretch->frames.empty(); stretch = thread.next()) {
    ++stretches;
    thread.give_back(std::move(*stretch));
  }
  EXPECT_EQ(stretches, 1'000);
  // Those that wait, one in the hand of each thread, and one that was not given on yet.
  EXPECT_LE(ReusingScan::made, static_cast<int>(ScanThread::kWaitingMax) + 3);
}

TEST(ScanThread, EndsWhileStretchesWait) {
  std::atomic<int> reads = 0;
  {
    ScanThread thread(std::make_unique<CountingScan>(reads, 1'000, false));
  }
  EXPECT_LE(reads, static_cast<int>(ScanThread::kWaitingMax) + 1);
}

}  // namespace
}  // namespace quipu
