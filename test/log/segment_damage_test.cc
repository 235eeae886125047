#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "log/segment_world.h"

/// What lies on the disk is not what was written. A torn tail is cut; everything else is refused and named.
namespace quipu {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using namespace testing_log;

constexpr SegmentNumber kOne{1};
constexpr SegmentNumber kTwo{2};
constexpr SegmentNumber kThree{3};
constexpr SegmentNumber kFour{4};

/// Three segments with several groups each, and a spare. The log itself is closed. With and without what lies behind
/// the log's end being looked at later, by a scan.
class SegmentDamage : public testing::TestWithParam<bool> {
 protected:
  SegmentDamage() {
    world_.options.check_tail_later = GetParam();
    world_.write_three_segments();
    last_ = world_.next - 1;
    before_ = world_.disk;
    const auto groups = world_.groups(kThree);
    last_group_ = groups.back().second;
    EXPECT_GE(groups.size(), 5u);
  }

  void restore() {
    world_.log.reset();
    world_.disk = before_;
  }
  Bytes& bytes(SegmentNumber segment) { return world_.disk.bytes(segment); }
  /// The error's text, or "": of opening, and of the end of a scan.
  std::string open() {
    auto error = world_.open();
    if (!error.empty() || !GetParam()) return error;
    const auto scan = world_.log->scan(world_.log->bounds({}).end, 1);
    const auto end = scan->next();
    if (end) return "";
    // Nothing is written to it any more.
    const auto refused = world_.log->submit(PartitionId(0), sample_frame(0, world_.next), 1);
    EXPECT_EQ(refused.error().what, end.error().what);
    EXPECT_EQ(world_.log->room_bytes(), 0u);
    return end.error().what;
  }

  void expect_refused(const std::string& what) {
    const auto error = open();
    EXPECT_THAT(error, HasSubstr(what));
    EXPECT_THAT(error, HasSubstr("segment-"));
  }
  /// The last group is gone and nothing else, and the log goes on.
  void expect_cut() {
    ASSERT_EQ(open(), "");
    world_.expect_holds(last_group_.first.value - 1);
    EXPECT_TRUE(world_.log->cut());
    if (!GetParam()) expect_zeros_from(last_group_.at);
    world_.next = last_group_.first.value;
    world_.write_group();
    world_.expect_holds(last_group_.first.value);
    // Nothing of the torn one is left that a later group could stand before.
    const auto [at, group] = world_.groups(kThree).back();
    expect_zeros_from(at + group.total_bytes());
    EXPECT_TRUE(world_.log->cut());
  }
  void expect_zeros_from(std::uint64_t at) {
    const auto& file = world_.disk.segments().at(kThree);
    EXPECT_EQ(std::count(file.begin() + static_cast<std::ptrdiff_t>(at), file.end(), std::byte{0}),
              static_cast<std::ptrdiff_t>(file.size() - at));
  }

  SegmentWorld world_;
  std::uint64_t last_ = 0;
  MemoryLogDisk before_;
  GroupHeader last_group_;
};

TEST_P(SegmentDamage, NoneIsFound) {
  ASSERT_EQ(open(), "");
  EXPECT_FALSE(world_.log->cut());
  world_.expect_holds(last_);
}

TEST_P(SegmentDamage, ATailThatStopsAtAnySectorOrByteIsCut) {
  std::mt19937_64 random(1);
  const auto begin = last_group_.at;
  const auto end = begin + kGroupHeaderBytes + last_group_.bytes;  // Behind it are zeros anyway.
  std::vector<std::uint64_t> stops;
  for (auto at = begin; at < end; at += 512) stops.push_back(at);
  for (int i = 0; i < 100; ++i) stops.push_back(begin + random() % (end - 1 - begin));
  for (const auto at : stops) {
    restore();
    auto& file = bytes(kThree);
    std::fill(file.begin() + static_cast<std::ptrdiff_t>(at), file.end(), std::byte{0});
    ASSERT_EQ(open(), "") << at;
    world_.expect_holds(last_group_.first.value - 1);
    EXPECT_EQ(world_.log->cut().has_value(), at > begin) << at;
  }
}

TEST_P(SegmentDamage, AnySectorOfTheLastGroupThatIsLostOrScrambledCutsIt) {
  std::mt19937_64 random(2);
  for (auto at = last_group_.at; at < last_group_.at + last_group_.total_bytes(); at += 512) {
    for (const bool zero : {true, false}) {
      restore();
      auto& file = bytes(kThree);
      bool changed = false;
      for (std::size_t i = 0; i < 512; ++i) {
        const auto value = zero ? std::byte{0} : static_cast<std::byte>(random());
        changed |= file[at + i] != value;
        file[at + i] = value;
      }
      if (changed) expect_cut();
    }
  }
}

TEST_P(SegmentDamage, AnyTailThatStopsEarlierIsRefusedWhenTheStoreKnowsMore) {
  for (const auto& [at, group] : world_.groups(kThree)) {
    restore();
    auto& file = bytes(kThree);
    std::fill(file.begin() + static_cast<std::ptrdiff_t>(at), file.end(), std::byte{0});
    world_.options.known_durable = group.first;
    expect_refused("but offset " + std::to_string(group.first.value) + " was acknowledged");
    world_.options.known_durable = Offset(group.first.value - 1);
    EXPECT_EQ(open(), "");
  }
}

TEST_P(SegmentDamage, OneFlippedBitAnywhereIsFoundOrHarmless) {
  std::mt19937_64 random(3);
  int refused = 0;
  int cut = 0;
  int harmless = 0;
  for (int round = 0; round < 1'500; ++round) {
    restore();
    const SegmentNumber segment(1 + random() % 4);
    const auto groups = world_.groups(segment);
    const auto used = groups.empty() ? 0 : groups.back().second.at + groups.back().second.total_bytes();
    const auto at = random() % kSegmentBytesMin;
    bytes(segment)[at] ^= static_cast<std::byte>(1u << (random() % 8));
    const auto error = open();
    if (segment == kThree && at >= last_group_.at && at < used) {
      ASSERT_EQ(error, "") << at;
      world_.expect_holds(last_group_.first.value - 1);
      ++cut;
    } else if (at >= used) {
      ASSERT_EQ(error, "") << segment.value << ": " << at;
      world_.expect_holds(last_);
      ++harmless;
    } else {
      // The newest segment is checked when it is opened, the others at their edges then and wholly when they are read.
      std::string found = error;
      if (found.empty()) {
        const auto read = world_.all();
        ASSERT_FALSE(read) << segment.value << ": " << at;
        ASSERT_EQ(read.error().code, Code::kDamaged);
        found = read.error().what;
      }
      const auto group_at = at / kBlockBytes * kBlockBytes;
      ASSERT_THAT(found, HasSubstr(world_.disk.name(segment) + ", byte ")) << group_at;
      ASSERT_TRUE(segment != kThree || !error.empty()) << at;
      ++refused;
    }
  }
  EXPECT_GT(refused, 300);
  EXPECT_GT(cut, 10);
  EXPECT_GT(harmless, 100);
}

TEST_P(SegmentDamage, ADamagedGroupBeforeTheLastNamesItsPlaceAndOffset) {
  const auto groups = world_.groups(kThree);
  const auto& [at, group] = groups[groups.size() - 2];
  bytes(kThree)[at + 200] ^= std::byte{4};
  const auto copy = world_.disk.segments();
  expect_refused("segment-3, byte " + std::to_string(at));
  const auto error = open();
  EXPECT_THAT(error, HasSubstr("offset " + std::to_string(group.first.value)));
  EXPECT_THAT(error, HasSubstr("offset " + std::to_string(last_group_.first.value)));
  EXPECT_EQ(world_.disk.segments(), copy) << "nothing is changed when it is refused";
}

TEST_P(SegmentDamage, ABlockCopiedOverAnotherIsFound) {
  const auto groups = world_.groups(kThree);
  const auto copy_block = [&](std::uint64_t from, std::uint64_t to) {
    auto& file = bytes(kThree);
    std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(from), kBlockBytes,
                file.begin() + static_cast<std::ptrdiff_t>(to));
  };
  copy_block(groups[1].first, groups[2].first);
  expect_refused("segment-3, byte " + std::to_string(groups[2].first));
  restore();
  // A sound group behind the end is not a later one, wherever it was copied from.
  copy_block(groups[1].first, groups.back().first + last_group_.total_bytes());
  ASSERT_EQ(open(), "");
  world_.expect_holds(last_);
}

TEST_P(SegmentDamage, AMissingSegmentIsNamed) {
  world_.disk.drop_segment(kTwo);
  expect_refused("segment-2, byte 0: the segment is missing");
}

TEST_P(SegmentDamage, TwoSwappedSegmentsAreNamed) {
  std::swap(bytes(kOne), bytes(kTwo));
  expect_refused("segment-1, byte 0: this is segment 2 in another's place");
}

TEST_P(SegmentDamage, AForeignSegmentIsNamed) {
  SegmentWorld other;
  other.options.identity = sample_identity(9);
  ASSERT_EQ(other.open(), "");
  while (other.log->stats().segments < 2) other.write_group(3, 1'500);
  other.log.reset();
  world_.disk.put_segment(kTwo, other.disk.bytes(kTwo));
  expect_refused("segment-2, byte 0: the segment belongs to another log");
}

TEST_P(SegmentDamage, AnotherGenerationIsRefused) {
  world_.options.identity.generation = Generation(2);
  expect_refused("generation 1, this one has 2");
}

TEST_P(SegmentDamage, AnOlderCopyOfASegmentIsNamed) {
  // Segment 2 as it was when its last group was not yet written.
  const auto groups = world_.groups(kTwo);
  auto& file = bytes(kTwo);
  std::fill(file.begin() + static_cast<std::ptrdiff_t>(groups.back().first), file.end(), std::byte{0});
  expect_refused("segment-2, byte " + std::to_string(groups.back().first));
  EXPECT_THAT(open(), HasSubstr("segment-3 begins with offset"));
}

TEST_P(SegmentDamage, AnOlderCopyOfTheLastSegmentIsRefusedWhenTheStoreKnowsMore) {
  auto& file = bytes(kThree);
  std::fill(file.begin() + static_cast<std::ptrdiff_t>(last_group_.at), file.end(), std::byte{0});
  world_.options.known_durable = Offset(last_);
  expect_refused("frames are lost");
}

TEST_P(SegmentDamage, ADamagedHeaderOfASegmentIsRefused) {
  for (const auto segment : {kOne, kTwo, kThree}) {
    restore();
    bytes(segment)[48] ^= std::byte{1};
    const auto error = open();
    EXPECT_THAT(error, AnyOf(HasSubstr(world_.disk.name(segment) + ", byte 0"),
                             HasSubstr("but " + world_.disk.name(segment) + ", byte")));
  }
}

TEST_P(SegmentDamage, AShortenedSegmentIsRefusedAndAShortSpareMadeAnew) {
  bytes(kThree).resize(kSegmentBytesMin - 512);
  expect_refused("segment-3, byte 0: the file has 65024 bytes, its header says 65536");
  restore();
  bytes(kTwo).resize(100);
  expect_refused("segment-2, byte 0: the file has only 100 bytes, though sound segments follow");
  restore();
  for (const std::size_t size : {std::size_t{0}, std::size_t{100}, std::size_t{8'192}}) {
    bytes(kFour).resize(size);
    ASSERT_EQ(open(), "");
    world_.expect_holds(last_);
    EXPECT_EQ(bytes(kFour).size(), kSegmentBytesMin);
  }
}

TEST_P(SegmentDamage, OldBytesInASpareAreNotReplayed) {
  const auto fill_spare = [&](const Bytes& from) {
    restore();
    bytes(kFour) = from;
    ASSERT_EQ(open(), "");
    world_.expect_holds(last_);
    while (world_.log->stats().segments < 4) world_.write_group(3, 1'500);
    ASSERT_EQ(open(), "");
    world_.expect_holds(world_.next - 1);
    world_.next = last_ + 1;
  };
  // Of another log, which numbered its segments alike: all but its header block, which would be refused by name.
  SegmentWorld other;
  other.options.identity = sample_identity(9);
  ASSERT_EQ(other.open(), "");
  while (other.log->stats().segments < 4) other.write_group(3, 1'500);
  other.log.reset();
  auto foreign = other.disk.bytes(kFour);
  std::fill_n(foreign.begin(), kBlockBytes, std::byte{0});
  fill_spare(foreign);
  // Of this log, from another segment.
  auto recycled = before_.segments().at(kTwo);
  std::fill_n(recycled.begin(), kBlockBytes, std::byte{0});
  fill_spare(recycled);
  Bytes noise(kSegmentBytesMin);
  std::mt19937_64 random(4);
  for (auto& byte : noise) byte = static_cast<std::byte>(random());
  fill_spare(noise);
}

TEST_P(SegmentDamage, ALaterGroupInTheNextSegmentShowsThatTheEndIsDamage) {
  ASSERT_EQ(open(), "");
  while (world_.log->stats().segments < 4) world_.write_group(3, 1'500);
  world_.write_group();
  world_.write_group();
  world_.log.reset();
  // The header of segment 4 and its first group are lost; its second is still there.
  std::fill_n(bytes(kFour).begin(), world_.groups(kFour).at(1).first, std::byte{0});
  expect_refused("but segment-4, byte");
}

TEST_P(SegmentDamage, ATornMoveToTheNextSegmentIsCutWhateverPartOfItIsThere) {
  ASSERT_EQ(open(), "");
  while (world_.log->stats().segments < 4) world_.write_group(3, 6'000);
  const auto groups = world_.groups(kFour);
  ASSERT_EQ(groups.size(), 1u);
  world_.log.reset();
  const auto after = world_.disk;
  const auto size = kBlockBytes + groups[0].second.total_bytes();
  std::mt19937_64 random(6);
  for (int round = 0; round < 60; ++round) {
    world_.log.reset();
    world_.disk = after;
    bool whole = true;
    for (std::size_t at = 0; at < size; at += 512) {
      // Alone the group, alone the header, then any pieces.
      const bool lost = round == 0 ? at < kBlockBytes : round == 1 ? at >= kBlockBytes : random() % 3 == 0;
      if (!lost) continue;
      for (std::size_t i = at; i < at + 512; ++i) {
        whole &= bytes(kFour)[i] == std::byte{0};
        bytes(kFour)[i] = std::byte{0};
      }
    }
    ASSERT_EQ(open(), "") << round;
    const auto last = whole ? groups[0].second.end().value - 1 : groups[0].second.first.value - 1;
    world_.expect_holds(last);
    world_.next = last + 1;
    world_.write_group(3, 6'000);
    ASSERT_EQ(open(), "");
    world_.expect_holds(last + 3);
  }
}

TEST_P(SegmentDamage, ALogThatIsGoneIsRefusedWhenTheStoreKnowsOfIt) {
  for (std::uint64_t i = 1; i <= 4; ++i) world_.disk.drop_segment(SegmentNumber(i));
  world_.options.known_durable = Offset(5);
  expect_refused("offset 5 was acknowledged");
  restore();
  world_.options.known_durable = Offset{};
  for (const auto segment : {kOne, kTwo, kThree}) world_.disk.drop_segment(segment);
  expect_refused("there were segments before this one");
}

TEST(SegmentBadRead, AReadThatFailsWhileItOpensIsNoTornTail) {
  SegmentWorld world;
  ASSERT_EQ(world.open(), "");
  for (int i = 0; i < 3; ++i) world.write_group(2);
  const auto last = world.next - 1;
  ASSERT_EQ(world.open(), "");
  world.log.reset();
  bool opened = false;
  std::uint64_t failed = 0;
  for (; !opened; ++failed) {
    ASSERT_LT(failed, 100u);
    std::uint64_t reads = 0;
    world.disk.spoil_read = [&](std::span<std::byte>) { return reads++ != failed; };
    const auto error = world.open();
    opened = error.empty();
    EXPECT_THAT(error, AnyOf("", HasSubstr("Input/output error"))) << "read " << failed;
    world.log.reset();
    world.disk.spoil_read = nullptr;
    ASSERT_EQ(world.open(), "");
    world.expect_holds(last);
    world.log.reset();
  }
  EXPECT_GT(failed, 3u);
}

TEST(SegmentBadRead, TheLastGroupIsNotWrittenOnceMoreAsABadReadBroughtIt) {
  SegmentWorld world;
  ASSERT_EQ(world.open(), "");
  for (const int groups : {1, 2}) {
    world.write_group(groups);
    const auto last = world.next - 1;
    std::uint64_t reads = 0;
    world.disk.spoil_read = [&](std::span<std::byte>) { return ++reads > 0; };
    ASSERT_EQ(world.open(), "");
    // The last read of opening is that of the group; every bit in it counts, those of the first block too.
    for (const std::size_t at : {std::size_t{20}, std::size_t{4'096 + 100}}) {
      std::uint64_t now = 0;
      world.disk.spoil_read = [&](std::span<std::byte> bytes) {
        if (++now == reads && at < bytes.size()) bytes[at] ^= std::byte{4};
        return true;
      };
      static_cast<void>(world.open());
      world.log.reset();
      world.disk.spoil_read = nullptr;
      ASSERT_EQ(world.open(), "");
      world.expect_holds(last);
      world.log.reset();
    }
    ASSERT_EQ(world.open(), "");
  }
}

INSTANTIATE_TEST_SUITE_P(Tail, SegmentDamage, testing::Bool(),
                         [](const auto& tail) { return std::string(tail.param ? "CheckedLater" : "CheckedAtOnce"); });

}  // namespace
}  // namespace quipu
