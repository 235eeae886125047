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
#include "worker/worker_world.h"

namespace quipu::testing_worker {
namespace {

constexpr PartitionId kFirst{0};
constexpr PartitionId kSecond{1};
using State = PartitionHealth::State;
using Kind = LogGroup::Change::Kind;

Entry add(std::string_view counter, std::int64_t delta = 1) {
  Entry entry;
  entry.space = "default";
  entry.counter = counter;
  entry.delta = delta;
  entry.time = 1'000;
  return entry;
}
Entry with_id(std::string_view counter, std::uint64_t id) {
  Entry entry = add(counter);
  entry.group = GroupKind::kIds;
  entry.id = {{id * 0x9e3779b97f4a7c15, id}, 0};
  return entry;
}
Entry reset(std::string_view counter) {
  Entry entry = add(counter, 0);
  entry.kind = EntryKind::kReset;
  entry.events = 0;
  return entry;
}

class WorkerTest : public testing::Test {
 protected:
  WorkerTest() : log_(2), store_(kSyncMs) {
    options_.secret = {1, 2};
    options_.ids_max = 100;
    options_.flush_interval_ms = 10;
    options_.commit_delay_ms = kSyncMs + kNewsMs;
    options_.retry_ms = 3;
    options_.release_ms_max = 1'000;
    options_.log_grace_ms = 50;
  }

  /// A process that owns these partitions, in place of the one before it.
  void start(std::vector<PartitionId> partitions = {kFirst, kSecond}) {
    process_ = std::make_unique<WorkerProcess>(log_, store_, late_, options_, ++processes_);
    process_->view.trim_asked = [this](PartitionId partition, Offset offset) { log_.trim(partition, offset); };
    for (const PartitionId partition : partitions) process_->group.change(Kind::kAssigned, partition);
  }
  Offset append(PartitionId partition, const std::vector<Entry>& entries) {
    return log_.append(partition, make_frame(partition, {50, 1}, ++numbers_[partition.value], entries));
  }
  void step(TimeMs later = 1) {
    store_.now += later;
    process_->worker.step(store_.now, kWall + store_.now);
  }
  void perform(StoreHandle::Fate fate = StoreHandle::Fate::kDone) {
    process_->store.perform(1'000, [fate] { return fate; });
  }
  void turns(int count, TimeMs later = 1) {
    for (int i = 0; i < count; ++i) {
      step(later);
      perform();
    }
  }
  /// Everything is read and in the store, but its watermark is not written.
  void flush() { turns(static_cast<int>(options_.flush_interval_ms) + 8); }
  /// ... and the watermark is.
  void mark() {
    flush();
    turns(static_cast<int>(options_.commit_delay_ms) + 8);
  }
  PartitionHealth health(PartitionId partition) const {
    for (const PartitionHealth& each : process_->worker.health()) {
      if (each.partition == partition) return each;
    }
    return {};
  }
  std::optional<Row> row(PartitionId partition, const std::string& counter) const {
    return store_.row({"default", counter, {Generation{1}, partition}});
  }
  Offset watermark(PartitionId partition) const {
    const auto mark = store_.watermark(partition);
    return mark ? mark->offset : kNoOffset;
  }
  void expect_alarm(const std::string& what) const {
    const auto now = health(kFirst);
    EXPECT_EQ(now.state, State::kStopped);
    EXPECT_NE(now.alarm.find("partition 0"), std::string::npos) << now.alarm;
    EXPECT_NE(now.alarm.find(what), std::string::npos) << now.alarm;
  }

  static constexpr TimeMs kWall = 1'700'000'000'000;
  WorkerOptions options_;
  SharedLog log_;
  SharedStore store_;
  StoreHandle::Late late_;
  std::unique_ptr<WorkerProcess> process_;
  std::uint64_t processes_ = 0;
  std::uint64_t numbers_[3] = {};
};

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

TEST_F(WorkerTest, StopsAtAFrameOfAnotherLog) {
  append(kFirst, {add("a")});
  log_.append(kFirst, make_frame(kFirst, {50, 1}, 2, {add("a")}, 1'000, test_identity(2)));
  append(kSecond, {add("b")});
  start();
  mark();
  expect_alarm("offset 2 holds a frame of another log, of generation 2");
  EXPECT_EQ(row(kSecond, "b")->total, 1) << "the other partition goes on";
}

TEST_F(WorkerTest, StopsAtAGapInAChain) {
  append(kFirst, {add("a")});
  ++numbers_[0];
  append(kFirst, {add("a")});
  start();
  mark();
  expect_alarm("frame 3 of node 50, boot 1 follows its frame 1");
  EXPECT_EQ(watermark(kFirst), kNoOffset) << "nothing more is written";
}

TEST_F(WorkerTest, StopsAtADamagedFrame) {
  append(kFirst, {add("a")});
  log_.frame(kFirst, Offset{1}).back() ^= std::byte{1};
  start();
  turns(10);
  expect_alarm("offset 1");
}

TEST_F(WorkerTest, StopsWhereTheLogEndsBeforeWhatWasCounted) {
  for (int i = 0; i < 3; ++i) append(kFirst, {add("a")});
  start();
  mark();
  log_.cut(kFirst, Offset{2});
  start();
  turns(20);
  EXPECT_EQ(health(kFirst).alarm, "") << "what is known of the end may be old for a while";
  turns(60);
  expect_alarm("ends before offset 2, but it was counted up to offset 3");
}

TEST_F(WorkerTest, BelievesAnEndThatWasAskedForSinceAndNoOther) {
  for (int i = 0; i < 3; ++i) append(kFirst, {add("a")});
  start();
  mark();
  log_.cut(kFirst, Offset{2});
  start();
  process_->view.bounds_age = 1'000'000;  // Brokers do not answer: the end is from before the partition was taken over.
  turns(500);
  EXPECT_EQ(health(kFirst).alarm, "");
  process_->view.bounds_age = 1;
  turns(60);
  expect_alarm("ends before offset 2, but it was counted up to offset 3");
}

TEST_F(WorkerTest, StopsWhereFramesWereRemovedBeforeTheyWereRead) {
  for (int i = 0; i < 3; ++i) append(kFirst, {add("a")});
  log_.trim(kFirst, Offset{3});
  start();
  turns(20);
  expect_alarm("begins at offset 3, but offset 1 is still needed: frames were removed before they were read");
}

TEST_F(WorkerTest, StopsWhereNothingSaysWhichIdsCameBefore) {
  for (int i = 0; i < 3; ++i) append(kFirst, {add("a")});
  start();
  mark();
  log_.trim(kFirst, Offset{3});
  start();
  turns(20);
  expect_alarm("begins at offset 3, and no base says which ids came before it");
}

TEST_F(WorkerTest, BeginsAgainAtTheWatermarkWhereAnotherWorkerIsAhead) {
  options_.base_interval_ms = 10;
  append(kFirst, {add("a")});
  start();
  mark();
  auto slow = std::move(process_);  // It goes on later, and does not know of the others.
  for (int i = 0; i < 5; ++i) append(kFirst, {add("a")});
  start();
  turns(60);
  append(kFirst, {add("a")});
  turns(200);
  ASSERT_GT(log_.bounds(kFirst).begin, Offset{2});
  process_ = std::move(slow);
  append(kFirst, {add("a")});
  mark();
  EXPECT_EQ(health(kFirst).alarm, "");
  EXPECT_EQ(row(kFirst, "a")->total, 8);
  EXPECT_GE(process_->worker.stats().returns, 1u);
}

TEST_F(WorkerTest, TrimsTheLogBehindABaseThatIsSurelyInTheStore) {
  options_.base_interval_ms = 10;
  append(kFirst, {with_id("a", 1)});
  append(kFirst, {add("b")});
  start();
  flush();
  turns(40);
  ASSERT_EQ(watermark(kFirst), Offset{2});
  EXPECT_EQ(log_.bounds(kFirst).begin, Offset{1}) << "neither watermark nor base are surely there";
  turns(80);
  EXPECT_EQ(log_.bounds(kFirst).begin, Offset{3});
  start();
  append(kFirst, {with_id("a", 1), with_id("a", 2)});
  flush();
  EXPECT_EQ(row(kFirst, "a")->total, 2) << "the window came from the base";
}

/// How many bases were with the store at a time, at most, while two partitions had them due.
class WorkerBases : public WorkerTest {
 protected:
  std::size_t most_at_a_time() {
    options_.base_interval_ms = 10;
    start();
    std::size_t most = 0;
    for (int i = 0; i < 600; ++i) {
      if (i % 40 == 0) {
        append(kFirst, {with_id("a", numbers_[0])});
        append(kSecond, {with_id("b", numbers_[1])});
      }
      step();
      most = std::max(most, process_->store.bases_waiting());
      perform();
    }
    EXPECT_GT(log_.bounds(kFirst).begin, Offset{1}) << "its base was made in the end";
    EXPECT_GT(log_.bounds(kSecond).begin, Offset{1}) << "and so was that of the other";
    return most;
  }
};

TEST_F(WorkerBases, AreMadeBesideEachOtherWhereTheirBytesAllow) { EXPECT_EQ(most_at_a_time(), 2U); }

TEST_F(WorkerBases, AreMadeOneAfterTheOtherBeyondTheirBytes) {
  options_.base_bytes_max = 1;
  EXPECT_EQ(most_at_a_time(), 1U);
}

TEST_F(WorkerTest, BeginsNoBaseWhileOneOfADroppedPartitionIsWithTheStore) {
  options_.base_interval_ms = 10;
  options_.base_bytes_max = 1;
  append(kFirst, {with_id("a", 1)});
  start({kFirst});
  for (int i = 0; i < 400 && process_->store.bases_waiting() == 0; ++i) {
    step();
    if (process_->store.bases_waiting() == 0) perform();
  }
  ASSERT_EQ(process_->store.bases_waiting(), 1U);
  process_->group.change(Kind::kLost, kFirst);
  process_->group.change(Kind::kAssigned, kSecond);
  append(kSecond, {with_id("b", 1)});
  process_->store.holds_bases = true;
  turns(400);
  EXPECT_EQ(process_->store.bases_waiting(), 1U);
  process_->store.holds_bases = false;
  turns(10);
  append(kSecond, {with_id("b", 2)});  // The next flush makes it.
  turns(400);
  EXPECT_GT(log_.bounds(kSecond).begin, Offset{1});
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

TEST_F(WorkerTest, TrimsNothingWhereTheStoreKeepsNoBases) {
  StoreHandle handle(store_, late_);
  StartPartitionStore plain(handle);
  append(kFirst, {add("a")});
  start();
  mark();
  plain.restore(kFirst, 7);
  plain.write_base(kFirst, {Offset{1}, {}}, 8);
  std::vector<PartitionStore::Answer> answers;
  plain.take_answers(answers);
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].token, 7u);
  EXPECT_EQ(answers[0].restored->watermark->offset, Offset{1});
  EXPECT_FALSE(answers[0].restored->base);
  EXPECT_EQ(answers[1].restored.error().code, Code::kRefused);
}

}  // namespace
}  // namespace quipu::testing_worker
