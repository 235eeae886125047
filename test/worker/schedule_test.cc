#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "store/flushed_mark.h"
#include "worker/event_books.h"
#include "worker/worker_world.h"

/// Several workers over one log and one store, under schedules and faults that a seed draws: the counterpart of the
/// design's executable model, with the real code. The checker keeps its own history of the log.
namespace quipu::testing_worker {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kRuns = 150;  // A run takes ten times as long.
#else
constexpr std::uint64_t kRuns = 2'000;
#endif
constexpr int kActions = 500;
constexpr std::uint32_t kBootsMax = 4;  // More of a node are dropped by rule.

/// What happened in all runs together: a run in which nothing can go wrong proves nothing.
struct Coverage {
  std::map<std::string, std::uint64_t> seen;
};

class ScheduleRun {
 public:
  ScheduleRun(std::uint64_t seed, Coverage& coverage) : random_(seed), coverage_(coverage), store_(kSyncMs) {
    partitions_ = static_cast<std::uint16_t>(1 + below(4));
    options_.secret = {3, 4};
    options_.table_hash_seed = seed;
    options_.ids_max = pick<std::size_t>({4, 8, 1'000});
    options_.table_bytes_max = pick<std::size_t>({200, 400, 1'000, 1 << 20});
    options_.dirty_bytes_max = pick<std::size_t>({200, 2'000, 1 << 20});
    options_.read_bytes = pick<std::size_t>({1, 500, 1 << 20});
    options_.load_keys_max = pick<std::size_t>({1, 2, 100});
    options_.resets_owed_max = pick<std::size_t>({1, 1'000});
    options_.flush_interval_ms = pick<std::int64_t>({1, 10, 40});
    options_.commit_delay_ms = kSyncMs + kNewsMs;
    options_.retry_ms = 3;
    options_.read_back_frames = pick<std::uint64_t>({1, 5, 1'000});
    options_.release_ms_max = pick<std::int64_t>({5, 100});
    options_.log_grace_ms = 50;
    options_.base_interval_ms = pick<std::int64_t>({20, 100, 1'000'000});
    options_.base_log_bytes = pick<std::size_t>({300, 1 << 20});
    log_ = std::make_unique<SharedLog>(partitions_);
    oracle_ = std::make_unique<LogOracle>(partitions_, options_.ids_max);
    books_ = std::make_unique<EventBooks>(partitions_);
    watch();
    for (int i = 0; i < 2; ++i) nodes_.emplace_back(static_cast<std::uint64_t>(100 + i));
    const auto workers = 1 + below(3);
    for (std::size_t i = 0; i < workers; ++i) workers_.push_back(make_process());
    for (std::uint16_t p = 0; p < partitions_; ++p) assign(PartitionId{p}, below(workers_.size()));
  }

  void go() {
    for (int i = 0; i < kActions && !failed(); ++i) act();
    if (!failed()) settle();
    if (!failed()) expect_totals();
  }

 private:
  static bool failed() { return testing::Test::HasFailure(); }
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  bool chance(std::uint64_t percent) { return faulty_ && below(100) < percent; }
  template <class T>
  T pick(std::initializer_list<T> from) {
    return *(from.begin() + static_cast<std::ptrdiff_t>(below(from.size())));
  }
  void saw(const std::string& what, std::uint64_t times = 1) { coverage_.seen[what] += times; }

  // The checker, which sees the log and the store from outside.

  void watch() {
    log_->appended = [this](PartitionId partition, Offset offset, ByteView frame) {
      oracle_->now = store_.now;
      oracle_->appended(partition, offset, frame);
      ASSERT_FALSE(oracle_->gap) << "the test itself made a gap";
    };
    store_.row_written = [this](const RowKey& key, const Row& row) {
      const auto& [space, counter, shard] = key;
      ASSERT_EQ(space, "default");
      const auto truth = oracle_->at(shard.partition, counter, row.applied);
      ASSERT_TRUE(truth) << counter << " of partition " << shard.partition.value << " was not touched at offset "
                         << row.applied.value;
      ASSERT_EQ(row.total, truth->total) << counter << ", offset " << row.applied.value;
      ASSERT_EQ(row, *truth);
    };
    store_.mark_written = [this](const Watermark& mark) { expect_mark(mark); };
    store_.setting_written = [this](const std::string& name, const std::string& text) {
      const auto mark = parse_flushed(name, text);
      ASSERT_TRUE(mark && *mark);
      expect_flushed(**mark);
    };
  }

  /// Recovery may begin behind it: every row is in the store for good, and every RESET stands in every partition.
  void expect_mark(const Watermark& mark) {
    oracle_->as_of(mark.partition, mark.offset, [&](const std::string& counter, const Row& row) {
      const auto kept = store_.durable_row({"default", counter, {Generation{1}, mark.partition}});
      ASSERT_TRUE(kept) << "watermark " << mark.offset.value << " without a row of " << counter;
      ASSERT_GE(kept->applied, row.applied) << "watermark " << mark.offset.value << " before the row of " << counter;
    });
    for (const auto& reset : oracle_->resets) {
      if (reset.home != mark.partition || reset.offset > mark.offset) continue;
      ASSERT_EQ(reset.told.size() + 1, partitions_) << "watermark " << mark.offset.value << " above a RESET";
    }
  }

  void expect_flushed(const FlushedMark& mark) {
    ASSERT_LE(mark.offset, oracle_->end(mark.partition));
    if (power_cuts_ > 0) return;  // It is a hint: what was forgotten comes again.
    oracle_->as_of(mark.partition, mark.offset, [&](const std::string& counter, const Row& row) {
      const auto kept = store_.row({"default", counter, {Generation{1}, mark.partition}});
      ASSERT_TRUE(kept) << counter;
      ASSERT_GE(kept->applied, row.applied) << counter;
    });
  }

  void trim(PartitionId partition, Offset below_offset) {
    const Offset base_offset{below_offset.value - 1};
    // Another worker may have made a newer one, and dropped this.
    const auto base = store_.base_at_most(partition, store_.durable_watermark(partition), true);
    ASSERT_TRUE(base) << "trimming without a base that is surely there";
    ASSERT_GE(base->offset, base_offset) << "trimming above a base at or below what is surely counted";
    if (chance(30)) return;  // The log may keep more.
    if (log_->bounds(partition).begin < below_offset) saw("trimmed log");
    log_->trim(partition, below_offset);
  }

  // Processes and who owns what.

  std::unique_ptr<WorkerProcess> make_process() {
    auto process = std::make_unique<WorkerProcess>(*log_, store_, late_, options_, 900 + ++processes_);
    process->view.fate = [this] {
      if (!chance(40)) return LogView::Fate::kAcknowledged;
      saw("unknown or refused append");
      return pick({LogView::Fate::kWrittenUnknown, LogView::Fate::kLostUnknown, LogView::Fate::kRefused});
    };
    process->view.not_yet = [this] { return chance(20); };
    process->view.trim_asked = [this](PartitionId partition, Offset offset) { trim(partition, offset); };
    return process;
  }

  void assign(PartitionId partition, std::size_t worker) {
    owner_[partition] = worker;
    workers_[worker]->group.change(LogGroup::Change::Kind::kAssigned, partition);
  }

  /// Hands a partition on: in order, or at once while the old owner goes on for a while.
  void rebalance() {
    const PartitionId partition{static_cast<std::uint16_t>(below(partitions_))};
    const auto old = owner_[partition];
    const auto next = below(workers_.size());
    if (!old || *old == next) return;
    auto& group = workers_[*old]->group;
    if (below(2) == 0) {
      group.change(LogGroup::Change::Kind::kRevoked, partition);
      owner_[partition].reset();
      moving_[partition] = {*old, next};
      saw("revoked");
      return;
    }
    saw("zombie");
    zombies_.push_back({*old, partition});
    assign(partition, next);
  }
  void take_released(std::size_t worker) {
    for (const PartitionId partition : std::exchange(workers_[worker]->group.released_now, {})) {
      const auto moving = moving_.find(partition);
      if (moving == moving_.end() || moving->second.first != worker) continue;
      assign(partition, moving->second.second);
      moving_.erase(moving);
    }
  }
  /// The group loses patience, or a zombie hears of it.
  void lose() {
    if (!moving_.empty() && below(2) == 0) {
      const auto [partition, move] = *moving_.begin();
      moving_.erase(moving_.begin());
      workers_[move.first]->group.change(LogGroup::Change::Kind::kLost, partition);
      assign(partition, move.second);
      saw("lost while it was released");
    } else if (!zombies_.empty()) {
      const auto [worker, partition] = zombies_.front();
      zombies_.erase(zombies_.begin());
      const auto moving = moving_.find(partition);
      const bool got_it_back =
          owner_[partition] == worker || (moving != moving_.end() && moving->second.first == worker);
      if (got_it_back) return;
      workers_[worker]->group.change(LogGroup::Change::Kind::kLost, partition);
      saw("lost");
    }
  }
  void crash_worker() {
    const auto worker = below(workers_.size());
    workers_[worker]->store.die([this] { return below(2) == 0; });
    collect(*workers_[worker]);
    workers_[worker] = make_process();
    std::erase_if(zombies_, [&](const auto& zombie) { return zombie.first == worker; });
    for (auto at = moving_.begin(); at != moving_.end();) {
      if (at->second.first != worker) {
        ++at;
        continue;
      }
      assign(at->first, at->second.second);
      at = moving_.erase(at);
    }
    for (auto& [partition, owner] : owner_) {
      if (owner == worker) assign(partition, below(workers_.size()));
    }
    saw("crashed worker");
  }
  void collect(const WorkerProcess& process) {
    const WorkerStats& stats = process.worker.stats();
    saw("eviction", stats.rows_evicted);
    saw("read-back", stats.rows_loaded);
    saw("return to the watermark", stats.returns);
    saw("paused", stats.pauses);
    saw("base", stats.bases);
    saw("reset passed on", stats.resets_passed_on);
    saw("repeated store request", stats.store_failures);
    saw("released before it was flushed", stats.forced_releases);
  }

  void step(std::size_t worker) {
    WorkerProcess& process = *workers_[worker];
    process.worker.step(store_.now, 1'000'000 + store_.now + static_cast<TimeMs>(below(3'000)) - 1'500);
    for (const PartitionHealth& health : process.worker.health()) {
      ASSERT_EQ(health.alarm, "") << "worker " << worker;
      if (health.state == PartitionHealth::State::kParked) saw("parked");
      ASSERT_LE(health.watermark, health.flushed);
      ASSERT_LE(health.flushed, health.read);
      ASSERT_LT(health.read, health.log_end);
    }
    take_released(worker);
  }

  void perform(std::size_t worker, std::size_t count) {
    workers_[worker]->store.perform(count, [this] {
      if (!chance(15)) return StoreHandle::Fate::kDone;
      return pick({StoreHandle::Fate::kDoneUnknown, StoreHandle::Fate::kLost, StoreHandle::Fate::kLate});
    });
  }
  void arrive_late() {
    if (late_.empty()) return;
    const auto at = below(late_.size());
    store_.write(late_[at]);
    late_.erase(late_.begin() + static_cast<std::ptrdiff_t>(at));
    saw("late write");
  }
  void power_cut() {
    ++power_cuts_;
    store_.power_cut([this] { return below(2) == 0; });
    for (auto& process : workers_) process->store.forgot(static_cast<TimeMs>(below(kNewsMs)));
    saw("power cut of the store");
  }

  // What clients and ingest nodes do.

  std::size_t begin(std::size_t counter, Event::Mode mode) { return books_->begin(counter, mode, store_.now); }

  void offer(TestNode& node, std::size_t number) {
    const Event& event = books_->event(number);
    const bool any = event.mode == Event::Mode::kPlain;
    const auto partition = any ? PartitionId(static_cast<std::uint16_t>(below(partitions_))) : event.partition;
    node.offer(partition, {books_->entry_of(number)}, {{}, {number}, {}});
  }

  void ask() {
    TestNode& node = nodes_[below(nodes_.size())];
    const auto counter = below(kNames.size());
    if (counter < kResetCounters && below(10) == 0) return ask_reset(node, counter);
    if (books_->digits_left(counter) < 3) return;
    const bool source_waits = !books_->open(Event::Mode::kSource).empty();
    switch (below(source_waits ? 3 : 4)) {
      case 0: {  // Several entries of one counter share a frame.
        std::vector<Entry> entries;
        TestNode::Pending pending;
        for (auto left = 1 + below(3); left > 0; --left) {
          const auto number = begin(counter, Event::Mode::kPlain);
          entries.push_back(books_->entry_of(number));
          pending.events.push_back(number);
        }
        node.offer(PartitionId(static_cast<std::uint16_t>(below(partitions_))), entries, std::move(pending));
        return;
      }
      case 1:
        return offer(node, begin(counter, Event::Mode::kPlain));
      case 2:
        return offer(node, begin(counter, Event::Mode::kId));
      default:
        return offer(node, begin(counter, Event::Mode::kSource));
    }
  }
  void ask_reset(TestNode& node, std::size_t counter) {
    if (books_->resets() >= 8) return;
    std::vector<Entry> entries{EventBooks::reset_of(counter)};
    TestNode::Pending pending;
    pending.resets.push_back(books_->begin_reset(counter, store_.now));
    if (below(2) == 0 && books_->digits_left(counter) > 0) {
      const auto number = begin(counter, Event::Mode::kSet);
      entries.push_back(books_->entry_of(number));
      pending.events.push_back(number);
    }
    node.offer(books_->home(counter), entries, std::move(pending));
  }
  /// A client that heard nothing sends an id again, perhaps to another node; or what was counted long ago.
  void ask_again() {
    std::vector<std::size_t> with_id;
    for (std::size_t i = 0; i < books_->events().size(); ++i) {
      const Event& event = books_->event(i);
      if (event.mode == Event::Mode::kId && (!event.acknowledged_at || below(8) == 0)) with_id.push_back(i);
    }
    if (!with_id.empty()) offer(nodes_[below(nodes_.size())], with_id[below(with_id.size())]);
  }

  /// One attempt: a prefix of what has no answer reaches the log, each answer may be lost, a copy may arrive late.
  void send(TestNode& node, PartitionId partition) {
    auto& queue = node.waiting(partition);
    if (queue.empty()) return;
    const auto reach = faulty_ ? below(queue.size() + 1) : queue.size();
    for (std::size_t i = 0; i < reach; ++i) log_->append(partition, queue[i].frame);
    if (reach > 0 && chance(20)) late_frames_.push_back({partition, {queue.front().frame}});
    auto answered = faulty_ ? below(reach + 1) : reach;
    for (; answered > 0; --answered) {
      books_->acknowledge(queue.front(), store_.now);
      queue.pop_front();
    }
  }
  void arrive_late_frame() {
    if (late_frames_.empty()) return;
    const auto at = below(late_frames_.size());
    const auto [partition, frames] = late_frames_[at];
    late_frames_.erase(late_frames_.begin() + static_cast<std::ptrdiff_t>(at));
    for (const Bytes& frame : frames) log_->append(partition, frame);
  }
  void crash_node() {
    TestNode& node = nodes_[below(nodes_.size())];
    if (node.boot() >= kBootsMax) return;
    for (auto& [partition, queue] : node.all_waiting()) {
      if (queue.empty() || below(2) == 0) continue;
      std::vector<Bytes> frames;  // What the broker had taken in arrives yet: a prefix, in order.
      const auto reach = 1 + below(queue.size());
      for (std::size_t i = 0; i < reach; ++i) frames.push_back(queue[i].frame);
      late_frames_.push_back({partition, std::move(frames)});
    }
    node.restart();
    // The source sends its open event again, elsewhere if need be.
    for (const auto number : books_->open(Event::Mode::kSource)) offer(nodes_[below(2)], number);
    saw("crashed node");
  }

  // Time.

  void act() {
    store_.now += static_cast<TimeMs>(1 + below(3));
    const auto worker = below(workers_.size());
    const auto what = below(100);
    if (what < 14) {
      ask();
    } else if (what < 28) {
      send(nodes_[below(nodes_.size())], PartitionId(static_cast<std::uint16_t>(below(partitions_))));
    } else if (what < 62) {
      step(worker);
    } else if (what < 84) {
      perform(worker, 1 + below(4));
    } else if (what < 88) {
      ask_again();
    } else if (what < 90) {
      arrive_late();
    } else if (what < 92) {
      arrive_late_frame();
    } else if (what < 95) {
      rebalance();
    } else if (what < 97) {
      lose();
    } else if (what < 98) {
      crash_worker();
    } else if (what < 99) {
      power_cut();
    } else {
      crash_node();
    }
  }

  /// All goes well from now on: everything that can be sent again is, and everything comes to rest.
  void settle() {
    faulty_ = false;
    while (!late_frames_.empty()) arrive_late_frame();
    for (int i = 0; i < 100; ++i) {
      for (TestNode& node : nodes_) {
        for (std::uint16_t p = 0; p < partitions_; ++p) send(node, PartitionId{p});
      }
      for (const auto number : books_->open(Event::Mode::kId)) offer(nodes_[0], number);
    }
    for (int i = 0; i < 2'000 && !failed() && !at_rest(); ++i) turn();
    ASSERT_TRUE(at_rest()) << state_text();
    while (!late_.empty()) arrive_late();
    for (auto& process : workers_) {
      // The zombies too: what they still believe in is as right as what the owners have.
      for (const PartitionHealth& health : process->worker.health()) ASSERT_EQ(health.alarm, "");
      collect(*process);
    }
  }
  void turn() {
    store_.now += 2;
    for (std::size_t worker = 0; worker < workers_.size() && !failed(); ++worker) {
      step(worker);
      perform(worker, 100);
    }
  }
  /// Every partition's watermark stands at the end of its log, and every RESET in all of them.
  bool at_rest() const {
    for (std::uint16_t p = 0; p < partitions_; ++p) {
      const PartitionId partition{p};
      const auto mark = store_.watermark(partition);
      if ((mark ? mark->offset : kNoOffset) != oracle_->end(partition)) return false;
    }
    return std::all_of(oracle_->resets.begin(), oracle_->resets.end(),
                       [&](const auto& reset) { return reset.told.size() + 1 == partitions_; });
  }
  std::string state_text() const {
    std::string text = "it does not come to rest:";
    for (std::size_t worker = 0; worker < workers_.size(); ++worker) {
      for (const PartitionHealth& health : workers_[worker]->worker.health()) {
        text += "\nworker " + std::to_string(worker) + " partition " + std::to_string(health.partition.value) +
                " state " + std::to_string(static_cast<int>(health.state)) + " read " +
                std::to_string(health.read.value) + " flushed " + std::to_string(health.flushed.value) + " watermark " +
                std::to_string(health.watermark.value) + " end " + std::to_string(health.log_end.value) + " owed " +
                std::to_string(health.resets_owed);
      }
    }
    return text;
  }

  // The end.

  void expect_totals() {
    std::map<std::string, std::pair<Epoch, std::int64_t>> newest;
    for (const auto& [key, row] : store_.rows()) {
      auto& [epoch, total] = newest[std::get<1>(key)];
      if (row.epoch > epoch) total = 0;
      epoch = std::max(epoch, row.epoch);
      if (row.epoch == epoch) total += row.total;
    }
    std::map<std::string, std::int64_t> totals;
    for (const auto& [counter, total] : newest) totals[counter] = total.second;
    std::uint64_t held = 0;
    books_->expect_totals(totals, *oracle_, held);
    saw("event that was held against its digit", held);
    if (oracle_->repeats > 0) saw("repeated id");
  }

  std::mt19937_64 random_;
  Coverage& coverage_;
  bool faulty_ = true;
  std::uint16_t partitions_ = 1;
  WorkerOptions options_;
  std::unique_ptr<SharedLog> log_;
  std::unique_ptr<LogOracle> oracle_;
  SharedStore store_;
  StoreHandle::Late late_;
  std::vector<TestNode> nodes_;
  std::vector<std::unique_ptr<WorkerProcess>> workers_;
  std::uint64_t processes_ = 0;
  std::uint64_t power_cuts_ = 0;
  std::map<PartitionId, std::optional<std::size_t>> owner_;
  std::map<PartitionId, std::pair<std::size_t, std::size_t>> moving_;  // From, to.
  std::vector<std::pair<std::size_t, PartitionId>> zombies_;
  std::unique_ptr<EventBooks> books_;
  std::vector<std::pair<PartitionId, std::vector<Bytes>>> late_frames_;
};

TEST(WorkerSchedule, CountsEveryEventOnceWhateverHappens) {
  Coverage coverage;
  std::uint64_t first = 1;
  std::uint64_t last = kRuns;
  if (const char* seeds = std::getenv("QUIPU_SEED")) {  // One, or FIRST..LAST to hunt.
    char* rest = nullptr;
    first = last = std::strtoull(seeds, &rest, 10);
    if (std::string_view(rest).starts_with("..")) last = std::strtoull(rest + 2, nullptr, 10);
  }
  for (auto seed = first; seed <= last; ++seed) {
    SCOPED_TRACE("QUIPU_SEED=" + std::to_string(seed) + " runs this one alone");
    auto run = std::make_unique<ScheduleRun>(seed, coverage);
    run->go();
    if (HasFailure()) return;
  }
  if (std::getenv("QUIPU_SEED") != nullptr) return;
  for (const char* what : {"revoked",
                           "zombie",
                           "lost",
                           "lost while it was released",
                           "crashed worker",
                           "crashed node",
                           "power cut of the store",
                           "late write",
                           "repeated store request",
                           "unknown or refused append",
                           "parked",
                           "paused",
                           "eviction",
                           "read-back",
                           "return to the watermark",
                           "base",
                           "trimmed log",
                           "reset passed on",
                           "released before it was flushed",
                           "repeated id"}) {
    EXPECT_GE(coverage.seen[what], kRuns / 40) << what;
  }
}

}  // namespace
}  // namespace quipu::testing_worker
