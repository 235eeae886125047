#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>

#include "api/flushed_marks.h"
#include "api/hot_counters.h"
#include "api/known_totals.h"
#include "api/node_frames.h"
#include "log/memory_log.h"
#include "worker/shared_log.h"

namespace quipu {
namespace {

using testing_worker::LogView;
using testing_worker::SharedLog;

constexpr PartitionId kPartition{0};
constexpr TimeMs kNow = 1'700'000'000'000;

TEST(HotCounters, FindsTheHotOneAmongMoreThanItCanWatch) {
  HotCounters hot({.events_per_second = 1'000, .partitions = 4, .counters_max = 8});
  std::mt19937_64 random(1);
  hot.tick(kNow);
  bool was_hot = false;
  for (int ms = 1; ms <= 5'000; ++ms) {
    hot.tick(kNow + ms);
    for (int i = 0; i < 3; ++i) was_hot = hot.count(7);
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(hot.count(1'000 + random() % 100'000));
  }
  EXPECT_TRUE(was_hot);
  EXPECT_EQ(hot.hot(), 1U);
}

TEST(HotCounters, LetsACounterCoolDownAndHasTwoBars) {
  HotCounters hot({.events_per_second = 1'000, .partitions = 4, .counters_max = 8});
  auto now = kNow;
  const auto second = [&](int events) {
    bool was_hot = false;
    for (int i = 0; i < events; ++i) was_hot = hot.count(7);
    now += 1'000;
    hot.tick(now);
    return was_hot;
  };
  hot.tick(now);
  for (int i = 0; i < 12; ++i) second(900);
  EXPECT_EQ(hot.hot(), 0U);
  for (int i = 0; i < 12; ++i) second(1'100);
  EXPECT_EQ(hot.hot(), 1U);
  for (int i = 0; i < 12; ++i) second(600);
  EXPECT_EQ(hot.hot(), 1U);  // Below the bar, above half of it.
  for (int i = 0; i < 12; ++i) second(400);
  EXPECT_EQ(hot.hot(), 0U);
}

TEST(HotCounters, SpreadsNothingOverOnePartition) {
  HotCounters hot({.events_per_second = 1, .partitions = 1, .counters_max = 8});
  for (int i = 0; i < 5; ++i) {
    hot.tick(kNow + 1'000 * i);
    for (int n = 0; n < 100; ++n) EXPECT_FALSE(hot.count(7));
  }
}

class NodeFramesTest : public testing::Test {
 protected:
  NodeFramesTest() { identity.generation = Generation{1}; }
  static NodeFrames::Named named(std::string_view name, std::uint64_t routing) {
    return {routing, NamespaceId{0}, name};
  }
  std::vector<Entry> close() {
    bytes = frames.close(kPartition, spaces);
    const auto frame = decode_frame(bytes);
    EXPECT_TRUE(frame.has_value());
    std::vector<Entry> entries;
    auto all = frame->entries();
    for (Entry entry; all.next(entry);) entries.push_back(entry);
    return entries;
  }

  LogIdentity identity;
  NamespaceRegistry spaces = [] {
    NamespaceRegistry made(10, true, 1);
    made.restore("default");
    return made;
  }();
  NodeFrames frames{identity, 2, 7};
  Bytes bytes;
};

TEST_F(NodeFramesTest, AddsUpPlainEntriesOfOneCounterAndSecond) {
  frames.add_plain(kPartition, named("a", 1), 2, kNow, kNow);
  frames.add_plain(kPartition, named("b", 2), 1, kNow, kNow);
  frames.add_plain(kPartition, named("a", 1), 3, kNow + 1, kNow);
  frames.add_plain(kPartition, named("a", 1), 4, kNow + 1'000, kNow);
  const auto entries = close();
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].delta, 5);
  EXPECT_EQ(entries[0].events, 2U);
  EXPECT_EQ(entries[2].delta, 4);
}

TEST_F(NodeFramesTest, TellsCountersOfOneHashByTheirNames) {
  frames.add_plain(kPartition, named("a", 1), 2, kNow, kNow);
  frames.add_plain(kPartition, named("b", 1), 3, kNow, kNow);
  const auto entries = close();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].counter, "a");
  EXPECT_EQ(entries[1].counter, "b");
}

TEST_F(NodeFramesTest, AddsNothingToAnEntryBeforeAReset) {
  frames.add_plain(kPartition, named("a", 1), 2, kNow, kNow);
  EXPECT_FALSE(frames.has_reset(kPartition, 1));
  frames.add_reset(kPartition, named("a", 1), kNow, kNow);
  EXPECT_TRUE(frames.has_reset(kPartition, 1));
  frames.add_plain(kPartition, named("a", 1), 3, kNow, kNow);
  frames.add_plain(kPartition, named("a", 1), 4, kNow, kNow);
  const auto entries = close();
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[1].kind, EntryKind::kReset);
  EXPECT_EQ(entries[2].delta, 7);
  EXPECT_FALSE(frames.has_reset(kPartition, 1));
}

TEST_F(NodeFramesTest, DoesNotLetASumWrap) {
  frames.add_plain(kPartition, named("a", 1), std::numeric_limits<std::int64_t>::max(), kNow, kNow);
  frames.add_plain(kPartition, named("a", 1), 1, kNow, kNow);
  EXPECT_EQ(close().size(), 2U);
}

TEST_F(NodeFramesTest, TakesNoMoreBytesThanItSays) {
  std::mt19937_64 random(4);
  spaces.restore("other");
  for (int round = 0; round < 50; ++round) {
    std::size_t said = 0;
    for (auto size = 1 + random() % 40; size > 0; --size) {
      const std::string name(1 + random() % kCounterBytesMax, 'n');
      const NodeFrames::Named counter{random(), NamespaceId{static_cast<std::uint32_t>(random() % 2)}, name};
      const auto time = static_cast<TimeMs>(random());
      const auto delta = static_cast<std::int64_t>(random());
      switch (random() % 4) {
        case 0:
          frames.add_plain(kPartition, counter, delta, time, kNow);
          break;
        case 1:
          frames.add_with_id(kPartition, counter, delta, time, {{random(), random()}, 5}, kNow);
          break;
        case 2:
          frames.add_of_source(kPartition, counter, delta, time, {random(), random()}, 1 + random() % kSequenceMax,
                               kNow);
          break;
        default:
          frames.add_reset(kPartition, counter, time, kNow);
      }
      said += NodeFrames::entry_bytes(name.size());
    }
    EXPECT_LE(frames.bytes(kPartition), said);
    EXPECT_EQ(frames.bytes(), frames.bytes(kPartition));
    close();  // Checks that the frame is within what was said.
    EXPECT_EQ(frames.bytes(), 0U);
  }
}

class KnownTotalsTest : public testing::Test {
 protected:
  static MemoryLogOptions log_options() {
    MemoryLogOptions options;
    options.identity.generation = Generation{1};
    options.partitions = 2;
    return options;
  }
  /// The log has so many more frames.
  void grow(int frames) {
    FrameEncoder encoder;
    FrameHeader header;
    header.identity = log.identity();
    header.partition = kPartition;
    for (; frames > 0; --frames) {
      encoder.begin(header);
      ASSERT_TRUE(log.submit(kPartition, encoder.finish(), 1).has_value());
    }
    log.commit();
    log.deliver(log.bounds(kPartition).end.value + 100);
  }
  MemoryLog log{log_options()};
  FlushedMarks marks{log, 5'000};
};

TEST_F(KnownTotalsTest, TakesEachOwnEventAsInItsBaseOrNot) {
  KnownTotals known({}, log);
  grow(6);
  const NodeFrames::Named counter{7, NamespaceId{0}, "a"};
  EXPECT_TRUE(known.add(counter, 10, kPartition, 1, 1, kNow).wants_base);
  EXPECT_FALSE(known.add(counter, 20, kPartition, 2, 1, kNow).wants_base);  // Asked for this batch.
  EXPECT_TRUE(known.add(counter, 15, kPartition, 3, 2, kNow).wants_base);
  known.note(counter, 25, kPartition, 3);
  known.frame_done(1, Offset{5});
  known.frame_done(2, Offset{6});
  // The row reaches to offset 5: it has the first event, and 1,000 of others.
  CounterTotal total;
  total.value = 1'010;
  total.exists = true;
  total.shards = {{{Generation{1}, kPartition}, {1'010, 3, Epoch{}, Offset{5}, 0}}};
  known.rebase(counter, total, 0, marks, kNow);
  EXPECT_EQ(known.value(counter), 1'070);
  // A frame that is perhaps not in the log is left out with the next base.
  known.frame_done(3, std::nullopt);
  known.rebase(counter, total, 0, marks, kNow);
  EXPECT_EQ(known.value(counter), 1'030);
}

TEST_F(KnownTotalsTest, HoldsATotalAtTheEndOf64Bits) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  KnownTotals known({}, log);
  grow(2);
  const NodeFrames::Named counter{7, NamespaceId{0}, "a"};
  // No base is known, so none of them is refused.
  known.add(counter, kMost, kPartition, 1, 1, kNow);
  const auto second = known.add(counter, kMost, kPartition, 1, 1, kNow).place;
  known.add(counter, -100, kPartition, 2, 1, kNow);
  known.frame_done(1, Offset{1});
  known.frame_done(2, Offset{2});
  CounterTotal total;
  total.value = 5;
  total.exists = true;
  total.shards = {{{Generation{1}, kPartition}, {5, 1, Epoch{}, kNoOffset, 0}}};
  known.rebase(counter, total, 0, marks, kNow);
  EXPECT_EQ(known.value(counter, second), kMost);
  EXPECT_EQ(known.value(counter), kMost);
  EXPECT_TRUE(known.add(counter, 1, kPartition, 3, 2, kNow).overflows);
  EXPECT_EQ(known.add(counter, -1, kPartition, 3, 2, kNow).total, kMost - 1);
}

TEST_F(KnownTotalsTest, TakesNoBaseThatMayHaveAnEventOfWhichItIsNotKnown) {
  KnownTotals known({}, log);
  grow(4);
  const NodeFrames::Named counter{7, NamespaceId{0}, "a"};
  known.add(counter, 10, kPartition, 1, 1, kNow);
  CounterTotal total;
  total.value = 10;
  total.exists = true;
  total.shards = {{{Generation{1}, kPartition}, {10, 1, Epoch{}, Offset{5}, 0}}};
  // The log has it, and so has the store; the answer is still on its way.
  known.rebase(counter, total, 0, marks, kNow);
  EXPECT_EQ(known.value(counter), std::nullopt);
  known.frame_done(1, Offset{5});
  known.rebase(counter, total, 0, marks, kNow);
  EXPECT_EQ(known.value(counter), 10);
  // A row from before the event's frame was given to the log does not have it.
  grow(1);
  known.add(counter, 20, kPartition, 2, 2, kNow);
  known.rebase(counter, total, 0, marks, kNow);
  EXPECT_EQ(known.value(counter), 30);
}

TEST_F(KnownTotalsTest, TakesNoBaseThatMayHaveAnEarlierCopyOfAFrame) {
  KnownTotals known({.rebase_ms = 100, .retry_ms = 100}, log);
  grow(4);
  const NodeFrames::Named counter{7, NamespaceId{0}, "a"};
  known.add(counter, 10, kPartition, 1, 1, kNow);
  // The answer to the first copy, at offset 5, was lost; the second stands at offset 8, and counts no more.
  known.frame_done(1, Offset{8}, true);
  CounterTotal total;
  total.value = 10;
  total.exists = true;
  total.shards = {{{Generation{1}, kPartition}, {10, 1, Epoch{}, Offset{5}, 0}}};
  known.rebase(counter, total, 0, marks, kNow);
  EXPECT_EQ(known.value(counter), std::nullopt);
  marks.take({kPartition, Generation{1}, Offset{8}, kNow}, kNow);
  const auto reading = known.fresh_base_asked(counter, marks);
  known.rebase(counter, total, reading, marks, kNow);
  EXPECT_EQ(known.value(counter), 10) << "both copies are flushed, so one of them is in it";
}

TEST_F(KnownTotalsTest, MakesNoTotalOfAPlaceFromBeforeTheCounterHadToGo) {
  KnownTotals known({.counters_max = 1}, log);
  const NodeFrames::Named counter{7, NamespaceId{0}, "a"};
  const auto before = known.add(counter, 10, kPartition, 1, 1, kNow).place;
  EXPECT_EQ(before.sum, 10);
  known.frame_done(1, Offset{1});
  known.add({8, NamespaceId{0}, "b"}, 1, kPartition, 2, 2, kNow);
  const auto behind = known.add(counter, 20, kPartition, 3, 3, kNow).place;
  CounterTotal total;
  total.value = 10;
  total.exists = true;
  known.rebase(counter, total, 0, marks, kNow);
  EXPECT_EQ(known.value(counter, before), std::nullopt);
  EXPECT_EQ(known.value(counter, behind), 30);
}

/// It was dropped behind the log: its id had been counted before, by way of another node.
TEST_F(KnownTotalsTest, TakesNoEventForLackingThatWasFlushedAndMovedNoRow) {
  KnownTotals known({.rebase_ms = 5'000, .retry_ms = 100}, log);
  grow(5);
  const NodeFrames::Named counter{7, NamespaceId{0}, "a"};
  known.add(counter, 10, kPartition, 1, 1, kNow);
  known.frame_done(1, Offset{5});
  CounterTotal total;
  total.value = 10;
  total.exists = true;
  total.shards = {{{Generation{1}, kPartition}, {10, 1, Epoch{}, Offset{3}, 0}}};
  known.rebase(counter, total, 0, marks, kNow);
  EXPECT_EQ(known.value(counter), 20) << "for all that is known it may be in the next flush";
  marks.take({kPartition, Generation{1}, Offset{5}, kNow}, kNow);
  known.rebase(counter, total, 0, marks, kNow);
  EXPECT_EQ(known.value(counter), 20) << "a cache may be behind";
  EXPECT_FALSE(known.add(counter, 1, kPartition, 2, 2, kNow + 99).wants_base);
  const auto added = known.add(counter, 1, kPartition, 3, 3, kNow + 100);
  EXPECT_TRUE(added.wants_base);
  EXPECT_TRUE(added.fresh);
  const auto reading = known.fresh_base_asked(counter, marks);
  known.rebase(counter, total, 0, marks, kNow + 101);
  EXPECT_EQ(known.value(counter), 22) << "a base that was asked for before";
  known.rebase(counter, total, reading, marks, kNow + 102);
  EXPECT_EQ(known.value(counter), 12);
  EXPECT_FALSE(known.add(counter, 1, kPartition, 4, 4, kNow + 300).fresh) << "no doubt is left";
}

TEST_F(KnownTotalsTest, TakesWhatWasFlushedAfterABaseWasAskedForAsLackingInIt) {
  KnownTotals known({}, log);
  const NodeFrames::Named counter{7, NamespaceId{0}, "a"};
  known.add(counter, 10, kPartition, 1, 1, kNow);
  known.frame_done(1, Offset{5});
  const auto earlier = known.fresh_base_asked(counter, marks);
  marks.take({kPartition, Generation{1}, Offset{5}, kNow}, kNow);
  const auto later = known.fresh_base_asked(counter, marks);
  known.rebase(counter, {}, earlier, marks, kNow);
  EXPECT_EQ(known.value(counter), 10);
  CounterTotal total;
  total.value = 10;  // It has it, under a row that another frame has moved less far.
  known.rebase(counter, total, later, marks, kNow);
  EXPECT_EQ(known.value(counter), 10);
}

TEST_F(KnownTotalsTest, TakesNoBaseFromBeforeAnOwnReset) {
  KnownTotals known({}, log);
  const NodeFrames::Named counter{7, NamespaceId{0}, "a"};
  known.set(counter, 5, true, kPartition, 1);
  CounterTotal old;
  old.value = 900;
  old.exists = true;
  known.rebase(counter, old, 0, marks, kNow);
  EXPECT_EQ(known.value(counter), 5);
  known.frame_done(1, Offset{8});
  known.rebase(counter, old, 0, marks, kNow);
  EXPECT_EQ(known.value(counter), 5);
  old.epoch = epoch_of(Generation{1}, Offset{8});
  old.value = 6;
  known.rebase(counter, old, 0, marks, kNow);
  EXPECT_EQ(known.value(counter), 6);
}

TEST_F(KnownTotalsTest, KeepsNoMoreCountersThanItsBound) {
  KnownTotals known({.counters_max = 10, .adds_per_counter_max = 2, .adds_max = 5}, log);
  for (std::uint64_t i = 0; i < 100; ++i) {
    const auto name = std::to_string(i);
    known.add({i, NamespaceId{0}, name}, 1, kPartition, i + 1, i, kNow);
    known.add({i, NamespaceId{0}, name}, 1, kPartition, i + 2, i, kNow);
  }
  EXPECT_EQ(known.size(), 10U);
}

class FlushedMarksTest : public testing::Test {
 protected:
  static MemoryLogOptions log_options() {
    MemoryLogOptions options;
    options.identity.generation = Generation{3};
    options.partitions = 2;
    return options;
  }
  MemoryLog log{log_options()};
  FlushedMarks marks{log, 5'000};
};

TEST_F(FlushedMarksTest, AreReachedInEveryPartition) {
  marks.take({PartitionId{0}, Generation{3}, Offset{10}, kNow}, kNow);
  const Position first{Generation{3}, PartitionId{0}, Offset{10}};
  const Position second{Generation{3}, PartitionId{1}, Offset{1}};
  EXPECT_EQ(marks.reached(std::vector{first}), true);
  EXPECT_EQ(marks.reached(std::vector{first, second}), false);
  marks.take({PartitionId{1}, Generation{2}, Offset{99}, kNow}, kNow);  // Of the log before.
  EXPECT_EQ(marks.reached(std::vector{second}), false);
  marks.take({PartitionId{1}, Generation{3}, Offset{1}, kNow}, kNow);
  EXPECT_EQ(marks.reached(std::vector{first, second}), true);
  marks.take({PartitionId{7}, Generation{3}, Offset{1}, kNow}, kNow);  // There is no such partition.
  const Position none{Generation{3}, PartitionId{7}, Offset{1}};
  EXPECT_EQ(marks.reached(std::vector{none}).error().code, Code::kRefused);
  const Position before{Generation{2}, PartitionId{0}, Offset{1}};
  EXPECT_EQ(marks.reached(std::vector{before}).error().code, Code::kConflict);
}

TEST(FlushedMarks, TakeThoseOfPartitionsThatWereAdded) {
  SharedLog shared(2);
  LogView log(shared);
  FlushedMarks marks(log, 5'000);
  const auto generation = log.identity().generation;
  shared.add_partition();
  const PartitionId added{2};
  EXPECT_EQ(marks.offset(added), kNoOffset);
  EXPECT_EQ(marks.reached(std::vector{Position{generation, added, Offset{1}}}), false);
  shared.append(added, ByteView());
  EXPECT_EQ(marks.as_of(kNow, 2), kNow) << "it takes no events, so a total lacks nothing of it";
  EXPECT_EQ(marks.as_of(kNow, 3), 0);
  marks.take({added, generation, Offset{1}, kNow - 30}, kNow);
  EXPECT_EQ(marks.reached(std::vector{Position{generation, added, Offset{1}}}), true);
  EXPECT_EQ(marks.as_of(kNow, 3), kNow - 30);
}

TEST_F(FlushedMarksTest, AreDoubtedWhereTheStoreMayHaveForgottenUntilTheirWorkersHaveHeardOfIt) {
  const FlushedMark before{PartitionId{0}, Generation{3}, Offset{10}, kNow};
  const FlushedMark unheard{PartitionId{0}, Generation{3}, Offset{12}, kNow + 2};
  const FlushedMark after{PartitionId{0}, Generation{3}, Offset{12}, kNow + 9'000};
  const std::vector position{Position{Generation{3}, PartitionId{0}, Offset{10}}};
  marks.take(before, kNow);
  marks.forgot(kNow);
  EXPECT_EQ(marks.reached(position), false);
  EXPECT_EQ(marks.offset(PartitionId{0}), kNoOffset);
  marks.take(before, kNow + 6'000);
  EXPECT_EQ(marks.reached(position), false) << "it was said before";
  marks.take(unheard, kNow + 4'999);
  EXPECT_EQ(marks.reached(position), false) << "its worker may not have heard of it";
  marks.take(unheard, kNow + 5'000);
  EXPECT_EQ(marks.reached(position), false) << "it is the same still";
  marks.take(after, kNow + 10'000);
  EXPECT_EQ(marks.reached(position), true);
}

TEST_F(FlushedMarksTest, ADoubtEndsWhereTheClockJumpsBack) {
  marks.forgot(kNow);
  const FlushedMark after{PartitionId{0}, Generation{3}, Offset{12}, kNow};
  marks.take(after, kNow - 60'000);
  EXPECT_EQ(marks.offset(PartitionId{0}), Offset{12});
}

TEST_F(FlushedMarksTest, AreAsOldAsTheOldest) {
  EXPECT_EQ(marks.as_of(kNow, 2), kNow);  // The log is empty: nothing is missing.
  FrameEncoder encoder;
  FrameHeader header;
  header.identity = log.identity();
  header.partition = PartitionId{1};
  encoder.begin(header);
  ASSERT_TRUE(log.submit(PartitionId{1}, encoder.finish(), 1).has_value());
  log.commit();
  log.deliver(1);
  EXPECT_EQ(marks.as_of(kNow, 2), 0);  // Nobody says how far that partition is.
  marks.take({PartitionId{1}, Generation{3}, Offset{1}, kNow - 50}, kNow);
  marks.take({PartitionId{0}, Generation{3}, Offset{0}, kNow - 70}, kNow);
  EXPECT_EQ(marks.as_of(kNow, 2), kNow - 70);
}

}  // namespace
}  // namespace quipu
