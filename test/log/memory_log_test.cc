#include "log/memory_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "log/block_bytes.h"
#include "log/log_samples.h"
#include "log/memory_log_disk.h"

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

TEST_F(MemoryLogTest, SaysThatItIsShutAndThatItsBoundsAreOfNow) {
  EXPECT_FALSE(log_.closed());
  EXPECT_EQ(log_.bounds_age_ms(PartitionId(0)), 0);
  log_.shut = Error{Code::kUnknown, "gone", 0};
  ASSERT_TRUE(log_.closed());
  EXPECT_EQ(log_.closed()->what, "gone");
}

TEST(MemoryLogDisk, AReadBehindTheEndOfAFileIsDamageAndNamed) {
  MemoryLogDisk disk;
  ASSERT_TRUE(disk.create(SegmentNumber(1), 1'000));
  Bytes bytes(500);
  EXPECT_TRUE(disk.read(SegmentNumber(1), 500, bytes));
  const auto read = disk.read(SegmentNumber(1), 501, bytes);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kDamaged);
  EXPECT_EQ(read.error().what, disk.name(SegmentNumber(1)) + ": the file ends before byte 1001");
}

TEST(MemoryLogDisk, APowerCutLeavesEachPieceAsItWasBeforeOrAsItWasWritten) {
  const BlockBytes written(4'096, std::byte{7});  // As the log hands them over.
  std::mt19937_64 random(1);
  std::size_t old_pieces = 0;
  std::size_t new_pieces = 0;
  for (int round = 0; round < 100; ++round) {
    MemoryLogDisk disk;
    disk.automatic = false;
    ASSERT_TRUE(disk.create(SegmentNumber(1), written.size()));
    disk.begin_write(SegmentNumber(1), 0, written);
    disk.cut_power(random);
    Bytes left(written.size());
    ASSERT_TRUE(disk.read(SegmentNumber(1), 0, left));
    for (auto piece = ByteView(left); !piece.empty(); piece = piece.subspan(512)) {
      ASSERT_EQ(std::ranges::count(piece.first(512), piece[0]), 512);
      ASSERT_TRUE(piece[0] == std::byte{0} || piece[0] == std::byte{7});
      ++(piece[0] == std::byte{0} ? old_pieces : new_pieces);
    }
  }
  EXPECT_GT(old_pieces, 100u);
  EXPECT_GT(new_pieces, 100u);
}

}  // namespace
}  // namespace quipu
