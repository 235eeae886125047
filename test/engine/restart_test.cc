#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "engine/world.h"

namespace quipu {
namespace {

class EngineRestart : public testing::Test {
 protected:
  void SetUp() override { world.start(); }

  /// Bases and syncs as often as there are flushes.
  void make_bases_often() {
    world.options.base_interval_ms = 1;
    world.options.sync_interval_ms = 1;
  }
  World world;
};

TEST_F(EngineRestart, LosesNothingDurableWhateverTheStoreForgot) {
  for (int i = 0; i < 30; ++i) {
    world.run(world.add("a", i));
    world.run(world.add_of_source("b", "s", static_cast<std::uint64_t>(i) + 1));
    world.turn(700);
  }
  world.commit();
  ASSERT_GT(world.store.unsynced(), 3u);
  for (std::size_t kept = 0; kept < 4; ++kept) {
    world.crash(kept, kept);
    world.start();
    EXPECT_EQ(world.value("a"), 435);
    EXPECT_EQ(world.value("b"), 30);
    EXPECT_TRUE(world.run(world.add_of_source("b", "s", 30)).duplicate);
  }
}

TEST_F(EngineRestart, TakesNothingBackThatWasShown) {
  world.run(world.add("a", 1));
  world.commit();
  world.run(world.add("a", 2));
  const auto made = world.durable_at();
  world.step();
  EXPECT_LT(world.engine->durable(), made) << "nobody has seen the 3";
  world.crash(3);
  world.start();
  EXPECT_TRUE(world.value("a") == 1 || world.value("a") == 3);
}

TEST_F(EngineRestart, ReadsNothingAgainAfterAnEndInGoodOrder) {
  for (int i = 0; i < 20; ++i) world.run(world.add_with_id("a", std::to_string(i)));
  auto quick = world.add("a", 100);
  quick.memory_ack = true;
  world.run(quick);
  world.stop();
  EXPECT_EQ(world.stored("a"), 120);
  EXPECT_EQ(world.store.unsynced(), 0u) << "all of it is synced";
  world.start();
  EXPECT_EQ(world.engine->stats().replayed_frames, 0u);
  EXPECT_EQ(world.value("a"), 120);
  EXPECT_TRUE(world.run(world.add_with_id("a", "7")).duplicate);
}

TEST_F(EngineRestart, EndsInGoodOrderAlsoWhereTheStoreFailsForAWhile) {
  world.run(world.add("a", 7));
  world.store.fails = true;
  world.engine->drain();
  world.turns(50);
  EXPECT_EQ(world.engine->state(), EngineState::kDraining);
  world.store.fails = false;
  world.stop();
  EXPECT_EQ(world.stored("a"), 7);
}

TEST_F(EngineRestart, HasStoppedOnlyWhenTheStoreHasSyncedWhatWasFlushedBefore) {
  world.options.sync_interval_ms = 1'000'000;
  world.restart();
  world.run(world.add("a", 7));
  world.flush();
  ASSERT_GT(world.store.unsynced(), 0u);
  world.store.fails = true;
  world.engine->drain();
  world.turns(50);
  EXPECT_EQ(world.engine->state(), EngineState::kDraining) << "nothing is left to flush, but to sync";
  world.store.fails = false;
  world.stop();
  EXPECT_EQ(world.store.unsynced(), 0u);
}

TEST_F(EngineRestart, KnowsItsIdsFromTheBaseAndTheLogBehindIt) {
  make_bases_often();
  world.log_options.segment_bytes = kSegmentBytesMin;
  world.log_options.retain_bytes = 0;
  world.log_options.retain_ms = 0;
  world.disk = FaultDisk();
  world.restart();
  std::vector<std::string> ids;
  for (int i = 0; i < 300; ++i) ids.push_back("id" + std::to_string(i));
  for (const auto& id : ids) {
    world.run(world.add_with_id("a", id));
    world.turn(100);
  }
  EXPECT_GT(world.store.oldest_base(), kNoOffset);
  EXPECT_GT(world.log->bounds(PartitionId{0}).begin, Offset{1}) << "the log was trimmed";
  world.restart();
  for (const auto& id : ids) ASSERT_TRUE(world.run(world.add_with_id("a", id)).duplicate) << id;
  EXPECT_EQ(world.value("a"), 300);
}

TEST_F(EngineRestart, KnowsItsIdsAfterTwoRestartsWithMuchLogBehindTheBase) {
  // A base that was made while the first restart read its log would have had windows older than it said.
  world.options.ids_max = 100'000;
  world.options.base_interval_ms = 3'600'000;
  world.log_options.segment_bytes = std::size_t{8} << 20;
  world.disk = FaultDisk();
  world.restart();
  std::vector<std::string> ids;
  for (int i = 0; i < 60'000; ++i) ids.push_back(std::to_string(i));
  for (std::size_t begin = 0; begin < ids.size(); begin += 6'000) {
    std::vector<Operation> operations;
    for (auto i = begin; i < begin + 6'000; ++i) operations.push_back(world.add_with_id("a", ids[i]));
    world.run(operations);
    world.commit();
  }
  ASSERT_EQ(world.value("a"), 60'000);
  world.flush();
  ASSERT_GT(world.engine->stats().bytes_written, std::size_t{5} << 18) << "more than one stretch of a replay";
  world.stop();
  world.start();
  world.stop();
  world.start();
  for (std::size_t i = 0; i < ids.size(); i += 501) {
    ASSERT_TRUE(world.run(world.add_with_id("a", ids[i])).duplicate) << i;
  }
}

TEST_F(EngineRestart, TrimsNothingThatARestartWouldNeed) {
  world.options.base_interval_ms = 1;
  world.options.sync_interval_ms = 3'000;
  world.log_options.segment_bytes = kSegmentBytesMin;
  world.log_options.retain_bytes = 0;
  world.log_options.retain_ms = 0;
  world.disk = FaultDisk();
  world.restart();
  std::int64_t sum = 0;
  std::mt19937_64 random(5);
  for (int i = 0; i < 4'000; ++i) {
    world.run(world.add_with_id("a", std::to_string(i)));
    ++sum;
    world.turn(100);
    if (i > 45 && random() % 40 == 0) {
      world.commit();
      world.restart();
      ASSERT_EQ(world.value("a"), sum);
      ASSERT_TRUE(world.run(world.add_with_id("a", std::to_string(i - 45))).duplicate);
    }
  }
  EXPECT_GT(world.log->bounds(PartitionId{0}).begin, Offset{1});
}

TEST_F(EngineRestart, RefusesALogThatLacksWhatTheStoreHasCounted) {
  world.run(world.add("a", 7));
  world.flush();
  world.store.crash(1'000);
  world.disk = FaultDisk();
  world.log_options.known_durable = kNoOffset;
  world.engine.reset();
  world.log.reset();
  auto opened = SegmentLog::open(world.disk, world.log_options, world.now);
  ASSERT_TRUE(opened.has_value());
  Engine engine(world.options, **opened, world.store);
  const auto started = engine.start(world.now);
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().code, Code::kDamaged);
  EXPECT_EQ(engine.state(), EngineState::kFailed);
}

TEST_F(EngineRestart, CountsOnFromTheFrozenRowsOfAnOlderLog) {
  make_bases_often();
  world.restart();
  for (int i = 0; i < 20; ++i) {
    world.run(world.add("a", 1));
    world.run(world.add("reset", 5));
    world.run(world.add_of_source("b", "s", static_cast<std::uint64_t>(i) + 1));
    world.turn(500);
  }
  world.run(world.reset("reset"));
  world.run(world.add("reset", 2));
  world.stop();
  const auto newest = (*world.store.newest_base(Offset{kOffsetMax}))->offset;
  ASSERT_GT(newest, kNoOffset);

  // The log is made anew: another generation, its offsets begin again.
  world.log_options.identity.generation = Generation{2};
  world.log_options.identity.random.fill(std::byte{10});
  world.options.base_interval_ms = 3'600'000;
  world.disk = FaultDisk();
  world.start();
  EXPECT_EQ(world.value("a"), 20);
  EXPECT_EQ(world.value("reset"), 2);
  const auto repeat = world.run(world.add_of_source("b", "s", 20));
  EXPECT_TRUE(repeat.duplicate);
  EXPECT_LE(world.durable_at(), world.engine->newest()) << "an offset of the old log would hold the reply for ever";
  for (int i = 0; i < 40; ++i) {
    const auto id = std::to_string(i);
    world.run(world.add_with_id("a", id));
    world.run(world.add_with_id("reset", id));
    world.turn(200);
  }
  EXPECT_EQ(world.value("a"), 60);
  EXPECT_EQ(world.value("reset"), 42) << "the new shards know the epoch of the old ones";
  world.commit();
  ASSERT_GT(world.engine->durable(), newest) << "the old base lies below the new watermark";
  world.flush();
  world.restart();
  EXPECT_EQ(world.value("a"), 60);
  EXPECT_EQ(world.value("reset"), 42);
  for (int i = 0; i < 40; ++i) {
    const auto id = std::to_string(i);
    EXPECT_TRUE(world.run(world.add_with_id("a", id)).duplicate) << "not the windows of the old log: " << i;
  }
  world.run(world.reset("a"));
  EXPECT_EQ(world.value("a"), 0) << "frozen rows do not come back";
  world.commit();
  world.restart();
  EXPECT_EQ(world.value("a"), 0);
  EXPECT_EQ(world.run(world.add("a", 3)).value, 3);
}

TEST_F(EngineRestart, ReadsALongLogWithAFewRowsInMemory) {
  world.store.fails = true;  // Nothing is flushed before the crash.
  std::vector<std::string> names;
  for (int i = 0; i < 60'000; ++i) names.push_back("a counter with a longer name " + std::to_string(i));
  for (std::size_t begin = 0; begin < names.size(); begin += 4'000) {
    std::vector<Operation> operations;
    for (auto at = begin; at < begin + 4'000; ++at) operations.push_back(world.add(names[at], 3));
    world.run(operations);
    world.commit();
  }
  ASSERT_GT(world.engine->stats().bytes_written, std::size_t{2} << 20);
  world.options.table_bytes_max = 300'000;
  world.options.dirty_bytes_max = 50'000;
  world.crash();
  ASSERT_TRUE(world.open().has_value());
  std::uint64_t dirty = 0;
  for (int i = 0; i < 100'000 && world.engine->state() == EngineState::kRecovering; ++i) {
    world.turn();
    dirty = std::max(dirty, world.engine->stats().dirty_rows);
  }
  ASSERT_EQ(world.engine->state(), EngineState::kServing);
  EXPECT_LT(dirty, 40'000u) << "no more than what was read in one stretch";
  EXPECT_EQ(world.count(), 60'000u);
  world.options.dirty_bytes_max = 1'000'000;
  for (std::size_t i = 0; i < names.size(); i += 997) ASSERT_EQ(world.value(names[i]), 3);
}

TEST_F(EngineRestart, ComesToTheSameTotalsWhenTheReplayItselfIsInterrupted) {
  world.store.fails = true;
  std::int64_t sum = 0;
  std::vector<std::string> ids;
  for (int i = 0; i < 40'000; ++i) ids.push_back(std::to_string(i));
  world.options.ids_max = 100'000;
  world.restart();
  world.store.fails = true;
  for (std::size_t begin = 0; begin < ids.size(); begin += 4'000) {
    std::vector<Operation> operations;
    for (auto i = begin; i < begin + 4'000; ++i) operations.push_back(world.add_with_id("a", ids[i], 3));
    operations.push_back(world.reset("gone"));
    operations.push_back(world.add("gone", 1));
    world.run(operations);
    sum += 4'000 * 3;
    world.commit();
  }
  for (int kept = 1; kept < 6; ++kept) {
    world.crash(7, static_cast<std::size_t>(kept));
    ASSERT_TRUE(world.open().has_value());
    for (int i = 0; i < 2 + kept; ++i) world.turn(2'000);  // It flushes on the way.
  }
  EXPECT_GT(world.store.state().rows.size(), 0u);
  world.crash(8, 2);
  world.start();
  EXPECT_EQ(world.value("a"), sum);
  EXPECT_EQ(world.value("gone"), 1);
  EXPECT_EQ(world.count(), 2u);
  for (std::size_t i = 0; i < ids.size(); i += 331) {
    ASSERT_TRUE(world.run(world.add_with_id("a", ids[i], 3)).duplicate) << i;
  }
}

TEST_F(EngineRestart, SaysWhatANameInItsConfigurationIs) {
  world.crash();
  world.options.namespaces["Views"] = {};
  const auto opened = world.open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code, Code::kRefused);
}

}  // namespace
}  // namespace quipu
