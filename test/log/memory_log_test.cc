#include "log/memory_log.h"

#include <gtest/gtest.h>

#include "log/log_samples.h"

namespace quipu {
namespace {

using namespace testing_log;

class MemoryLogTest : public testing::Test {
 protected:
  static MemoryLogOptions options() {
    MemoryLogOptions options;
    options.identity = sample_identity();
    options.partitions = 2;
    return options;
  }
  MemoryLogTest() { log_.automatic = false; }

  void submit(std::uint16_t partition, std::uint64_t number) {
    ASSERT_TRUE(log_.submit(PartitionId(partition), sample_frame(partition, number), number));
  }
  std::vector<LogCompletion> take() {
    std::vector<LogCompletion> done;
    log_.take_completions(done);
    return done;
  }

  MemoryLog log_{options()};
};

TEST_F(MemoryLogTest, GivesEachPartitionOffsetsOfItsOwn) {
  for (std::uint64_t i = 1; i <= 4; ++i) submit(i % 2, i);
  log_.commit();
  log_.deliver(4);
  const auto done = take();
  ASSERT_EQ(done.size(), 4u);
  EXPECT_EQ(*done[0].offset, Offset(1));
  EXPECT_EQ(*done[1].offset, Offset(1));
  EXPECT_EQ(*done[2].offset, Offset(2));
  EXPECT_EQ(*done[3].offset, Offset(2));
  EXPECT_FALSE(log_.read(std::nullopt, Offset(1), 1)) << "no order over partitions";
}

TEST_F(MemoryLogTest, ACommitMayBeDurableInPart) {
  for (std::uint64_t i = 1; i <= 3; ++i) submit(0, i);
  log_.commit();
  log_.deliver(1);
  EXPECT_EQ(take().size(), 1u);
  EXPECT_TRUE(log_.committing());
  EXPECT_EQ(log_.in_flight(), 2u);
  EXPECT_EQ(log_.bounds(PartitionId(0)).end, Offset(2));
}

TEST_F(MemoryLogTest, AnUnknownOutcomeIsWrittenOrNot) {
  for (std::uint64_t i = 1; i <= 4; ++i) submit(0, i);
  log_.commit();
  log_.deliver(1, MemoryLog::Fate::kWrittenUnknown);
  log_.deliver(1, MemoryLog::Fate::kLostUnknown);
  log_.deliver(1, MemoryLog::Fate::kRefused);
  log_.deliver(1);
  const auto done = take();
  EXPECT_EQ(done[0].offset.error().code, Code::kUnknown);
  EXPECT_EQ(done[1].offset.error().code, Code::kUnknown);
  EXPECT_EQ(done[2].offset.error().code, Code::kBusy);
  EXPECT_EQ(*done[3].offset, Offset(2));
  const auto all = read_all(log_, PartitionId(0), Offset(1));
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ((*all)[0].number, 1u);
  EXPECT_EQ((*all)[1].number, 4u);
}

}  // namespace
}  // namespace quipu
