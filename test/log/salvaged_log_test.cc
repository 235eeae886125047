#include "log/salvaged_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <random>

#include "log/posix_log_disk.h"
#include "log/segment_world.h"

/// What can be read of a log that SegmentLog refuses.
namespace quipu {
namespace {

using testing::Eq;
using testing::HasSubstr;
using namespace testing_log;

constexpr SegmentNumber kOne{1};
constexpr SegmentNumber kTwo{2};
constexpr SegmentNumber kThree{3};

/// Three segments with several groups each, and a spare. The log itself is closed.
class Salvage : public testing::Test {
 protected:
  Salvage() {
    EXPECT_EQ(world_.open(), "");
    while (world_.log->stats().segments < 3) world_.write_group(3, 1'500);
    for (int i = 0; i < 4; ++i) world_.write_group(2, 2'500);
    world_.log.reset();
    last_ = world_.next - 1;
    before_ = world_.disk;
    options_.identity = world_.options.identity;
    options_.partitions = world_.options.partitions;
  }

  Bytes& bytes(SegmentNumber segment) { return world_.disk.bytes(segment); }
  void counted(std::uint64_t offset) { options_.counted = options_.counted_newest = Offset{offset}; }
  SalvagedLog salvage() {
    auto log = SalvagedLog::open(&world_.disk, options_);
    EXPECT_TRUE(log) << log.error().what;
    return std::move(*log);
  }
  /// The group in the middle of a segment, after one byte of its frames was altered.
  GroupHeader damage(SegmentNumber segment) {
    const auto groups = world_.groups(segment);
    const auto [at, header] = groups[groups.size() / 2];
    bytes(segment)[at + kGroupHeaderBytes + header.bytes / 2] ^= std::byte{1};
    return header;
  }
  /// Whether exactly the frames of these offsets come, in this order, whatever is read at once.
  static void expect_reads(SalvagedLog& log, const std::vector<std::uint64_t>& offsets) {
    for (const std::size_t bytes_max : {1, 5'000, 1 << 20}) {
      const auto read = read_all(log, std::nullopt, Offset{1}, bytes_max);
      ASSERT_TRUE(read) << read.error().what;
      std::vector<std::uint64_t> seen;
      for (const Said& said : *read) {
        EXPECT_EQ(said.number, said.offset.value);
        seen.push_back(said.offset.value);
      }
      EXPECT_EQ(seen, offsets);
    }
  }
  static std::vector<std::uint64_t> range(std::uint64_t from, std::uint64_t to) {
    std::vector<std::uint64_t> offsets;
    for (auto offset = from; offset <= to; ++offset) offsets.push_back(offset);
    return offsets;
  }
  static std::vector<std::uint64_t> joined(std::vector<std::uint64_t> a, const std::vector<std::uint64_t>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  }

  SegmentWorld world_;
  SalvageOptions options_;
  std::uint64_t last_ = 0;
  MemoryLogDisk before_;
};

TEST_F(Salvage, ReadsASoundLogToItsEnd) {
  auto log = salvage();
  EXPECT_FALSE(log.lost());
  EXPECT_FALSE(log.passed_over());
  EXPECT_EQ(log.bounds({}).end, Offset{last_ + 1});
  expect_reads(log, range(1, last_));
  const auto one = read_all(log, PartitionId{2}, Offset{1});
  ASSERT_TRUE(one);
  EXPECT_EQ(one->size(), static_cast<std::size_t>(last_ / 4 + (last_ % 4 >= 2 ? 1 : 0)));
}

TEST_F(Salvage, StopsBeforeTheFirstDamageAndNamesAllThatIsGivenUp) {
  const auto group = damage(kTwo);
  auto log = salvage();
  expect_reads(log, range(1, group.first.value - 1));
  EXPECT_EQ(log.bounds({}).end, group.first);
  ASSERT_TRUE(log.lost());
  EXPECT_EQ(log.lost()->from, group.first);
  EXPECT_EQ(log.lost()->to, Offset{last_});
  EXPECT_TRUE(log.lost()->certain());
  EXPECT_THAT(log.lost()->reason, Eq("segment-2, byte " + std::to_string(group.at) +
                                     ": the checksum of the group's frames does not match; offset " +
                                     std::to_string(group.first.value) + " should be here"));
}

TEST_F(Salvage, PassesOverDamageBelowWhatIsCounted) {
  const auto group = damage(kOne);
  counted(group.end().value - 1);
  auto log = salvage();
  expect_reads(log, joined(range(1, group.first.value - 1), range(group.end().value, last_)));
  EXPECT_FALSE(log.lost());
  ASSERT_TRUE(log.passed_over());
  EXPECT_EQ(log.passed_over()->from, group.first);
  EXPECT_EQ(log.passed_over()->to, Offset{group.end().value - 1});
}

TEST_F(Salvage, AHoleThatBeginsBelowWhatIsCountedIsLostFromThereOn) {
  const auto group = damage(kTwo);
  ASSERT_GT(group.frames, 1u);
  counted(group.first.value);
  auto log = salvage();
  ASSERT_TRUE(log.lost());
  EXPECT_EQ(log.lost()->from, Offset{group.first.value + 1});
  EXPECT_EQ(log.bounds({}).end, Offset{group.first.value + 1});
}

TEST_F(Salvage, NeedsNoHeadersOfSegments) {
  for (const auto segment : {kOne, kTwo, kThree}) {
    std::fill_n(bytes(segment).begin(), kBlockBytes, std::byte{0x5a});
  }
  auto log = salvage();
  EXPECT_FALSE(log.lost());
  expect_reads(log, range(1, last_));
}

TEST_F(Salvage, AMissingSegmentIsAHole) {
  const auto first = world_.groups(kTwo).front().second.first;
  const auto behind = world_.groups(kThree).front().second.first;
  ASSERT_TRUE(world_.disk.remove(kTwo));
  auto log = salvage();
  expect_reads(log, range(1, first.value - 1));
  ASSERT_TRUE(log.lost());
  EXPECT_EQ(log.lost()->from, first);
  EXPECT_THAT(log.lost()->reason, HasSubstr("missing"));
  counted(behind.value - 1);
  auto more = salvage();
  EXPECT_FALSE(more.lost());
  expect_reads(more, joined(range(1, first.value - 1), range(behind.value, last_)));
}

TEST_F(Salvage, ATrimmedBeginningIsNoHole) {
  const auto behind = world_.groups(kTwo).front().second.first;
  ASSERT_TRUE(world_.disk.remove(kOne));
  counted(behind.value - 1);
  auto log = salvage();
  EXPECT_FALSE(log.lost());
  EXPECT_FALSE(log.passed_over());
  expect_reads(log, range(behind.value, last_));
  counted(behind.value - 2);
  EXPECT_TRUE(salvage().lost());
}

TEST_F(Salvage, ATornTailIsGivenUpWithoutSayingThatSomethingWasThere) {
  const auto group = world_.groups(kThree).back().second;
  auto& file = bytes(kThree);
  std::fill(file.begin() + static_cast<std::ptrdiff_t>(group.at), file.end(), std::byte{0});
  file[group.at + 700] = std::byte{7};
  auto log = salvage();
  expect_reads(log, range(1, group.first.value - 1));
  ASSERT_TRUE(log.lost());
  EXPECT_FALSE(log.lost()->certain());
  EXPECT_EQ(log.lost()->from, group.first);
}

TEST_F(Salvage, AnEndBelowWhatIsCountedGoesOnBehindThat) {
  counted(last_ + 10);
  auto log = salvage();
  EXPECT_EQ(log.bounds({}).end, Offset{last_ + 11});
  expect_reads(log, range(1, last_));
  ASSERT_TRUE(log.lost());
  EXPECT_EQ(log.lost()->from, Offset{last_ + 11});
  EXPECT_FALSE(log.lost()->certain());
}

TEST_F(Salvage, ALogOfAnotherIdentityReadsAsNothing) {
  options_.identity = sample_identity(2);
  auto log = salvage();
  expect_reads(log, {});
  ASSERT_TRUE(log.lost());
  EXPECT_THAT(log.lost()->reason, HasSubstr("belongs to another log"));
}

TEST_F(Salvage, NoLogAtAllReadsAsNothing) {
  counted(7);
  for (MemoryLogDisk empty; LogDisk * disk : {static_cast<LogDisk*>(nullptr), static_cast<LogDisk*>(&empty)}) {
    auto log = SalvagedLog::open(disk, options_);
    ASSERT_TRUE(log) << log.error().what;
    EXPECT_EQ(log->bounds({}).end, Offset{8});
    ASSERT_TRUE(log->lost());
    expect_reads(*log, {});
  }
}

TEST_F(Salvage, ABeginningOfALogWithNothingInItIsNoLoss) {
  SegmentWorld fresh;
  ASSERT_EQ(fresh.open(), "");
  fresh.log.reset();
  const auto log = SalvagedLog::open(&fresh.disk, options_);
  ASSERT_TRUE(log);
  EXPECT_FALSE(log->lost());
  EXPECT_EQ(log->bounds({}).end, Offset{1});
}

TEST_F(Salvage, WhatCanNotBeReadIsGivenUpAndNamed) {
  const auto behind = world_.groups(kTwo).front().second.first;
  std::uint64_t reads = 0;
  world_.disk.spoil_read = [&](std::span<std::byte>) { return ++reads > 0; };
  ASSERT_TRUE(SalvagedLog::open(&world_.disk, options_));
  const auto all = reads;
  // Every read of the first segment fails: the window, and then each block alone.
  world_.disk.spoil_read = [](std::span<std::byte>) { return false; };
  auto log = salvage();
  ASSERT_TRUE(log.lost());
  EXPECT_FALSE(log.lost()->certain());
  EXPECT_THAT(log.lost()->reason, HasSubstr("segment-1: reading: Input/output error"));
  EXPECT_EQ(log.bounds({}).end, Offset{1});
  EXPECT_LT(all, 20u) << "what can be read is read in large pieces";
  world_.disk.spoil_read = nullptr;
  bytes(kOne).resize(100);
  auto shortened = salvage();
  ASSERT_TRUE(shortened.lost());
  EXPECT_EQ(shortened.lost()->from, Offset{1});
  EXPECT_THAT(shortened.lost()->reason, HasSubstr("segment-1, byte 0: the file has only 100 bytes"));
  counted(behind.value - 1);
  auto rest = salvage();
  EXPECT_FALSE(rest.lost());
  expect_reads(rest, range(behind.value, last_));
}

TEST_F(Salvage, ADirectoryThatCanNotBeListedReadsAsNothing) {
  std::string directory = testing::TempDir() + "/quipu-salvage-XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  PosixLogDiskOptions only_read;
  only_read.only_read = true;
  const auto disk = PosixLogDisk::open(directory, only_read);
  ASSERT_TRUE(disk) << disk.error().what;
  std::filesystem::remove(directory);
  auto log = SalvagedLog::open(disk->get(), options_);
  ASSERT_TRUE(log) << log.error().what;
  ASSERT_TRUE(log->lost());
  EXPECT_THAT(log->lost()->reason, HasSubstr("reading " + directory));
}

TEST_F(Salvage, AGroupThatWasCopiedOverAnotherIsNotReadInItsPlace) {
  const auto groups = world_.groups(kTwo);
  auto& file = bytes(kTwo);
  std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(groups[1].first), kBlockBytes,
              file.begin() + static_cast<std::ptrdiff_t>(groups[2].first));
  auto log = salvage();
  expect_reads(log, range(1, groups[2].second.first.value - 1));
  ASSERT_TRUE(log.lost());
  EXPECT_THAT(log.lost()->reason,
              Eq("segment-2, byte " + std::to_string(groups[2].first) + ": a group of another place"));
}

TEST_F(Salvage, FramesOfAnotherLogAreNotCounted) {
  SegmentWorld other;  // Its groups are its own, and the frames in them are not.
  other.options.identity = options_.identity = sample_identity(9);
  ASSERT_EQ(other.open(), "");
  other.write_group(3);
  other.log.reset();
  auto log = SalvagedLog::open(&other.disk, options_);
  ASSERT_TRUE(log) << log.error().what;
  expect_reads(*log, {});
  ASSERT_TRUE(log->lost());
  EXPECT_THAT(log->lost()->reason, HasSubstr("offset 1: a frame of another log"));
  EXPECT_EQ(log->lost()->to, Offset{3});
}

TEST_F(Salvage, FramesOfPartitionsThatTheLogDoesNotHaveAreNotCounted) {
  options_.partitions = 2;
  auto log = salvage();
  expect_reads(log, {});
  ASSERT_TRUE(log.lost());
  EXPECT_THAT(log.lost()->reason, HasSubstr("a frame of no partition"));
}

TEST_F(Salvage, AScanReadsTheSame) {
  auto log = salvage();
  const auto scan = log.scan(Offset{1}, 5'000);
  auto expected = std::uint64_t{1};
  for (auto read = scan->next(); !read->frames.empty(); read = scan->next()) {
    for (const auto& item : read->frames) EXPECT_EQ(item.offset.value, expected++);
  }
  EXPECT_EQ(expected, last_ + 1);
}

TEST_F(Salvage, TakesNothing) {
  auto log = salvage();
  EXPECT_EQ(log.identity(), options_.identity);
  EXPECT_EQ(log.partitions(), options_.partitions);
  EXPECT_TRUE(log.commits_atomically());
  EXPECT_FALSE(log.reserve(PartitionId{0}));
  EXPECT_EQ(log.group_bytes_max(), 0u);
  log.allow_trim(Offset{last_});
  log.commit();
  EXPECT_FALSE(log.committing());
  std::vector<LogCompletion> done;
  log.take_completions(done);
  EXPECT_TRUE(done.empty());
  EXPECT_EQ(log.room_bytes(), 0u);
  EXPECT_EQ(log.submit(PartitionId{0}, sample_frame(0, 1), 1).error().code, Code::kRefused);
}

TEST_F(Salvage, WhateverIsAlteredWhatItReadsIsWhatWasWritten) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 200; ++round) {
    world_.disk = before_;
    for (int i = 0; i < 3; ++i) {
      auto& file = bytes(SegmentNumber{1 + random() % 3});
      const auto at = random() % file.size();
      const auto size = std::min<std::size_t>(1 + random() % 9'000, file.size() - at);
      for (std::size_t k = 0; k < size; ++k) file[at + k] ^= static_cast<std::byte>(random());
    }
    counted(random() % last_);
    auto log = salvage();
    const auto read = read_all(log, std::nullopt, Offset{1}, 20'000);
    ASSERT_TRUE(read) << read.error().what;
    auto expected = options_.counted.value + 1;
    for (const Said& said : *read) {
      ASSERT_EQ(said.number, said.offset.value);
      ASSERT_EQ(said.partition.value, said.offset.value % 4);
      if (said.offset <= options_.counted) continue;
      ASSERT_EQ(said.offset.value, expected) << "above what is counted there is no hole";
      ++expected;
    }
    EXPECT_EQ(log.bounds({}).end.value, expected);
    if (expected <= last_) {
      EXPECT_TRUE(log.lost());
    } else {  // What was altered behind the end may have been a write that was under way.
      EXPECT_FALSE(log.lost() && log.lost()->certain());
    }
  }
}

}  // namespace
}  // namespace quipu
