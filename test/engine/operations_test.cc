#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "engine/world.h"
#include "event/frame.h"

namespace quipu {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();

class EngineOperations : public testing::Test {
 protected:
  void SetUp() override { world.start(); }
  /// A counter's total survives a crash as it is now.
  void expect_kept(std::string_view counter, std::int64_t value) {
    EXPECT_EQ(world.value(counter), value);
    world.commit();
    world.restart();
    EXPECT_EQ(world.value(counter), value) << "after a crash";
  }
  World world;
};

TEST_F(EngineOperations, AddsAndAnswersTheNewTotal) {
  const auto first = world.run(world.add("a", 5));
  EXPECT_FALSE(first.error);
  EXPECT_TRUE(first.applied);
  EXPECT_FALSE(first.existed);
  EXPECT_TRUE(first.exists);
  EXPECT_EQ(first.before, 0);
  EXPECT_EQ(first.value, 5);
  const auto second = world.run(world.add("a", -7));
  EXPECT_TRUE(second.existed);
  EXPECT_EQ(second.before, 5);
  EXPECT_EQ(second.value, -2);
  expect_kept("a", -2);
}

TEST_F(EngineOperations, SaysThatACounterDoesNotExistUntilItIsWritten) {
  auto read = world.read("a");
  EXPECT_FALSE(read.exists);
  EXPECT_EQ(read.value, 0);
  EXPECT_EQ(world.count(), 0u);
  world.run(world.add("a", 0));
  read = world.read("a");
  EXPECT_TRUE(read.exists) << "a delta of 0 makes it exist";
  EXPECT_EQ(read.value, 0);
  EXPECT_EQ(world.count(), 1u);
  world.commit();
  world.restart();
  EXPECT_TRUE(world.read("a").exists);
  EXPECT_EQ(world.count(), 1u);
}

TEST_F(EngineOperations, HoldsAReplyUntilWhatItShowsIsDurable) {
  world.run(world.add("a"));
  EXPECT_GT(world.durable_at(), world.engine->durable());
  const auto made = world.durable_at();
  world.run(world.operation(OperationKind::kRead, "a"));
  EXPECT_EQ(world.durable_at(), made) << "a read shows it too";
  world.run(world.operation(OperationKind::kRead, "b"));
  EXPECT_EQ(world.durable_at(), kNoOffset) << "this one shows nothing of it";

  world.step();
  EXPECT_TRUE(world.disk.writing());
  EXPECT_LT(world.engine->durable(), made) << "not before the disk has it";
  world.disk.finish();
  world.step();
  EXPECT_GE(world.engine->durable(), made);
  world.run(world.operation(OperationKind::kRead, "a"));
  EXPECT_LE(world.durable_at(), world.engine->durable());
}

TEST_F(EngineOperations, HoldsAReplyForAnyShardThatItsTotalShows) {
  // Ids go to other partitions than the counter's own.
  world.run(world.add("a"));
  world.commit();
  auto newest = kNoOffset;
  for (int i = 0; i < 20; ++i) {
    const auto id = std::to_string(i);
    world.run(world.add_with_id("a", id));
    newest = std::max(newest, world.durable_at());
    world.run(world.operation(OperationKind::kRead, "a"));
    ASSERT_EQ(world.durable_at(), newest);
    world.run(world.add("a", 0));
    ASSERT_GE(world.durable_at(), newest);
    newest = world.durable_at();
  }
}

TEST_F(EngineOperations, FillsTheNextFrameWhileTheDiskWrites) {
  world.run(world.add("a"));
  const auto first = world.durable_at();
  world.step();
  world.run(world.add("a"));
  EXPECT_GT(world.durable_at(), first);
  world.step();
  world.disk.finish();
  world.step();
  EXPECT_EQ(world.engine->durable(), first) << "the second is under way";
  EXPECT_TRUE(world.disk.writing());
}

TEST_F(EngineOperations, ResetsACounterEverywhere) {
  world.run(world.add("a", 3));
  for (int i = 0; i < 10; ++i) {
    const auto id = std::to_string(i);
    world.run(world.add_with_id("a", id, 10));
  }
  const auto reset = world.run(world.reset("a"));
  EXPECT_TRUE(reset.applied);
  EXPECT_TRUE(reset.existed);
  EXPECT_FALSE(reset.exists);
  EXPECT_EQ(reset.before, 103);
  EXPECT_EQ(reset.value, 0);
  EXPECT_GT(reset.epoch, Epoch{});
  EXPECT_FALSE(world.read("a").exists);
  EXPECT_EQ(world.count(), 0u);
  expect_kept("a", 0);
  EXPECT_FALSE(world.read("a").exists);
  EXPECT_EQ(world.count(), 0u);
  EXPECT_EQ(world.run(world.add_with_id("a", "new", 4)).value, 4);
  expect_kept("a", 4);
}

TEST_F(EngineOperations, ResetsTwiceInOneFrame) {
  world.run({world.add("a", 1), world.reset("a"), world.add("a", 4), world.reset("a"), world.add("a", 16)});
  expect_kept("a", 16);
}

TEST_F(EngineOperations, SetsATotalWhateverWasBefore) {
  world.run(world.add_with_id("a", "x", 9));
  auto set = world.run(world.set("a", -5));
  EXPECT_TRUE(set.applied);
  EXPECT_EQ(set.before, 9);
  EXPECT_EQ(set.value, -5);
  EXPECT_TRUE(set.exists);
  set = world.run(world.set("b", 0));
  EXPECT_FALSE(set.existed);
  EXPECT_TRUE(set.exists);
  EXPECT_EQ(world.count(), 2u);
  world.run(world.add("a", 1));
  expect_kept("a", -4);
  EXPECT_EQ(world.count(), 2u);
}

TEST_F(EngineOperations, SetsAndResetsOnlyWhereTheConditionHolds) {
  auto set = world.set("a", 7);
  set.condition = SetCondition::kIfPresent;
  EXPECT_FALSE(world.run(set).applied);
  EXPECT_FALSE(world.read("a").exists);
  set.condition = SetCondition::kIfAbsent;
  EXPECT_TRUE(world.run(set).applied);
  set.delta = 8;
  auto outcome = world.run(set);
  EXPECT_FALSE(outcome.applied);
  EXPECT_EQ(outcome.value, 7);
  EXPECT_EQ(world.durable_at(), outcome.offset) << "what kept it from being set is not durable yet";
  set.condition = SetCondition::kIfPresent;
  EXPECT_EQ(world.run(set).value, 8);
  auto reset = world.reset("none");
  reset.condition = SetCondition::kIfPresent;
  outcome = world.run(reset);
  EXPECT_FALSE(outcome.applied);
  EXPECT_EQ(outcome.offset, kNoOffset);
  expect_kept("a", 8);
}

TEST_F(EngineOperations, CountsAnIdOnceAndSaysThatItWasKnown) {
  EXPECT_TRUE(world.run(world.add_with_id("a", "x", 4)).applied);
  const auto again = world.run(world.add_with_id("a", "x", 4));
  EXPECT_FALSE(again.error);
  EXPECT_FALSE(again.applied);
  EXPECT_TRUE(again.duplicate);
  EXPECT_TRUE(again.exists);
  EXPECT_EQ(again.value, 4);
  EXPECT_EQ(world.durable_at(), world.engine->newest()) << "it waits for the commit that renews the id";
  EXPECT_TRUE(world.run(world.add_with_id("b", "x", 4)).applied) << "another counter's id is another";
  world.commit();
  world.restart();
  EXPECT_TRUE(world.run(world.add_with_id("a", "x", 4)).duplicate);
  expect_kept("a", 4);
}

TEST_F(EngineOperations, RefusesAnIdThatComesWithAnotherBody) {
  world.run(world.add_with_id("a", "x", 4));
  const auto other = world.run(world.add_with_id("a", "x", 5));
  EXPECT_EQ(other.error, Code::kConflict);
  EXPECT_NE(std::string(other.error_text), "");
  expect_kept("a", 4);
  EXPECT_EQ(world.run(world.add_with_id("a", "x", 5)).error, Code::kConflict);
}

TEST_F(EngineOperations, ForgetsTheOldestIdBeyondTheWindowUnlessItWasRenewed) {
  world.options.ids_max = 3;
  world.options.id_partitions = 1;
  world.restart();
  for (const char* id : {"1", "2", "3", "1", "4", "5"}) world.run(world.add_with_id("a", id));
  EXPECT_EQ(world.value("a"), 5);
  EXPECT_TRUE(world.run(world.add_with_id("a", "1")).duplicate) << "it was renewed";
  EXPECT_FALSE(world.run(world.add_with_id("a", "2")).duplicate);
  world.commit();
  world.restart();
  EXPECT_TRUE(world.run(world.add_with_id("a", "1")).duplicate);
  EXPECT_TRUE(world.run(world.add_with_id("a", "5")).duplicate);
  EXPECT_FALSE(world.run(world.add_with_id("a", "3")).duplicate);
}

TEST_F(EngineOperations, CountsASequenceOnceAndWantsASourceToBeginAtOne) {
  const auto unknown = world.run(world.add_of_source("a", "s", 2));
  EXPECT_EQ(unknown.error, Code::kRefused);
  EXPECT_TRUE(world.run(world.add_of_source("a", "s", 1, 1)).applied);
  EXPECT_TRUE(world.run(world.add_of_source("a", "s", 5, 4)).applied) << "numbers may be left out";
  const auto again = world.run(world.add_of_source("a", "s", 5, 4));
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.value, 5);
  EXPECT_EQ(world.durable_at(), world.engine->newest()) << "it waits for what it repeats";
  EXPECT_EQ(world.engine->last_sequence(source_hash(world.options.secret, "default", "s")), 5u);
  expect_kept("a", 5);
  EXPECT_TRUE(world.run(world.add_of_source("a", "s", 3, 16)).duplicate);
  EXPECT_TRUE(world.run(world.add_of_source("a", "s", 6, 16)).applied);
  EXPECT_TRUE(world.run(world.add_of_source("b", "s", 7, 1)).applied) << "known in whatever partition";
  expect_kept("a", 21);
}

TEST_F(EngineOperations, CountsABatchOfASourceOnceHoweverItIsCut) {
  const std::vector<std::string> counters{"a", "b", "c", "d"};
  const auto batch = [&](std::uint64_t from, std::uint64_t to) {
    std::vector<Operation> operations;
    for (auto i = from; i <= to; ++i) operations.push_back(world.add_of_source(counters[i % 4], "s", i));
    return World::together(operations);
  };
  world.run(batch(1, 10));
  world.run(batch(1, 12));
  world.commit();
  world.restart();
  world.run(batch(5, 20));
  world.run(batch(20, 21));
  std::int64_t sum = 0;
  for (const auto& counter : counters) sum += world.value(counter);
  EXPECT_EQ(sum, 21);
}

TEST_F(EngineOperations, RefusesABatchOfAnUnknownSourceWhole) {
  const auto outcomes =
      world.run(World::together({world.add_of_source("a", "s", 4), world.add_of_source("b", "s", 5)}));
  EXPECT_EQ(outcomes[0].error, Code::kRefused);
  EXPECT_EQ(world.count(), 0u);
}

TEST_F(EngineOperations, TakesAGroupWholeOrNotAtAll) {
  world.run(world.add("full", kMax));
  world.run(world.add_with_id("a", "x", 4));
  const auto newest = world.engine->newest();
  const auto expect_refused = [&](std::vector<Operation> operations, std::size_t at, Code code) {
    const auto outcomes = world.run(World::together(std::move(operations)));
    EXPECT_EQ(outcomes[at].error, code);
    for (const Outcome& outcome : outcomes) EXPECT_FALSE(outcome.applied);
    EXPECT_EQ(world.engine->newest(), newest) << "nothing was written";
  };
  expect_refused({world.add("a"), world.add("full"), world.add("b")}, 1, Code::kRefused);
  expect_refused({world.add("a"), world.add_with_id("a", "x", 5)}, 1, Code::kConflict);
  expect_refused({world.add_with_id("a", "y", 1), world.add_with_id("a", "y", 2)}, 1, Code::kConflict);
  expect_refused({world.add("b", kMax), world.add("b", 1)}, 1, Code::kRefused);
  expect_refused({world.set("b", kMax), world.add("b", 1)}, 1, Code::kRefused);
  EXPECT_EQ(world.value("a"), 4);
  EXPECT_FALSE(world.read("b").exists);

  const auto outcomes = world.run(World::together({world.add("a", 1), world.add_with_id("a", "x", 4),
                                                   world.reset("full"), world.add("full", 7), world.add("b", 9)}));
  for (const Outcome& outcome : outcomes) EXPECT_FALSE(outcome.error);
  EXPECT_EQ(outcomes[0].value, 5);
  EXPECT_TRUE(outcomes[1].duplicate);
  EXPECT_EQ(outcomes[3].value, 7);
  expect_kept("full", 7);
  EXPECT_EQ(world.value("b"), 9);
}

TEST_F(EngineOperations, RefusesAGroupWholeWhereOnlyOneShardWouldOverflow) {
  // Two ids whose partitions differ: the total is in the middle of its range, one shard at the end of it.
  std::vector<std::string> low;
  std::vector<std::string> high;
  for (int i = 0; low.size() < 2 || high.size() < 2; ++i) {
    const auto id = std::to_string(i);
    const auto partition = world.add_with_id("a", id).id.id.low % world.options.id_partitions;
    if (partition == 0) low.push_back(id);
    if (partition == 1) high.push_back(id);
  }
  world.run(world.add_with_id("a", low[0], kMax));
  world.run(world.add_with_id("a", high[0], -kMax));
  EXPECT_EQ(world.value("a"), 0);
  const auto outcomes = world.run(World::together({world.add("b", 1), world.add_with_id("a", low[1], 5)}));
  EXPECT_EQ(outcomes[1].error, Code::kRefused);
  EXPECT_FALSE(world.read("b").exists) << "all or nothing";
  EXPECT_EQ(world.run(world.add_with_id("a", high[1], 5)).value, 5);
  world.run(world.reset("a"));
  EXPECT_EQ(world.run(World::together({world.add("b", 1), world.add_with_id("a", low[1], 5)}))[1].value, 5);
  expect_kept("a", 5);
}

TEST_F(EngineOperations, RefusesEachAloneInAGroupThatSaysSo) {
  world.run(world.add("full", kMax));
  auto operations = World::together({world.add("a", 2), world.add("full", 1), world.add("a", 3)});
  for (auto& operation : operations) operation.each_alone = true;
  const auto outcomes = world.run(operations);
  EXPECT_FALSE(outcomes[0].error);
  EXPECT_EQ(outcomes[1].error, Code::kRefused);
  EXPECT_EQ(outcomes[2].value, 5);
  expect_kept("a", 5);
}

TEST_F(EngineOperations, RefusesWhatWouldLeave64Bits) {
  EXPECT_EQ(world.run(world.add("up", kMax)).value, kMax);
  EXPECT_EQ(world.run(world.add("up", 1)).error, Code::kRefused);
  EXPECT_EQ(world.run(world.add("down", kMin)).value, kMin);
  EXPECT_EQ(world.run(world.add("down", -1)).error, Code::kRefused);
  EXPECT_EQ(world.run(world.add("up", kMin)).value, -1);
  expect_kept("up", -1);
  EXPECT_EQ(world.engine->stats().saturations, 0u);
}

TEST_F(EngineOperations, ComesToTheSameTotalAfterACrashNearTheEndOf64Bits) {
  // Plain entries are added up within a frame. One with an id between them must stay between them.
  std::string home;
  for (int i = 0; home.empty(); ++i) {
    const auto id = std::to_string(i);
    const auto partition = routing_hash(world.options.secret, "default", "a") % 3;
    if (world.add_with_id("a", id).id.id.low % 3 == partition) home = id;
  }
  world.run(world.add("a", kMax - 1));
  world.commit();
  world.run({world.add("a", 1), world.add_with_id("a", home, -10), world.add("a", 5)});
  expect_kept("a", kMax - 5);
  EXPECT_FALSE(world.read("a").saturated);
}

TEST_F(EngineOperations, DoesNotHoldTheReplyOfAWriteThatAskedForMemoryOnly) {
  auto quick = world.add("a", 3);
  quick.memory_ack = true;
  EXPECT_EQ(world.run(quick).value, 3);
  EXPECT_EQ(world.durable_at(), kNoOffset);
  world.run(world.operation(OperationKind::kRead, "a"));
  EXPECT_GT(world.durable_at(), world.engine->durable()) << "a read of it is held all the same";
  world.stop();
  world.start();
  EXPECT_EQ(world.value("a"), 3) << "an end in good order loses nothing";
}

TEST_F(EngineOperations, AddsUpWhatIsPlainWithinAFrame) {
  std::vector<Operation> operations(1'000, world.add("a"));
  world.run(operations);
  world.commit();
  EXPECT_LT(world.engine->stats().bytes_written, 300u);
  world.restart();
  const auto shards = world.engine->shards(world.space(), "a");
  ASSERT_EQ(shards.size(), 1u);
  EXPECT_EQ(shards[0].total, 1'000);
  EXPECT_EQ(shards[0].events, 1'000u);
}

TEST_F(EngineOperations, KeepsTheSecondsOfEventsApartInTheLog) {
  std::vector<Operation> operations(6, world.add("a"));
  for (std::size_t i = 0; i < operations.size(); ++i) operations[i].time = 10'000 + static_cast<TimeMs>(i) * 400;
  world.run(operations);
  world.commit();
  const auto read = world.log->read(std::nullopt, Offset{1}, 1'000'000);
  ASSERT_EQ(read->frames.size(), 1u);
  const auto frame = decode_frame(read->frame(read->frames[0]));
  auto entries = frame->entries();
  std::vector<std::uint64_t> events;
  while (const auto entry = entries.next()) events.push_back(entry->events);
  EXPECT_EQ(events, (std::vector<std::uint64_t>{3, 2, 1})) << "0, 400, 800 | 1200, 1600 | 2000";
}

TEST_F(EngineOperations, IsBusyWhileTheLogHasNoRoomAndGoesOnAfterwards) {
  world.log_options.pending_bytes = 4'096;
  world.restart();
  std::int64_t applied = 0;
  std::vector<std::string> names;
  for (int i = 0; i < 100; ++i) names.push_back("counter" + std::to_string(i));
  Outcome busy;
  for (const auto& name : names) {
    const auto outcome = world.run(world.add(name));
    if (outcome.error) {
      busy = outcome;
      EXPECT_FALSE(outcome.applied);
    } else {
      ++applied;
    }
  }
  EXPECT_EQ(busy.error, Code::kBusy);
  EXPECT_GT(busy.retry_after_ms, 0);
  EXPECT_GT(applied, 0);
  EXPECT_LT(applied, 100);
  EXPECT_EQ(world.count(), static_cast<std::uint64_t>(applied)) << "nothing of the others is there";
  EXPECT_EQ(world.engine->stats().operations_busy, static_cast<std::uint64_t>(100 - applied));
  EXPECT_FALSE(world.run(world.operation(OperationKind::kRead, "counter0")).error) << "reads need no room";
  world.commit();
  EXPECT_TRUE(world.run(world.add("more")).applied);
  world.commit();
  world.restart();
  EXPECT_EQ(world.count(), static_cast<std::uint64_t>(applied) + 1);
}

TEST_F(EngineOperations, IsBusyWhileTheStoreTakesNoRows) {
  world.options.dirty_bytes_max = 1'000;
  world.restart();
  world.store.fails = true;
  std::vector<std::string> names;
  for (int i = 0; i < 50; ++i) names.push_back("counter" + std::to_string(i));
  bool busy = false;
  for (const auto& name : names) {
    busy = busy || world.run(world.add(name)).error == Code::kBusy;
    world.turns(2);
  }
  EXPECT_TRUE(busy);
  EXPECT_LT(world.count(), 20u);
  world.store.fails = false;
  world.turns(10, 1'001);
  EXPECT_TRUE(world.run(world.add("more")).applied);
}

TEST_F(EngineOperations, RefusesAGroupThatNoCommitCanHold) {
  world.log_options.segment_bytes = kSegmentBytesMin;
  world.disk = FaultDisk();
  world.restart();
  std::vector<std::string> names;
  for (int i = 0; i < 200; ++i) names.push_back(std::string(1'000, 'x') + std::to_string(i));
  std::vector<Operation> operations;
  for (const auto& name : names) operations.push_back(world.add(name));
  const auto outcomes = world.run(World::together(operations));
  for (const Outcome& outcome : outcomes) EXPECT_EQ(outcome.error, Code::kTooLarge);
  EXPECT_EQ(world.count(), 0u);
}

TEST_F(EngineOperations, GivesTheLogNoMoreBytesThanItHasRoomFor) {
  // Many namespaces in a frame, kinds that change with each entry, large numbers: all that makes an entry long.
  world.log_options.segment_bytes = kSegmentBytesMin;
  world.disk = FaultDisk();
  world.restart();
  std::vector<std::string> spaces;
  for (int i = 0; i < 900; ++i) spaces.push_back("s" + std::string(55, 'x') + std::to_string(i));
  for (int round = 0; round < 3; ++round) {
    std::uint64_t sequence = 1;
    for (std::size_t i = 0; i < spaces.size(); ++i) {
      auto operation = i % 3 == 0 ? world.add_with_id("a", spaces[i], kMin / 1'000)
                                  : world.add_of_source("a", spaces[i], sequence, kMin / 1'000);
      operation.space = world.space(spaces[i]);
      operation.time = kMax;
      world.run(operation);
    }
    world.commit();
    ASSERT_EQ(world.engine->state(), EngineState::kServing) << world.engine->failure().what;
  }
}

TEST_F(EngineOperations, AnswersBusyBeforeItServesAndWhenItStops) {
  world.run(world.add("a"));
  world.commit();
  world.crash();
  ASSERT_TRUE(world.open().has_value());
  EXPECT_EQ(world.engine->state(), EngineState::kRecovering);
  const auto early = world.run(world.add("a"));
  EXPECT_EQ(early.error, Code::kBusy);
  EXPECT_GT(early.retry_after_ms, 0);
  bool asked = false;
  world.engine->scan({world.space()}, 0, 10, [&](Result<ScanPage> page) {
    asked = true;
    EXPECT_EQ(page.error().code, Code::kBusy);
  });
  EXPECT_TRUE(asked);
  world.turns(20);
  EXPECT_EQ(world.value("a"), 1);
  world.engine->drain();
  EXPECT_EQ(world.run(world.add("a")).error, Code::kBusy);
}

}  // namespace
}  // namespace quipu
