#include "worker/worker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/flushed_mark.h"
#include "worker/start_partition_store.h"
#include "worker/worker_fixture.h"

namespace quipu::testing_worker {
namespace {

TEST_F(WorkerTest, WritesRowsAndLaterTheWatermarkAndThenTheHint) {
  append(kFirst, {add("a", 2), add("b", 5)});
  append(kFirst, {add("a", 1)});
  start();
  flush();
  EXPECT_EQ(row(kFirst, "a"), (Row{3, 2, {}, Offset{2}, 0}));
  EXPECT_EQ(row(kFirst, "b"), (Row{5, 1, {}, Offset{1}, 0}));
  EXPECT_EQ(health(kFirst).flushed, Offset{2});
  EXPECT_EQ(watermark(kFirst), kNoOffset) << "before the commit delay";
  EXPECT_TRUE(process_->group.hinted.empty());
  mark();
  EXPECT_EQ(watermark(kFirst), Offset{2});
  EXPECT_EQ(process_->group.hinted[kFirst], Offset{2});
  EXPECT_EQ(health(kFirst).watermark, Offset{2});
}

TEST_F(WorkerTest, OwnsSomePartitionsAndWritesRowsOfNoOther) {
  append(kFirst, {add("a")});
  append(kSecond, {add("a")});
  start({kSecond});
  mark();
  EXPECT_FALSE(row(kFirst, "a"));
  EXPECT_EQ(row(kSecond, "a")->total, 1);
  EXPECT_EQ(process_->worker.health().size(), 1u);
}

TEST_F(WorkerTest, TellsTheCacheWhatWasAcknowledgedAndNothingBefore) {
  append(kFirst, {add("a")});
  start();
  for (int i = 0; i < 30; ++i) {
    step();
    process_->store.perform(1'000, [this] {
      return process_->cache.updated.empty() && store_.now < 25 ? StoreHandle::Fate::kLost : StoreHandle::Fate::kDone;
    });
    if (!row(kFirst, "a")) {
      ASSERT_TRUE(process_->cache.updated.empty());
    }
  }
  ASSERT_EQ(process_->cache.updated.size(), 1u);
  EXPECT_EQ(process_->cache.updated[0].second, *row(kFirst, "a"));
}

TEST_F(WorkerTest, GoesOnFromTheWatermarkAndSkipsWhatRowsInclude) {
  append(kFirst, {add("a", 4)});
  start();
  mark();
  append(kFirst, {add("a", 16)});
  flush();  // The row is ahead of the watermark.
  ASSERT_EQ(row(kFirst, "a")->total, 20);
  ASSERT_EQ(watermark(kFirst), Offset{1});
  append(kFirst, {add("a", 64)});
  start();
  flush();
  EXPECT_EQ(row(kFirst, "a"), (Row{84, 3, {}, Offset{3}, 0}));
}

TEST_F(WorkerTest, GoesByNoSequencesThatAnOlderLogHadOfASource) {
  const Hash128 source{1, 2};
  StoreWrite older;
  auto& mark = older.watermarks.emplace_back(Watermark{kFirst, Offset{50}, {}});
  put(mark.chains, std::uint32_t{0});
  older.sources = {{kFirst, source, 9, Offset{40}}};
  store_.write(older);
  append(kFirst, {of_source("a", source, 5)});
  start();
  this->mark();
  EXPECT_EQ(row(kFirst, "a")->total, 1) << "the older log had lost it, or it is another client's place";
  append(kFirst, {of_source("a", source, 5)});
  append(kFirst, {of_source("a", source, 6)});
  start();
  flush();
  EXPECT_EQ(row(kFirst, "a")->total, 2) << "what this log had is known";
}

TEST_F(WorkerTest, ParksOnePartitionWhoseRowsAreMissingAndGoesOnWithTheOthers) {
  append(kFirst, {add("a")});
  start();
  turns(2);
  step();
  ASSERT_EQ(health(kFirst).state, State::kParked);
  append(kSecond, {add("b")});
  step();
  EXPECT_EQ(health(kSecond).state, State::kParked);
  // The first partition's rows come, the second's do not.
  process_->store.perform(1, [] { return StoreHandle::Fate::kDone; });
  step();
  step();
  EXPECT_EQ(health(kFirst).read, Offset{1});
  EXPECT_EQ(health(kSecond).state, State::kParked);
  flush();
  EXPECT_EQ(row(kSecond, "b")->total, 1);
}

TEST_F(WorkerTest, RebuildsTheWindowFromFarEnoughBack) {
  options_.ids_max = 3;
  options_.read_back_frames = 1;
  append(kFirst, {with_id("a", 1)});
  append(kFirst, {with_id("a", 2)});
  for (int i = 0; i < 6; ++i) append(kFirst, {add("b")});
  append(kFirst, {with_id("a", 3)});
  start();
  mark();
  ASSERT_EQ(watermark(kFirst), Offset{9});
  start();
  append(kFirst, {with_id("a", 1), with_id("a", 2), with_id("a", 3)});
  flush();
  EXPECT_EQ(row(kFirst, "a")->total, 3);
  append(kFirst, {with_id("a", 4), with_id("a", 1)});  // 1 was pushed out.
  flush();
  EXPECT_EQ(row(kFirst, "a")->total, 5);
}

TEST_F(WorkerTest, ReadsAgainWhatTheStoreForgot) {
  append(kFirst, {add("a")});
  start();
  mark();
  append(kFirst, {add("a", 4)});
  flush();
  ASSERT_EQ(row(kFirst, "a")->total, 5);
  store_.power_cut([] { return false; });
  process_->store.forgot(0);
  ASSERT_EQ(row(kFirst, "a")->total, 1);
  mark();
  EXPECT_EQ(row(kFirst, "a")->total, 5);
  EXPECT_EQ(watermark(kFirst), Offset{2});
  EXPECT_EQ(process_->worker.stats().returns, 2u);  // Both partitions.
}

TEST_F(WorkerTest, PassesAResetOnBeforeItsWatermarkPassesIt) {
  append(kFirst, {add("a", 7)});
  append(kSecond, {add("a", 8)});
  append(kFirst, {reset("a"), add("a", 3)});  // A SET.
  start();
  process_->view.held = true;
  mark();
  EXPECT_EQ(health(kFirst).resets_owed, 1u);
  EXPECT_EQ(watermark(kFirst), kNoOffset);
  EXPECT_EQ(row(kFirst, "a")->total, 3);
  EXPECT_EQ(row(kSecond, "a")->total, 8);
  process_->view.held = false;
  int answers = 0;
  process_->view.fate = [&] { return ++answers <= 2 ? LogView::Fate::kWrittenUnknown : LogView::Fate::kAcknowledged; };
  mark();
  EXPECT_EQ(watermark(kFirst), Offset{2});
  const auto epoch = epoch_of(Generation{1}, Offset{2});
  EXPECT_EQ(row(kFirst, "a")->epoch, epoch);
  EXPECT_EQ(row(kSecond, "a")->epoch, epoch);
  EXPECT_EQ(row(kSecond, "a")->total, 0);
  EXPECT_EQ(log_.bounds(kSecond).end, Offset{5}) << "sent three times, since two answers were lost";
}

TEST_F(WorkerTest, TellsAnAddedPartitionOfWhatIsStillOwed) {
  append(kFirst, {reset("a")});
  start();
  process_->view.held = true;
  flush();
  ASSERT_EQ(health(kFirst).resets_owed, 1u);
  const PartitionId added{2};
  process_->group.change(Kind::kAssigned, added);  // The group hears of it before the log.
  turns(5);
  EXPECT_EQ(health(added).state, State::kRestoring);
  log_.add_partition();
  process_->view.held = false;
  mark();
  EXPECT_EQ(health(kFirst).resets_owed, 0u);
  EXPECT_EQ(row(added, "a")->epoch, epoch_of(Generation{1}, Offset{1}));
}

TEST_F(WorkerTest, OwesAResetUntilTheLogWasAskedHowManyPartitionsThereAre) {
  log_.add_partition();
  start();
  const PartitionId added{2};
  process_->view.known_partitions = 2;  // Nobody has told this process of the third.
  process_->view.partitions_age = 1'000'000;
  append(kFirst, {reset("a")});
  mark();
  EXPECT_EQ(health(kFirst).resets_owed, 1u);
  EXPECT_EQ(watermark(kFirst), kNoOffset);
  EXPECT_EQ(log_.bounds(kSecond).end, Offset{2}) << "passed on to those that are known";
  process_->view.known_partitions.reset();
  process_->view.partitions_age = 0;
  mark();
  EXPECT_EQ(health(kFirst).resets_owed, 0u);
  EXPECT_EQ(watermark(kFirst), Offset{1});
  EXPECT_EQ(log_.bounds(kSecond).end, Offset{2});
  EXPECT_EQ(log_.bounds(added).end, Offset{2});
}

TEST_F(WorkerTest, FlushesARevokedPartitionAndWritesNoWatermarkBeforeItsTime) {
  append(kFirst, {add("a")});
  start();
  turns(5);
  process_->group.change(Kind::kRevoked, kFirst);
  turns(5);
  EXPECT_EQ(process_->group.released_now, std::vector{kFirst});
  EXPECT_EQ(row(kFirst, "a")->total, 1);
  EXPECT_EQ(process_->worker.health().size(), 1u);
  turns(100);
  EXPECT_EQ(watermark(kFirst), kNoOffset);
}

TEST_F(WorkerTest, GivesUpARevokedPartitionWhenTheStoreDoesNotAnswer) {
  append(kFirst, {add("a")});
  start();
  turns(5);
  process_->group.change(Kind::kRevoked, kFirst);
  for (int i = 0; i < 900; ++i) step();
  EXPECT_TRUE(process_->group.released_now.empty());
  for (int i = 0; i < 110; ++i) step();
  EXPECT_EQ(process_->group.released_now, std::vector{kFirst});
  EXPECT_EQ(process_->worker.stats().forced_releases, 1u);
}

TEST_F(WorkerTest, WritesNothingMoreOfALostPartition) {
  append(kFirst, {add("a")});
  start();
  turns(5);
  process_->group.change(Kind::kLost, kFirst);
  turns(100);
  EXPECT_FALSE(row(kFirst, "a"));
  EXPECT_TRUE(process_->group.released_now.empty());
  EXPECT_EQ(process_->worker.health().size(), 1u);
}

TEST_F(WorkerTest, PausesWhileTheStoreIsSlow) {
  options_.dirty_bytes_max = 1'000;
  options_.read_bytes = 1;
  for (int i = 0; i < 40; ++i) append(kFirst, {add("c" + std::to_string(i))});
  start({kFirst});
  process_->store.loses_writes = true;
  turns(300);
  EXPECT_EQ(health(kFirst).state, State::kPaused);
  EXPECT_TRUE(process_->group.paused.contains(kFirst));
  EXPECT_EQ(health(kFirst).read, Offset{8}) << "1,000 bytes are 7 rows, and one more takes it above";
  process_->store.loses_writes = false;
  turns(300);
  EXPECT_GE(process_->worker.stats().pauses, 1u);
  EXPECT_EQ(health(kFirst).lag, 0u);
  EXPECT_FALSE(process_->group.paused.contains(kFirst));
}

TEST_F(WorkerTest, EvictsCleanRowsAboveTheBoundAndReadsThemBack) {
  options_.table_bytes_max = 300;
  start({kFirst});
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 20; ++i) append(kFirst, {add("c" + std::to_string(i))});
    mark();
  }
  for (int i = 0; i < 20; ++i) ASSERT_EQ(row(kFirst, "c" + std::to_string(i))->total, 3);
  EXPECT_GT(process_->worker.stats().rows_evicted, 20u);
  EXPECT_GT(process_->worker.stats().rows_loaded, 10u);
}

TEST_F(WorkerTest, TellsReadersHowFarTheRowsReachAndHowOldTheyAre) {
  append(kFirst, {add("a")});
  start();
  flush();
  const auto told = [&] {
    const auto& settings = store_.settings();
    return **parse_flushed("flushed/0", settings.at("flushed/0"));
  };
  EXPECT_EQ(told().offset, Offset{1});
  EXPECT_EQ(told().generation, Generation{1});
  const auto then = told().as_of;
  EXPECT_GT(then, kWall);
  turns(40);
  EXPECT_GT(told().as_of, then) << "what is up to date stays so while nothing happens";
  append(kFirst, {add("a")});
  process_->view.not_yet = [] { return true; };
  turns(5);
  const auto before = told().as_of;
  turns(40);
  EXPECT_EQ(told().as_of, before) << "what is behind grows old";
  EXPECT_EQ(health(kFirst).lag, 1u);
  EXPECT_GT(health(kFirst).lag_ms, 0);
}

TEST_F(WorkerTest, DrainsAndTakesNothingMore) {
  append(kFirst, {add("a")});
  start();
  turns(5);
  process_->worker.drain();
  turns(10);
  EXPECT_TRUE(process_->worker.drained());
  EXPECT_EQ(row(kFirst, "a")->total, 1);
  process_->group.change(Kind::kAssigned, kFirst);
  process_->group.change(Kind::kRevoked, kFirst);
  step();
  EXPECT_TRUE(process_->worker.drained());
  EXPECT_EQ(process_->group.released_now, std::vector{kFirst});
}

TEST_F(WorkerTest, StopsEverythingWhenTheGroupCanNotGoOn) {
  append(kFirst, {add("a")});
  start();
  turns(5);
  process_->group.sick = Error{Code::kDamaged, "the topic was made anew", 0};
  turns(50);
  EXPECT_EQ(process_->worker.alarm(), "the topic was made anew");
  EXPECT_EQ(health(kSecond).state, State::kStopped);
  EXPECT_FALSE(row(kFirst, "a"));
}

TEST_F(WorkerTest, SaysWhenTheNextStepIsNeeded) {
  start({kFirst});
  turns(30);
  append(kFirst, {add("a")});
  turns(4);
  const auto due = process_->worker.due();
  EXPECT_GT(due, store_.now - 1);
  EXPECT_LE(due, store_.now + options_.flush_interval_ms);
  int steps = 0;
  for (; watermark(kFirst) == kNoOffset && steps < 60; ++steps) {  // Woken only when it asked for it, or by an answer.
    const auto later = std::max<TimeMs>(process_->worker.due() - store_.now, 0);
    step(process_->store.waiting() > 0 ? 0 : std::min<TimeMs>(later, 1'000));
    perform();
    step(0);
  }
  EXPECT_EQ(watermark(kFirst), Offset{1}) << steps;
}

/// Takes over from the answers at start, and keeps bases as a store by partition does: completed by the store itself.
TEST_F(WorkerTest, RunsOverAStoreThatAnswersAtStart) {
  options_.base_interval_ms = 10;
  std::optional<Base> kept;
  StoreHandle handle(store_, late_);
  StartPartitionStore plain(handle, {[&](PartitionId partition, Offset offset) -> Result<std::optional<Base>> {
                                       if (partition != kFirst || !kept || kept->offset > offset) return std::nullopt;
                                       return kept;
                                     },
                                     [&](PartitionId, Base base, std::uint64_t token) {
                                       kept = std::move(base);
                                       handle.complete_base(token);
                                     }});
  LogView view(log_);
  view.trim_asked = [this](PartitionId partition, Offset offset) { log_.trim(partition, offset); };
  TestGroup group;
  TestCache cache;
  InOrderAppender appender(view, {99, 1}, 3);
  const auto run = [&](Worker& worker, int turns) {
    for (int i = 0; i < turns; ++i) {
      ++store_.now;
      worker.step(store_.now, kWall + store_.now);
      handle.perform(1'000, [] { return StoreHandle::Fate::kDone; });
    }
  };
  append(kFirst, {with_id("a", 1)});
  {
    Worker worker(options_, WorkerParts{view, group, handle, plain, cache, appender});
    group.change(Kind::kAssigned, kFirst);
    run(worker, 150);
    ASSERT_TRUE(kept);
    EXPECT_EQ(log_.bounds(kFirst).begin, Offset{2});
  }
  append(kFirst, {with_id("a", 1), with_id("a", 2)});
  Worker worker(options_, WorkerParts{view, group, handle, plain, cache, appender});
  group.change(Kind::kAssigned, kFirst);
  run(worker, 30);
  EXPECT_EQ(worker.health().front().alarm, "");
  EXPECT_EQ(row(kFirst, "a")->total, 2);
}

}  // namespace
}  // namespace quipu::testing_worker
