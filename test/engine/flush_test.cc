#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "engine/world.h"

namespace quipu {
namespace {

class EngineFlush : public testing::Test {
 protected:
  void SetUp() override { world.start(); }

  static std::string name(int number) { return "counter" + std::to_string(number); }
  void add_many(int from, int to) {
    std::vector<std::string> names;
    for (int i = from; i < to; ++i) names.push_back(name(i));
    for (const auto& each : names) {
      for (int tries = 0; world.run(world.add(each)).error && tries < 1'000; ++tries) world.turn();
    }
  }
  /// Every counter that a scan names, page by page, with how often.
  std::map<std::string, int> scan(std::size_t limit, std::vector<NamespaceId> spaces) {
    std::map<std::string, int> named;
    std::uint64_t cursor = 0;
    do {
      std::optional<Result<ScanPage>> page;
      world.engine->scan(spaces, cursor, limit, [&](Result<ScanPage> given) { page = std::move(given); });
      for (int i = 0; i < 1'000 && !page; ++i) world.turn();
      if (!page || !page->has_value()) {
        ADD_FAILURE() << "no page";
        return named;
      }
      for (const auto& counter : (*page)->counters) ++named[counter.counter];
      cursor = (*page)->next;
    } while (cursor != 0);
    return named;
  }
  World world;
};

TEST_F(EngineFlush, LetsTheProcessSleepWhereNothingChanges) {
  world.run(world.add("a"));
  world.flush();
  for (int i = 0; i < 5; ++i) {
    world.now += world.options.flush_interval_ms + 1;
    EXPECT_GE(world.engine->step(world.now), world.now + 500);
  }
  world.run(world.add("a"));
  EXPECT_LE(world.engine->step(world.now), world.now + 1) << "the flush was due long ago";
}

TEST_F(EngineFlush, SyncsTheStoreWhenABurstIsOver) {
  world.options.idle_sync_rows = 20;
  world.options.sync_interval_ms = 1'000'000;
  world.restart();
  add_many(0, 19);
  world.flush();
  world.turns(5, world.options.flush_interval_ms + 1);
  EXPECT_GT(world.store.unsynced(), 0u) << "too little for a sync of its own";
  add_many(0, 1);
  world.flush();
  world.turns(5, world.options.flush_interval_ms + 1);
  EXPECT_EQ(world.store.unsynced(), 0u);
  EXPECT_GE(world.engine->step(world.now), world.now + 500) << "once is enough";
}

TEST_F(EngineFlush, TakesNothingToTheStoreThatTheLogDoesNotHave) {
  world.run(world.add("a", 3));
  world.step(2'000);
  world.store.perform();
  world.step();
  world.store.perform();
  EXPECT_TRUE(world.disk.writing());
  EXPECT_TRUE(world.store.state().rows.empty());
  EXPECT_TRUE(world.store.state().watermarks.empty());
  world.disk.finish();
  world.turns(3);
  EXPECT_EQ(world.stored("a"), 3);
}

TEST_F(EngineFlush, WritesTheWatermarkAfterEveryRowItCovers) {
  world.turns(5);
  add_many(0, 10'000);
  world.commit();
  world.step(2'000);
  bool partly = false;
  const auto covered = [&] { return (*world.store.watermarks())[0].offset > kNoOffset; };
  for (int i = 0; i < 100 && !covered(); ++i) {
    partly = partly || (!world.store.state().rows.empty() && world.store.state().rows.size() < 10'000);
    world.store.perform(1);
    world.step();
  }
  EXPECT_TRUE(partly) << "the rows go in several writes";
  EXPECT_EQ(world.store.state().rows.size(), 10'000u);
  ASSERT_EQ(world.store.state().watermarks.size(), 3u);
  const auto marks = world.store.watermarks();
  for (const Watermark& mark : *marks) EXPECT_LE(mark.offset, world.engine->durable());
}

TEST_F(EngineFlush, GoesOnWhileACounterIsAlwaysInTheOpenFrame) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    world.disk = FaultDisk();
    world.store = FaultStore();
    world.start();
    world.turns(5);
    add_many(0, 10'000);
    world.step(2'000);
    const auto covered = [&] {
      const auto marks = world.store.watermarks();
      return !marks->empty() && marks->front().offset > kNoOffset;
    };
    // Disk and store are late as they please, and a frame with the hot counter is open at nearly every step.
    for (int i = 0; i < 3'000 && !covered(); ++i) {
      world.run(world.add("hot"));
      world.step();
      world.run(world.add("hot"));
      if (random() % 3 == 0) world.disk.finish();
      if (random() % 3 == 0) world.store.perform(1 + random() % 2);
    }
    ASSERT_TRUE(covered()) << "it never ended";
    ASSERT_GE(world.store.state().rows.size(), 10'000u) << "the watermark covers rows that are not there";
    const auto sum = world.value("hot");
    world.commit();
    world.restart();
    EXPECT_EQ(world.value("hot"), sum);
    EXPECT_EQ(world.count(), 10'001u);
    world.flush();
    EXPECT_EQ(world.stored("hot"), sum);
  }
}

TEST_F(EngineFlush, RepeatsAWriteThatFailedAndLosesNothing) {
  world.store.fails = true;
  add_many(0, 100);
  for (int i = 0; i < 5; ++i) {
    world.run(world.add(name(i), 10));
    world.run(world.add_of_source("s", "source", static_cast<std::uint64_t>(i) + 1));
    world.turns(3, 1'001);
  }
  EXPECT_GT(world.store.writes_failed, 2u);
  EXPECT_TRUE(world.store.state().rows.empty());
  world.store.fails = false;
  world.flush();
  EXPECT_EQ(world.stored(name(3)), 11);
  EXPECT_EQ(world.stored(name(99)), 1);
  EXPECT_EQ(world.store.state().sources.size(), 1u);
  EXPECT_EQ(world.store.state().sources.begin()->second.sequence, 5u);
}

TEST_F(EngineFlush, WaitsBetweenAttemptsWhileTheStoreTakesNothing) {
  world.options.dirty_bytes_max = 128 << 10;
  world.options.table_bytes_max = 1;  // What has changed is in the way of what would be evicted, too.
  world.restart();
  world.store.fails = true;
  add_many(0, 500);
  world.turns(5, world.options.flush_interval_ms);
  const auto failed = world.store.writes_failed;
  ASSERT_GT(failed, 0u);
  world.turns(100);
  EXPECT_LE(world.store.writes_failed, failed + 1) << "the same rows were copied again and again";
  world.store.fails = false;
  world.turns(5, world.options.flush_interval_ms);
  EXPECT_EQ(world.stored(name(499)), 1);
  add_many(500, 1'000);
  world.turns(100);
  EXPECT_EQ(world.stored(name(999)), 1) << "where the store takes rows, many of them do not wait for the interval";
}

TEST_F(EngineFlush, SurvivesAFlushOfWhichOnlySomeWritesFail) {
  add_many(0, 10'000);
  world.commit();
  world.step(2'000);
  world.store.perform(1);
  world.store.fails = true;
  world.turns(5);
  EXPECT_EQ(world.store.state().rows.size(), 4'096u);
  EXPECT_TRUE(world.store.state().watermarks.empty());
  world.store.fails = false;
  world.flush();
  EXPECT_EQ(world.store.state().rows.size(), 10'000u);
  EXPECT_EQ(world.store.state().watermarks.size(), 3u);
  world.restart();
  EXPECT_EQ(world.count(), 10'000u);
}

TEST_F(EngineFlush, GoesOnAfterTheClockWasPutBack) {
  world.flush();
  world.now -= 3'600'000;
  world.turn();
  world.run(world.add("a", 3));
  world.turns(5, 500);
  EXPECT_EQ(world.stored("a"), 3);
}

TEST_F(EngineFlush, KeepsTheTableWithinItsBoundAndReadsBackWhatWasEvicted) {
  world.options.table_bytes_max = 20'000;
  world.restart();
  std::map<std::string, std::int64_t> sums;
  std::vector<std::string> names;
  for (int i = 0; i < 500; ++i) names.push_back(name(i));
  std::mt19937_64 random(4);
  for (int i = 0; i < 5'000; ++i) {
    const auto& each = names[random() % names.size()];
    const auto outcome = world.run(world.add(each, i));
    ASSERT_FALSE(outcome.error) << outcome.error_text;
    ASSERT_EQ(outcome.value, sums[each] += i);
    if (i % 10 == 0) world.turns(3, 400);
  }
  const auto stats = world.engine->stats();
  EXPECT_GT(stats.rows_evicted, 1'000u);
  EXPECT_GT(stats.rows_loaded, 1'000u);
  EXPECT_LT(stats.table_rows, 400u);
  EXPECT_EQ(world.count(), 500u) << "evicted ones exist all the same";
  for (const auto& [each, sum] : sums) ASSERT_EQ(world.value(each), sum);
  world.commit();
  world.restart();
  EXPECT_EQ(world.count(), 500u);
  for (const auto& [each, sum] : sums) ASSERT_EQ(world.value(each), sum);
}

TEST_F(EngineFlush, IsBusyWhileTheTableIsFullOfLongNamesThatTheStoreDoesNotTake) {
  world.options.table_bytes_max = 1 << 20;
  world.restart();
  world.store.fails = true;
  std::map<std::string, std::int64_t> applied;
  bool busy = false;
  // 60 MB of names, but few rows: the bound of changed rows alone would let them all in.
  for (int number = 0; number < 60'000 && !busy; number += 100) {
    std::vector<std::string> names;
    for (int i = number; i < number + 100; ++i) names.push_back(std::string(1'000, 'x') + name(i));
    std::vector<Operation> operations;
    for (const auto& each : names) operations.push_back(world.add(each));
    const auto& outcomes = world.run(operations);
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (outcomes[i].applied) applied[names[i]] = 1;
      busy |= outcomes[i].error == Code::kBusy;
    }
    world.commit();
  }
  EXPECT_TRUE(busy);
  EXPECT_GT(applied.size(), 20'000u);
  EXPECT_LT(world.engine->stats().table_bytes, std::size_t{48} << 20);
  // A start reads them all from the log, and has no more room for them.
  world.store.fails = false;
  world.restart();
  EXPECT_GT(world.engine->stats().rows_evicted, 10'000u);
  world.flush();
  world.turns(100);
  EXPECT_LT(world.engine->stats().table_bytes, std::size_t{4} << 20);
  EXPECT_TRUE(world.run(world.add("more")).applied);
  EXPECT_EQ(world.count(), applied.size() + 1);
  for (const auto& [each, total] : applied) ASSERT_EQ(world.value(each), total);
}

TEST_F(EngineFlush, KeepsTheTableWithinItsBoundWhoeverAsksForWhatDoesNotExist) {
  world.options.table_bytes_max = 3'000;
  world.restart();
  add_many(0, 200);
  world.flush();
  world.turns(20);
  ASSERT_GT(world.engine->stats().rows_evicted, 0u);
  std::size_t most = 0;
  int number = 0;
  std::vector<std::string> names(15'000);
  for (int round = 0; round < 15; ++round) {
    std::vector<Operation> operations;
    for (int i = 0; i < 15'000; ++i) {
      names[static_cast<std::size_t>(i)] = "none" + std::to_string(number++);
      operations.push_back(world.operation(OperationKind::kRead, names[static_cast<std::size_t>(i)]));
    }
    world.run(operations);
    world.turn();
    most = std::max<std::size_t>(most, world.engine->stats().table_rows);
  }
  EXPECT_LT(most, 40'000u) << "not all of the 225,000";
}

TEST_F(EngineFlush, AnswersAParkedBatchInItsOrderAndNobodyElseWaits) {
  world.options.table_bytes_max = 3'000;
  world.restart();
  add_many(0, 200);
  world.flush();
  world.turns(20);
  std::string cold;
  for (int i = 0; i < 200 && cold.empty(); ++i) {
    if (world.engine->shards(world.space(), name(i)).empty()) cold = name(i);
  }
  ASSERT_FALSE(cold.empty());
  world.run(world.add("hot", 0));
  TestClient parked;
  parked.batch.operations = {world.add(cold, 5), world.operation(OperationKind::kRead, cold), world.add("hot", 3),
                             world.set(cold, 70), world.add(cold, 1)};
  const EngineStats before = world.engine->counted();
  EXPECT_FALSE(world.engine->submit(parked.batch, parked));
  EXPECT_EQ(world.engine->stats().parked_batches, 1u);
  EXPECT_EQ(world.engine->counted().operations - before.operations, 5u);
  EXPECT_EQ(world.engine->counted().counters_missed - before.counters_missed, 1u)
      << "one counter, asked for four times";
  EXPECT_EQ(world.run(world.add("hot", 1)).value, 1) << "who needs nothing of the store goes on";
  EXPECT_FALSE(parked.done);
  world.store.perform();
  world.step();
  ASSERT_TRUE(parked.done);
  EXPECT_EQ(world.engine->counted().reads - before.reads, 1u);
  EXPECT_EQ(parked.batch.outcomes[0].value, 6);
  EXPECT_EQ(parked.batch.outcomes[1].value, 6);
  EXPECT_EQ(parked.batch.outcomes[2].value, 4);
  EXPECT_EQ(parked.batch.outcomes[4].value, 71);
}

TEST_F(EngineFlush, AnswersBusyWhereTheStoreCanNotBeRead) {
  world.options.table_bytes_max = 3'000;
  world.restart();
  add_many(0, 200);
  world.flush();
  world.turns(20);
  world.store.fails_reads = true;
  int busy = 0;
  for (int i = 0; i < 200; ++i) {
    const auto each = name(i);
    busy += world.run(world.add(each)).error == Code::kBusy ? 1 : 0;
  }
  EXPECT_GT(busy, 100);
  world.store.fails_reads = false;
  std::int64_t sum = 0;
  for (int i = 0; i < 200; ++i) {
    const auto each = name(i);
    sum += world.value(each);
  }
  EXPECT_EQ(sum, 400 - busy) << "what was busy was not counted";
}

TEST_F(EngineFlush, AnswersWhoWaitsForTheStoreWhenTheLogFails) {
  world.options.table_bytes_max = 3'000;
  world.restart();
  add_many(0, 200);
  world.flush();
  world.turns(20);
  world.run(world.add("hot"));
  world.commit();
  std::vector<std::string> names;
  for (int i = 0; i < 200; ++i) names.push_back(name(i));
  TestClient parked;
  for (const auto& each : names) parked.batch.operations.push_back(world.add(each));
  EXPECT_FALSE(world.engine->submit(parked.batch, parked));
  int answered = 0;
  world.engine->scan({world.space()}, 0, 10, [&](Result<ScanPage> page) {
    ++answered;
    EXPECT_FALSE(page.has_value());
  });
  world.engine->top(world.space(), 10, [&](const Result<ScanPage>&) { ++answered; });
  world.engine->reset_all({world.space()}, [&](Result<Offset> done) {
    ++answered;
    EXPECT_FALSE(done.has_value());
  });
  world.engine->put_namespace("new", {}, [&](Result<void> done) {
    ++answered;
    EXPECT_FALSE(done.has_value());
  });
  world.run(world.add("hot"));
  world.disk.fail_writes = true;
  world.step();
  world.disk.finish();
  world.step();
  EXPECT_EQ(world.engine->state(), EngineState::kFailed);
  EXPECT_EQ(answered, 4);
  ASSERT_TRUE(parked.done);
  for (const Outcome& outcome : parked.batch.outcomes) EXPECT_EQ(outcome.error, Code::kBusy);
  world.store.perform();
  world.turns(3);
}

TEST_F(EngineFlush, NamesEveryCounterThatExistsInAScanOfTheTable) {
  add_many(0, 300);
  for (int i = 0; i < 300; i += 3) {
    const auto each = name(i);
    world.run(world.reset(each));
  }
  world.run(world.operation(OperationKind::kAdd, "elsewhere", 1, "views"));
  for (const std::size_t limit : {1, 7, 1'000}) {
    const auto named = scan(limit, {world.space()});
    EXPECT_EQ(named.size(), 200u);
    for (int i = 0; i < 300; ++i) EXPECT_EQ(named.contains(name(i)), i % 3 != 0) << i;
  }
  EXPECT_EQ(scan(10, {world.space("views")}).size(), 1u);
  EXPECT_EQ(scan(10, {world.space(), world.space("views")}).size(), 201u);
}

TEST_F(EngineFlush, NamesEveryCounterThatExistsInAScanOfTheStore) {
  world.options.table_bytes_max = 5'000;
  world.restart();
  add_many(0, 300);
  world.turns(20, 400);
  for (int i = 0; i < 300; i += 3) {
    const auto each = name(i);
    world.run(world.reset(each));
  }
  ASSERT_GT(world.engine->stats().rows_evicted, 0u);
  for (const std::size_t limit : {1, 7, 1'000}) {
    const auto named = scan(limit, {world.space()});
    for (int i = 0; i < 300; ++i) EXPECT_EQ(named.contains(name(i)), i % 3 != 0) << i;
  }
}

TEST_F(EngineFlush, ShowsNothingInAScanThatIsNotHeldUntilItIsDurable) {
  world.run(world.add("a", 3));
  std::optional<ScanPage> page;
  world.engine->scan({world.space()}, 0, 10, [&](Result<ScanPage> given) { page = *given; });
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->durable_at, world.engine->newest());
  page.reset();
  world.engine->top(world.space(), 10, [&](Result<ScanPage> given) { page = *given; });
  world.step();
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->durable_at, world.engine->newest());
  EXPECT_GT(page->durable_at, world.engine->durable());
}

TEST_F(EngineFlush, TellsTheCountersWithTheLargestTotals) {
  for (int i = 0; i < 50; ++i) {
    const auto each = name(i);
    world.run(world.add(each, i * 37 % 50));
  }
  const auto other = world.operation(OperationKind::kAdd, "elsewhere", 1'000, "views");
  world.run(other);
  for (const std::size_t limit : {0, 1, 7, 100}) {
    std::optional<ScanPage> page;
    world.engine->top(world.space(), limit, [&](Result<ScanPage> given) { page = *given; });
    for (int i = 0; i < 10 && !page; ++i) world.turn();
    ASSERT_TRUE(page.has_value());
    ASSERT_EQ(page->counters.size(), std::min<std::size_t>(limit, 50));
    for (std::size_t i = 0; i < page->counters.size(); ++i) {
      EXPECT_EQ(page->counters[i].value, 49 - static_cast<std::int64_t>(i));
      EXPECT_EQ(world.value(page->counters[i].counter), page->counters[i].value);
    }
  }
}

TEST_F(EngineFlush, ManyWalksTakeNoMoreOfAStepThanOne) {
  constexpr int kCounters = 2'000;
  for (int i = 0; i < kCounters; ++i) {
    const auto each = name(i);
    world.run(world.add(each, 1));
  }
  const auto steps_of = [&](int walks) {
    int answered = 0;
    for (int i = 0; i < walks; ++i) {
      world.engine->top(world.space(), 1, [&](const Result<ScanPage>& page) { answered += page ? 1 : 0; });
    }
    int steps = 0;
    for (; answered < walks && steps < 1'000; ++steps) world.step();
    EXPECT_EQ(answered, walks);
    return steps;
  };
  EXPECT_LE(steps_of(1), 2);
  // 64 walks of 2,000 counters each, of which a step looks at 20,000.
  EXPECT_GE(steps_of(64), 64 * kCounters / 20'000);
}

TEST_F(EngineFlush, ResetsEveryCounterInTheTableOrNot) {
  for (const std::size_t bound : {std::size_t{3'000}, std::size_t{1} << 30}) {
    SCOPED_TRACE(bound);
    world.options.table_bytes_max = bound;
    world.restart();
    add_many(0, 400);
    world.turns(10, 400);
    world.run(world.operation(OperationKind::kAdd, "elsewhere", 1, "views"));
    std::optional<Result<Offset>> done;
    world.engine->reset_all({world.space()}, [&](Result<Offset> given) { done = std::move(given); });
    for (int i = 0; i < 5'000 && !done; ++i) world.turn(100);
    ASSERT_TRUE(done.has_value());
    ASSERT_TRUE(done->has_value());
    EXPECT_LE(**done, world.engine->newest());
    EXPECT_EQ(world.count(), 0u);
    EXPECT_EQ(world.engine->count({world.space("views")}), 1u);
    world.commit();
    world.restart();
    EXPECT_EQ(world.count(), 0u);
    EXPECT_EQ(world.value(name(7)), 0);
    EXPECT_EQ(world.read("elsewhere", "views").value, 1);
    world.run(world.operation(OperationKind::kReset, "elsewhere", 0, "views"));
    world.commit();
  }
}

TEST_F(EngineFlush, AResetOfAllThatFindsNothingLeftWaitsForTheOneThatLeftNothing) {
  add_many(0, 20);
  world.commit();
  Offset newest{};
  for (int i = 0; i < 2; ++i) {
    std::optional<Result<Offset>> done;
    world.engine->reset_all({world.space()}, [&](Result<Offset> given) { done = std::move(given); });
    for (int turns = 0; turns < 100 && !done; ++turns) world.engine->step(world.now, false);
    ASSERT_TRUE(done.has_value());
    ASSERT_TRUE(done->has_value());
    EXPECT_GT(**done, world.engine->durable()) << "a crash could take it back";
    EXPECT_TRUE(i == 0 || **done == newest);
    newest = **done;
  }
}

TEST_F(EngineFlush, AResetOfAllThatNoCommitCanHoldIsRefused) {
  world.options.open_bytes_max = 1'400;
  world.restart();
  world.run(world.add(std::string(300, 'x')));
  world.commit();
  std::optional<Result<Offset>> done;
  world.engine->reset_all({world.space()}, [&](Result<Offset> given) { done = std::move(given); });
  for (int turns = 0; turns < 100 && !done; ++turns) world.turn();
  ASSERT_TRUE(done.has_value()) << "it waits for ever";
  ASSERT_FALSE(done->has_value());
  EXPECT_EQ(done->error().code, Code::kTooLarge);
  EXPECT_EQ(world.count(), 1u);
}

TEST_F(EngineFlush, AnswersAboutAPolicyWhenTheStoreSurelyHasIt) {
  const NamespacePolicy policy{AckMode::kMemory, false, 60'000, 5};
  std::optional<Result<void>> done;
  world.engine->put_namespace("new", policy, [&](Result<void> given) { done = std::move(given); });
  world.step();
  EXPECT_FALSE(done.has_value());
  world.store.perform();
  world.step();
  ASSERT_TRUE(done.has_value());
  EXPECT_TRUE(done->has_value());
  world.restart();
  EXPECT_EQ(world.engine->namespaces().policy(world.space("new")), policy);
}

TEST_F(EngineFlush, KeepsAPolicyThatChangedWhileAFlushWasUnderWay) {
  // The flush that notes the namespace begins before the policy changes, and ends after it.
  const auto space = world.space("new");
  world.run(world.add("a"));
  world.commit();
  world.step(2'000);
  const NamespacePolicy policy{AckMode::kMemory, false, 60'000, 5};
  bool done = false;
  world.engine->put_namespace("new", policy, [&](Result<void> given) { done = given.has_value(); });
  world.turns(10);
  EXPECT_TRUE(done);
  EXPECT_EQ(world.engine->namespaces().policy(space), policy);
  EXPECT_EQ(world.store.state().settings.at("namespace/new"), "ack=memory memory=0 viewer_window=60000 id_promise=5");
  world.flush();
  world.restart();
  EXPECT_EQ(world.engine->namespaces().policy(world.space("new")), policy);
}

TEST_F(EngineFlush, PutsAPolicyBackThatTheStoreDidNotTake) {
  world.flush();
  world.store.fails = true;
  std::optional<Result<void>> done;
  const auto before = world.engine->namespaces().policy(world.space());
  world.engine->put_namespace("default", {AckMode::kMemory, false, 1, 2},
                              [&](Result<void> given) { done = std::move(given); });
  world.turns(3);
  ASSERT_TRUE(done.has_value());
  EXPECT_FALSE(done->has_value());
  EXPECT_EQ(world.engine->namespaces().policy(world.space()), before);
  world.store.fails = false;
  world.flush();
  world.restart();
  EXPECT_EQ(world.engine->namespaces().policy(world.space()), before);
}

TEST_F(EngineFlush, MakesANamespaceForAnOperatorWhereWritesMayNot) {
  world.options.namespaces_auto_create = false;
  world.restart();
  EXPECT_FALSE(world.engine->namespaces().find_or_create("new").has_value());
  bool done = false;
  world.engine->put_namespace("new", {}, [&](Result<void> given) { done = given.has_value(); });
  world.turns(3);
  EXPECT_TRUE(done);
  world.engine->put_namespace("New", {}, [&](Result<void> given) { done = given.has_value(); });
  EXPECT_FALSE(done);
}

}  // namespace
}  // namespace quipu
