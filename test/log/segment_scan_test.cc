#include "log/segment_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "log/segment_world.h"

namespace quipu {
namespace {

using testing::HasSubstr;
using namespace testing_log;

/// Everything that the walk gives; the first error else. `stretches`: how many were needed.
Result<std::vector<Said>> all_of(LogScan& scan, std::size_t& stretches) {
  std::vector<Said> all;
  for (stretches = 0;; ++stretches) {
    const auto read = scan.next();
    if (!read) return std::unexpected(read.error());
    if (read->frames.empty()) return all;
    for (const auto& item : read->frames) all.push_back({item.partition, item.offset, number_of(read->frame(item))});
    EXPECT_EQ(read->next.value, all.back().offset.value + 1);
  }
}

/// The same, and each stretch is given back, full of something else.
Result<std::vector<Said>> all_of_giving_back(LogScan& scan) {
  std::vector<Said> all;
  while (true) {
    auto read = scan.next();
    if (!read) return std::unexpected(read.error());
    if (read->frames.empty()) return all;
    for (const auto& item : read->frames) all.push_back({item.partition, item.offset, number_of(read->frame(item))});
    std::fill(read->bytes.begin(), read->bytes.end(), std::byte{0x5a});
    scan.give_back(std::move(*read));
  }
}

/// A log of 300 groups of one to three frames over some segments, none of it in memory.
void fill(SegmentWorld& world) {
  world.options.tail_bytes = 0;
  ASSERT_EQ(world.open(), "");
  for (int i = 0; i < 300; ++i) world.write_group(1 + i % 3, 2'000);
  ASSERT_GE(world.disk.segments().size(), 3u);
}

TEST(SegmentScan, GivesWhatReadGivesFromAnyOffset) {
  SegmentWorld world;
  fill(world);
  for (const std::uint64_t from : {1u, 2u, 3u, 299u, 400u, 598u, 599u, 600u}) {
    const auto expected = read_all(*world.log, std::nullopt, Offset(from));
    ASSERT_TRUE(expected);
    std::size_t stretches = 0;
    const auto scan = world.log->scan(Offset(from), 64 << 10);
    const auto found = all_of(*scan, stretches);
    ASSERT_TRUE(found) << found.error().what;
    EXPECT_EQ(*found, *expected) << "from " << from;
  }
}

TEST(SegmentScan, WhatIsGivenBackIsMemoryAlone) {
  SegmentWorld world;
  fill(world);
  const auto expected = read_all(*world.log, std::nullopt, Offset(2));
  ASSERT_TRUE(expected);
  for (const std::size_t bytes : {1U, 5'000U, 64U << 10}) {
    const auto found = all_of_giving_back(*world.log->scan(Offset(2), bytes));
    ASSERT_TRUE(found) << found.error().what;
    EXPECT_EQ(*found, *expected) << bytes << " bytes a stretch";
  }
}

TEST(SegmentScan, ReadsNothingOfTheDiskTwice) {
  SegmentWorld world;
  fill(world);
  const auto reads_of = [&](std::size_t bytes) {
    const auto before = world.disk.reads();
    std::size_t stretches = 0;
    EXPECT_TRUE(all_of(*world.log->scan(Offset(1), bytes), stretches));
    return world.disk.reads() - before;
  };
  EXPECT_EQ(reads_of(1), reads_of(64 << 20)) << "a stretch for each group, and one for all";
}

TEST(SegmentScan, GivesStretchesOfTheSizeThatWasAskedFor) {
  SegmentWorld world;
  fill(world);
  std::size_t small = 0;
  std::size_t large = 0;
  EXPECT_EQ(all_of(*world.log->scan(Offset(1), 1), small)->size(), 600u);
  EXPECT_EQ(all_of(*world.log->scan(Offset(1), 64 << 20), large)->size(), 600u);
  EXPECT_EQ(small, 300u) << "a group each";
  EXPECT_EQ(large, 1u);
}

TEST(SegmentScan, PassesOverWhatIsBeforeItsOffsetByTheHeadersAlone) {
  SegmentWorld world;
  world.options.segment_bytes = 32 << 20;
  world.options.tail_bytes = 0;
  ASSERT_EQ(world.open(), "");
  for (int i = 0; i < 10; ++i) world.write_group(1, 400'000);
  ASSERT_EQ(world.open(), "");  // It remembers a place for every MiB.
  // A byte of a group's body that only a read of the whole group would meet.
  world.disk.bytes(SegmentNumber(1))[world.groups(SegmentNumber(1)).at(6).first + 100'000] ^= std::byte{1};
  std::size_t stretches = 0;
  EXPECT_EQ(all_of(*world.log->scan(Offset(8), 64 << 10), stretches)->size(), 3u);
  EXPECT_FALSE(all_of(*world.log->scan(Offset(7), 64 << 10), stretches));
}

TEST(SegmentScan, EndsWhereTheLogEndedWhenItBegan) {
  SegmentWorld world;
  fill(world);
  const auto scan = world.log->scan(Offset(599), 64 << 10);
  world.write_group(5);
  std::size_t stretches = 0;
  EXPECT_EQ(all_of(*scan, stretches)->size(), 2u);
}

TEST(SegmentScan, OfAnEmptyLogIsEmpty) {
  SegmentWorld world;
  ASSERT_EQ(world.open(), "");
  std::size_t stretches = 0;
  EXPECT_EQ(all_of(*world.log->scan(Offset(1), 64 << 10), stretches)->size(), 0u);
}

TEST(SegmentScan, TellsWhereBytesAreNotWhatWasWritten) {
  SegmentWorld world;
  fill(world);
  const auto third = world.groups(SegmentNumber(1)).at(2).first;
  world.disk.bytes(SegmentNumber(1))[third + kGroupHeaderBytes + 100] ^= std::byte{1};
  std::size_t stretches = 0;
  const auto damaged = all_of(*world.log->scan(Offset(1), 1), stretches);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, Code::kDamaged);
  EXPECT_THAT(damaged.error().what, HasSubstr("segment-1, byte " + std::to_string(third)));
  EXPECT_THAT(damaged.error().what, HasSubstr("offset 4"));
}

TEST(SegmentScan, OfALogThatChecksItsTailLaterReadsWhatLiesBehindTheEndToo) {
  SegmentWorld world;
  fill(world);
  const auto last = world.next - 1;
  // A torn write that nobody was told of, in the spare.
  const auto spare = world.disk.segments().rbegin()->first;
  world.log.reset();
  world.disk.bytes(spare)[5 * kBlockBytes + 7] = std::byte{1};
  world.options.check_tail_later = true;
  ASSERT_EQ(world.open(), "");
  EXPECT_FALSE(world.log->cut());
  std::size_t stretches = 0;
  const auto scan = world.log->scan(Offset(1), 64 << 10);
  for (auto read = scan->next(); !read->frames.empty(); read = scan->next()) ++stretches;
  EXPECT_GT(stretches, 3u);
  ASSERT_TRUE(world.log->cut());
  EXPECT_EQ(world.log->cut()->segment, spare);
  EXPECT_EQ(world.log->cut()->at, 5 * kBlockBytes);
  EXPECT_EQ(world.log->cut()->bytes, kBlockBytes);
  EXPECT_EQ(world.disk.bytes(spare)[5 * kBlockBytes + 7], std::byte{1}) << "zeros are written by the owner";
  world.write_group();
  EXPECT_EQ(world.disk.bytes(spare)[5 * kBlockBytes + 7], std::byte{0});
  world.expect_holds(last + 1);
}

TEST(SegmentScan, ALogWhoseTailNobodyCheckedChecksItBeforeItsFirstFrame) {
  SegmentWorld world;
  fill(world);
  const auto spare = world.disk.segments().rbegin()->first;
  world.log.reset();
  world.disk.bytes(spare)[7] = std::byte{1};
  world.options.check_tail_later = true;
  ASSERT_EQ(world.open(), "");
  world.write_group();
  EXPECT_EQ(world.disk.bytes(spare)[7], std::byte{0});
  EXPECT_TRUE(world.log->cut());
}

}  // namespace
}  // namespace quipu
