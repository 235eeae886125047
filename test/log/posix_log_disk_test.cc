#include "log/posix_log_disk.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>
#include <semaphore>

#include "base/phases.h"
#include "log/block_bytes.h"
#include "log/log_samples.h"
#include "log/scan_thread.h"
#include "log/segment_log.h"
#include "log/write_times.h"

namespace quipu {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using namespace testing_log;

constexpr SegmentNumber kOne{1};
constexpr SegmentNumber kTwo{2};

class PosixLogDiskTest : public testing::Test {
 protected:
  PosixLogDiskTest() : root_(testing::TempDir() + "/quipu-disk-XXXXXX") {
    EXPECT_NE(::mkdtemp(root_.data()), nullptr);
    open();
  }
  ~PosixLogDiskTest() override {
    disk_.reset();
    fs::remove_all(root_);
  }

  void open(std::uint64_t free_bytes_min = 0, std::int64_t wait_us_max = 0) {
    disk_.reset();
    auto disk = PosixLogDisk::open(
        directory(),
        {.wake = [this] { woken_.release(); }, .free_bytes_min = free_bytes_min, .wait_us_max = wait_us_max});
    ASSERT_TRUE(disk) << disk.error().what;
    disk_ = std::move(*disk);
  }
  std::string directory() const { return root_ + "/log"; }
  std::string path(const std::string& name) const { return directory() + "/" + name; }

  DiskCompletion next() {
    std::vector<DiskCompletion> done;
    while (done.empty()) {
      woken_.acquire();
      disk_->take_completions(done);
    }
    EXPECT_EQ(done.size(), 1u);
    return done[0];
  }

  std::string root_;
  std::counting_semaphore<> woken_{0};
  std::unique_ptr<PosixLogDisk> disk_;
};

/// Bytes as begin_write wants them.
struct alignas(kBlockBytes) Block : std::array<std::byte, 2 * kBlockBytes> {};
struct alignas(kBlockBytes) LargeBlock
    : std::array<std::byte, PosixLogDisk::kWaitedForBytesMax + std::size_t{kBlockBytes}> {};

constexpr std::int64_t kHourUs = 3'600'000'000;

TEST_F(PosixLogDiskTest, MakesSegmentsOfZerosThatTakeTheirRoomAtOnce) {
  disk_->begin_create(kOne, 1 << 20);
  const auto done = next();
  ASSERT_TRUE(done.outcome) << done.outcome.error().what;
  EXPECT_EQ(done.kind, DiskCompletion::Kind::kCreate);
  struct stat status{};
  ASSERT_EQ(::stat(path("segment-0000000001").c_str(), &status), 0);
  EXPECT_EQ(status.st_size, 1 << 20);
  EXPECT_GE(status.st_blocks * 512, 1 << 20) << "the blocks are there before the first commit needs them";
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ASSERT_EQ(::stat(directory().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  Bytes bytes(1 << 20, std::byte{1});
  ASSERT_TRUE(disk_->read(kOne, 0, bytes));
  EXPECT_EQ(bytes, Bytes(1 << 20));
}

TEST_F(PosixLogDiskTest, ListsSegmentsInOrderAndRemovesUnfinishedOnes) {
  ASSERT_TRUE(disk_->create(SegmentNumber(10), 8'192));
  ASSERT_TRUE(disk_->create(kTwo, 4'096));
  std::ofstream(path("segment-0000000011.new")) << "half";
  std::ofstream(path("notes.txt")) << "not ours";
  const auto files = disk_->list();
  ASSERT_TRUE(files);
  ASSERT_EQ(files->size(), 2u);
  EXPECT_EQ((*files)[0].number, kTwo);
  EXPECT_EQ((*files)[1].number, SegmentNumber(10));
  EXPECT_EQ((*files)[1].bytes, 8'192u);
  EXPECT_FALSE(fs::exists(path("segment-0000000011.new")));
  EXPECT_TRUE(fs::exists(path("notes.txt")));
}

TEST_F(PosixLogDiskTest, WritesWhereItIsTold) {
  ASSERT_TRUE(disk_->create(kOne, 1 << 16));
  Block block;
  block.fill(std::byte{7});
  disk_->begin_write(kOne, 8'192, block);
  const auto done = next();
  ASSERT_TRUE(done.outcome) << done.outcome.error().what;
  Bytes bytes(1 << 16);
  ASSERT_TRUE(disk_->read(kOne, 0, bytes));
  EXPECT_EQ(bytes[8'191], std::byte{0});
  EXPECT_EQ(bytes[8'192], std::byte{7});
  EXPECT_EQ(bytes[16'383], std::byte{7});
  EXPECT_EQ(bytes[16'384], std::byte{0});
  ASSERT_TRUE(disk_->write(kOne, 100, ByteView(block).first(1))) << "at opening, any place";
  ASSERT_TRUE(disk_->read(kOne, 100, std::span(bytes).first(1)));
  EXPECT_EQ(bytes[0], std::byte{7});
}

TEST_F(PosixLogDiskTest, ReadsWholeBlocksAsItReadsAnyOtherPiece) {
  ASSERT_TRUE(disk_->create(kOne, 1 << 16));
  for (const char value : {'a', 'b'}) {
    Block block;
    block.fill(std::byte(value));
    disk_->begin_write(kOne, 8'192, block);
    ASSERT_TRUE(next().outcome);
    BlockBytes past_the_cache(8'192);
    ASSERT_TRUE(disk_->read(kOne, 4'096, past_the_cache));
    Bytes cached(8'192);
    ASSERT_TRUE(disk_->read(kOne, 4'096, cached));
    EXPECT_TRUE(std::ranges::equal(past_the_cache, cached)) << "what was written past the cache is in neither's way";
    EXPECT_EQ(past_the_cache[4'095], std::byte{0});
    EXPECT_EQ(past_the_cache[4'096], std::byte(value));
  }
  BlockBytes beyond(1 << 17);
  const auto read = disk_->read(kOne, 0, beyond);
  EXPECT_EQ(read.error().code, Code::kDamaged);
  EXPECT_NE(read.error().what.find("segment-0000000001"), std::string::npos);
}

TEST_F(PosixLogDiskTest, ReadingBeyondTheEndIsAnErrorThatNamesTheFile) {
  ASSERT_TRUE(disk_->create(kOne, 4'096));
  Bytes bytes(4'097);
  const auto read = disk_->read(kOne, 0, bytes);
  EXPECT_EQ(read.error().code, Code::kDamaged);
  EXPECT_THAT(read.error().what, HasSubstr("segment-0000000001"));
}

TEST_F(PosixLogDiskTest, AFullDiskIsBusyAndLeavesNothing) {
  open(UINT64_MAX / 2);
  disk_->begin_create(kOne, 1 << 20);
  const auto done = next();
  ASSERT_FALSE(done.outcome);
  EXPECT_EQ(done.outcome.error().code, Code::kBusy);
  EXPECT_THAT(done.outcome.error().what, HasSubstr("full"));
  EXPECT_TRUE(fs::is_empty(directory()));
}

TEST_F(PosixLogDiskTest, AFailedWriteIsUnknownAndTheDiskIsNeverWrittenAgain) {
  ASSERT_TRUE(disk_->create(kOne, 1 << 16));
  // The device answers every write with "no space", after it was opened.
  fs::create_symlink("/dev/full", path("segment-0000000002"));
  Block block;
  block.fill(std::byte{7});
  disk_->begin_write(kTwo, 0, block);
  const auto done = next();
  ASSERT_FALSE(done.outcome);
  EXPECT_EQ(done.outcome.error().code, Code::kUnknown);
  EXPECT_THAT(done.outcome.error().what, HasSubstr("segment-0000000002"));
  disk_->begin_write(kOne, 0, block);
  EXPECT_EQ(next().outcome.error().what, done.outcome.error().what);
  Bytes bytes(1);
  ASSERT_TRUE(disk_->read(kOne, 0, bytes));
  EXPECT_EQ(bytes[0], std::byte{0});
}

TEST_F(PosixLogDiskTest, IsDoneWithASmallWriteAtOnceWhereTheDiskIsKnownToBeQuick) {
  open(0, kHourUs);
  ASSERT_TRUE(disk_->create(kOne, 1 << 16));
  Block block{};
  for (std::size_t i = 0; i < WriteTimes::kKept; ++i) {
    disk_->begin_write(kOne, 0, block);
    ASSERT_TRUE(next().outcome) << "by the disk's thread, which rings: nothing is known of the disk yet";
  }
  block.fill(std::byte{7});
  disk_->begin_write(kOne, 8'192, block);
  std::vector<DiskCompletion> done;
  disk_->take_completions(done);
  ASSERT_EQ(done.size(), 1u);
  EXPECT_TRUE(done[0].outcome);
  EXPECT_FALSE(woken_.try_acquire()) << "nobody needs to ring";
  Bytes bytes(1);
  ASSERT_TRUE(disk_->read(kOne, 16'383, bytes));
  EXPECT_EQ(bytes[0], std::byte{7});
  LargeBlock large;
  large.fill(std::byte{8});
  disk_->begin_write(kOne, 0, large);
  EXPECT_TRUE(next().outcome) << "a large one is handed over";
  disk_->wait_for_write();
}

TEST_F(PosixLogDiskTest, WritesNothingMoreAfterAFailedWriteThatWasWaitedFor) {
  open(0, kHourUs);
  ASSERT_TRUE(disk_->create(kOne, 1 << 16));
  fs::create_symlink("/dev/full", path("segment-0000000002"));
  Block block{};
  for (std::size_t i = 0; i < WriteTimes::kKept; ++i) {
    disk_->begin_write(kOne, 0, block);
    ASSERT_TRUE(next().outcome);
  }
  block.fill(std::byte{7});
  std::vector<DiskCompletion> done;
  disk_->begin_write(kTwo, 0, block);
  disk_->take_completions(done);
  disk_->begin_write(kOne, 0, block);
  disk_->take_completions(done);
  ASSERT_EQ(done.size(), 2u);
  for (const auto& each : done) EXPECT_EQ(each.outcome.error().code, Code::kUnknown);
  EXPECT_EQ(done[1].outcome.error().what, done[0].outcome.error().what);
  Bytes bytes(1);
  ASSERT_TRUE(disk_->read(kOne, 0, bytes));
  EXPECT_EQ(bytes[0], std::byte{0});
}

TEST_F(PosixLogDiskTest, RemovesInTheBackground) {
  ASSERT_TRUE(disk_->create(kOne, 4'096));
  disk_->begin_remove(kOne);
  EXPECT_TRUE(next().outcome);
  EXPECT_TRUE(fs::is_empty(directory()));
  EXPECT_TRUE(disk_->remove(kOne)) << "already gone is gone";
}

TEST_F(PosixLogDiskTest, PublishesThatTheLogMovesOn) {
  const auto phases = root_ + "/phases";
  ASSERT_TRUE(publish_phases(phases));
  const auto roll = [&] {
    std::ifstream file(phases, std::ios::binary);
    std::array<std::uint32_t, kPhases> values{};
    file.read(reinterpret_cast<char*>(values.data()), sizeof(values));
    return values[static_cast<std::size_t>(Phase::kRoll)];
  };
  disk_->rolling(true);
  EXPECT_EQ(roll(), 1u);
  disk_->rolling(false);
  EXPECT_EQ(roll(), 0u);
}

TEST_F(PosixLogDiskTest, ALogClosedWithAGroupUnderWayIsOpenedWithIt) {
  SegmentLogOptions options;
  options.identity = sample_identity();
  options.segment_bytes = 1 << 20;
  {
    auto log = SegmentLog::open(*disk_, options, 0);
    ASSERT_TRUE(log) << log.error().what;
    ASSERT_TRUE((*log)->submit(PartitionId(1), sample_frame(1, 5), 1));
    (*log)->commit();
  }
  open();
  auto log = SegmentLog::open(*disk_, options, 0);
  ASSERT_TRUE(log) << log.error().what;
  EXPECT_EQ((*log)->bounds({}).end, Offset(2));
  const auto all = read_all(**log, std::nullopt, Offset(1));
  ASSERT_TRUE(all);
  EXPECT_EQ(all->at(0).number, 5u);
}

TEST_F(PosixLogDiskTest, AnotherThreadWalksTheLogWhileItsOwnerReadsAndWrites) {
  SegmentLogOptions options;
  options.identity = sample_identity();
  options.segment_bytes = 1 << 20;
  options.tail_bytes = 0;
  auto log = SegmentLog::open(*disk_, options, 0);
  ASSERT_TRUE(log) << log.error().what;
  constexpr std::uint64_t kFrames = 60;
  const auto write = [&](std::uint64_t number) {
    ASSERT_TRUE((*log)->submit(PartitionId(1), sample_frame(1, number, 50'000), number));
    (*log)->commit();
    std::vector<LogCompletion> done;
    while (done.empty()) {
      woken_.acquire();
      (*log)->take_completions(done);
    }
    ASSERT_TRUE(done[0].offset) << done[0].offset.error().what;
  };
  for (std::uint64_t number = 1; number <= kFrames; ++number) write(number);
  ScanThread scan((*log)->scan(Offset(1), 100'000));
  auto written = kFrames;
  for (std::uint64_t number = 1; number <= kFrames;) {
    write(++written);
    const auto newest = read_all(**log, std::nullopt, Offset(written));
    ASSERT_TRUE(newest) << newest.error().what;
    EXPECT_EQ(newest->size(), 1u);
    const auto stretch = scan.next();
    ASSERT_TRUE(stretch) << stretch.error().what;
    ASSERT_FALSE(stretch->frames.empty());
    for (const auto& item : stretch->frames) EXPECT_EQ(number_of(stretch->frame(item)), number++);
  }
  EXPECT_TRUE(scan.next()->frames.empty()) << "it ends where the log ended when it began";
}

}  // namespace
}  // namespace quipu
