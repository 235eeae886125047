#include "engine/engine.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "base/check.h"
#include "base/hash.h"
#include "base/planted.h"
#include "ingest/policy_text.h"

namespace quipu {
namespace {

constexpr std::int64_t kRecoveryWaitMs = 500;
constexpr std::int64_t kIdleStepMs = 1'000;
constexpr std::size_t kEvictVisitsPerStep = 4'096;
constexpr std::size_t kRestVisitsPerStep = 16'384;
/// So many that memory is kept busy, so few that what came first is still in the cache when the last is asked for.
constexpr std::size_t kLookupsAtOnce = 64;
/// The rest is for flushes.
constexpr std::uint16_t kParkPinsMax = Counter::kPinsMax / 2;

}  // namespace

Engine::Engine(const EngineOptions& options, EventLog& log, CounterStore& store)
    : core_(options, log, store), applier_(core_), flusher_(core_), jobs_(core_, applier_, flusher_) {
  show({&log.identity(), &core_.options.secret, &core_.spaces, &core_.now});
}

Engine::~Engine() = default;

Result<void> Engine::start(TimeMs now) {
  core_.now = now;
  recovery_ = std::make_unique<Recovery>(core_, flusher_);
  auto started = recovery_->start();
  if (!started) fail(started.error());
  return started;
}

TimeMs Engine::step(TimeMs now, bool may_commit) {
  // The clock may jump back; what was given in once is the least from then on only for intervals, which bear it.
  core_.now = now;
  more_work_ = false;
  if (state_ == EngineState::kFailed || state_ == EngineState::kStopped) return now + kIdleStepMs;
  core_.log.tick(now);
  take_log_completions();
  core_.take_store_completions();
  if (state_ == EngineState::kRecovering) {
    recover();
  } else if (state_ != EngineState::kFailed) {
    more_work_ |= jobs_.step();
    if (may_commit) commit();
    flusher_.step();
    evict();
    if (state_ == EngineState::kDraining) finish_drain();
  }
  return next_step();
}

TimeMs Engine::next_step() const {
  if (more_work_) return core_.now;
  if (!flusher_.idle()) return core_.now + 1;
  return std::min(core_.now + kIdleStepMs, std::max(flusher_.due(), core_.now + 1));
}

void Engine::recover() {
  auto done = recovery_->step();
  if (!done) return fail(done.error());
  if (*done) {
    recovery_.reset();
    state_ = EngineState::kServing;
  }
  more_work_ = core_.store.pending() == 0;
}

void Engine::take_log_completions() {
  completions_.clear();
  core_.log.take_completions(completions_);
  for (const LogCompletion& completion : completions_) {
    if (!completion.offset) return fail(completion.offset.error());
    core_.durable = std::max(core_.durable, *completion.offset);
    if (QUIPU_PLANTED("position-too-early")) core_.durable = core_.newest;
    ++core_.stats.frames_delivered;
  }
}

void Engine::commit() {
  if (core_.frames.empty() || core_.log.committing()) return;
  submitted_.clear();
  auto submitted = core_.frames.submit(core_.log, core_.spaces, submitted_);
  if (!submitted) return fail(submitted.error());
  for (const auto& frame : submitted_) {
    Aggregator& partition = core_.partitions[frame.partition.value];
    const auto verdict = partition.chains().accept(core_.options.writer, frame.number);
    QUIPU_CHECK(verdict == ChainTable::Verdict::kNext);
    partition.set_read(frame.offset);
    ++core_.stats.frames_written;
    core_.stats.bytes_written += frame.bytes;
  }
  ++core_.stats.commits;
  core_.log.commit();
  take_log_completions();  // A quick disk is done already.
}

void Engine::evict() {
  // Entries that wait in open frames name counters by their place in the table.
  if (!core_.at_edge()) return;
  more_work_ |= core_.totals.rest(kRestVisitsPerStep);
  core_.totals.tidy(kEvictVisitsPerStep);
  // The hand passes a counter twice before it goes, so it must look at more of them than have come since.
  const auto size = core_.totals.table().size();
  const auto came = size - std::min(size, table_size_);
  table_size_ = size;
  if (core_.totals.table().live_bytes() <= core_.options.table_bytes_max) return;
  const auto evicted = core_.totals.evict(core_.options.table_bytes_max, kEvictVisitsPerStep + 4 * came);
  table_size_ -= evicted;
  core_.stats.rows_evicted += evicted;
  if (core_.totals.table().live_bytes() > core_.options.table_bytes_max) {
    const bool may_help = core_.totals.dirty_shards() > 0 && flusher_.last_failure().empty();
    if (may_help && flusher_.idle()) flusher_.request(false);
    more_work_ |= evicted > 0;
  }
}

void Engine::fail(Error error) {
  if (state_ == EngineState::kFailed) return;
  state_ = EngineState::kFailed;
  failure_ = std::move(error);
  const Error stopping{Code::kBusy, "the service is stopping: " + failure_.what, kRecoveryWaitMs};
  // Nothing of these was applied.
  for (Parked& batch : std::exchange(parked_, {})) {
    answer_all(*batch.batch, Code::kBusy, "the service is stopping: its log failed", kRecoveryWaitMs);
    batch.client->batch_done(*batch.batch);
  }
  core_.abandon_store(stopping);
  jobs_.stop(stopping);
}

void Engine::drain() {
  if (state_ == EngineState::kServing) state_ = EngineState::kDraining;
  if (state_ == EngineState::kRecovering) state_ = EngineState::kStopped;  // Nothing was taken; the log has it all.
}

void Engine::finish_drain() {
  if (!parked_.empty() || !jobs_.empty() || !core_.frames.empty() || core_.durable < core_.newest) return;
  if (!drain_flush_asked_ && !QUIPU_PLANTED("drain-without-last-flush")) {
    drain_flush_asked_ = true;
    flusher_.request(true);
    more_work_ = true;
    return;
  }
  if (!flusher_.idle() || core_.store.pending() > 0) return;
  const bool behind = flusher_.synced() < core_.newest || core_.totals.dirty_shards() > 0;
  if (behind && !QUIPU_PLANTED("drain-without-last-flush")) {
    flusher_.request(true);  // The last one failed; the log has everything all the same.
    return;
  }
  state_ = EngineState::kStopped;
}

void Engine::answer_all(Batch& batch, Code code, const char* text, std::int64_t retry_after_ms) {
  for (Outcome& outcome : batch.outcomes) {
    outcome.error = code;
    outcome.error_text = text;
    outcome.retry_after_ms = retry_after_ms;
  }
}

bool Engine::submit(Batch& batch, BatchClient& client) {
  batch.outcomes.assign(batch.operations.size(), Outcome{});
  batch.durable_at = Offset{};
  if (state_ != EngineState::kServing) {
    answer_all(
        batch, Code::kBusy,
        state_ == EngineState::kRecovering ? "the service is starting: it reads its log" : "the service is stopping",
        kRecoveryWaitMs);
    client.batch_done(batch);
    return true;
  }
  core_.stats.operations += batch.operations.size();
  bool missing = false;
  resolve(batch, counters_, missing);
  if (missing && !QUIPU_PLANTED("miss-taken-for-new")) {
    park(batch, client);
    return false;
  }
  applier_.apply(batch, counters_);
  client.batch_done(batch);
  return true;
}

void Engine::resolve(const Batch& batch, std::vector<CounterIndex>& counters, bool& missing) {
  const auto size = batch.operations.size();
  counters.resize(size);
  looked_up_.resize(size);
  CounterTable& table = core_.totals.table();
  const bool complete = core_.totals.complete();
  // Looked up one by one, each would wait for memory three times over.
  for (std::size_t begin = 0; begin < size; begin += kLookupsAtOnce) {
    const auto end = std::min(size, begin + kLookupsAtOnce);
    for (auto i = begin; i < end; ++i) {
      looked_up_[i].tag = table.tag(batch.operations[i].space, batch.operations[i].counter);
      table.prefetch_slot(looked_up_[i].tag);
    }
    for (auto i = begin; i < end; ++i) looked_up_[i].likely = table.prefetch_record(looked_up_[i].tag);
    for (auto i = begin; i < end; ++i) table.prefetch_counter(looked_up_[i].likely);
    for (auto i = begin; i < end; ++i) {
      const auto [tag, likely] = looked_up_[i];
      counters[i] = table.find(tag, likely, batch.operations[i].space, batch.operations[i].counter);
      missing |= counters[i] == kNoCounter && !complete;
    }
  }
}

void Engine::park(Batch& batch, BatchClient& client) {
  parked_.push_back({&batch, &client, {}, {}});
  const auto parked = std::prev(parked_.end());
  StoreLoad load;
  std::unordered_set<std::string, SeededHasher> asked(0, SeededHasher{core_.options.table_hash_seed});
  for (std::size_t i = 0; i < counters_.size(); ++i) {
    const Operation& operation = batch.operations[i];
    if (counters_[i] != kNoCounter) {
      Counter& counter = core_.totals.table().at(counters_[i]);
      if (counter.pins >= kParkPinsMax) continue;  // Pinned by so many that one more makes no difference.
      ++counter.pins;
      parked->pinned.push_back(counters_[i]);
      continue;
    }
    const auto space = core_.spaces.name(operation.space);
    if (!asked.insert(std::string(space).append("/").append(operation.counter)).second) continue;
    load.keys.push_back({routing_hash(core_.options.secret, space, operation.counter), std::string(space),
                         std::string(operation.counter)});
  }
  parked->missing = load.keys;
  core_.stats.counters_missed += load.keys.size();
  core_.load(std::move(load), [this, parked](StoreCompletion& completion) { unpark(parked, completion); });
}

void Engine::unpark(std::list<Parked>::iterator parked, StoreCompletion& completion) {
  if (state_ == EngineState::kFailed) return;  // Answered when the engine failed.
  Parked ready = std::move(*parked);
  parked_.erase(parked);
  for (const CounterIndex counter : ready.pinned) --core_.totals.table().at(counter).pins;
  Batch& batch = *ready.batch;
  if (!completion.result) {
    answer_all(batch, Code::kBusy, "the store can not be read now", core_.options.flush_interval_ms);
    core_.stats.operations_busy += batch.operations.size();
    ready.client->batch_done(batch);
    return;
  }
  core_.load_rows(completion.rows);
  CounterTable& table = core_.totals.table();
  for (const CounterKey& key : ready.missing) {  // Those without rows are known to have none.
    const auto space = core_.spaces.restore(key.space);
    if (table.find(space, key.counter) == kNoCounter) table.insert(space, key.space, key.counter);
  }
  bool missing = false;
  resolve(batch, counters_, missing);
  if (missing) {
    // A counter that was there and could not be pinned went meanwhile; once more.
    park(batch, *ready.client);
    return;
  }
  applier_.apply(batch, counters_);
  ready.client->batch_done(batch);
}

Result<Engine::Reach> Engine::reach(std::span<const Position> after) {
  Reach reach;
  for (const Position& position : after) {
    if (position.generation != identity().generation) {
      return quipu::failure(Code::kConflict, "the position is of another generation of the log");
    }
    reach.hold_at = std::max(reach.hold_at, position.offset);
  }
  reach.reached = core_.newest >= reach.hold_at;
  return reach;
}

std::vector<ShardView> Engine::shards(NamespaceId space, std::string_view name) const {
  std::vector<ShardView> views;
  const CounterTable& table = core_.totals.table();
  const auto index = const_cast<CounterTable&>(table).find(space, name);
  if (index == kNoCounter) return views;
  const Counter& counter = table.at(index);
  const Epoch epoch = table.total(counter).epoch;
  const auto add = [&](ShardId id, const Row& row) {
    if (row.applied == kNoOffset) return;
    views.push_back({id.generation, id.partition, row.total, row.events, row.epoch, row.applied, row.epoch == epoch});
  };
  add({table.generation(), counter.home_partition}, counter.home.row);
  for (const ExtraShard& other : table.extras(counter)) add(other.id, other.shard.row);
  return views;
}

std::uint64_t Engine::count(const std::vector<NamespaceId>& spaces) const {
  std::uint64_t sum = 0;
  for (const NamespaceId space : spaces) sum += core_.totals.existing(space);
  return sum;
}

EngineStats Engine::stats() const {
  EngineStats stats = core_.stats;
  const CounterTable& table = core_.totals.table();
  stats.counters = core_.totals.existing();
  stats.table_rows = table.size();
  stats.table_bytes = table.bytes();
  stats.dirty_rows = core_.totals.dirty_shards();
  stats.parked_batches = parked_.size();
  stats.replay_frames_left = recovery_ ? recovery_->left() : 0;
  stats.durable = core_.durable;
  stats.newest = core_.newest;
  for (const Aggregator& partition : core_.partitions) {
    const auto id = partition.shard().partition;
    stats.partitions.push_back({id, partition.read(), flusher_.flushed(), core_.store.durable_watermark(id),
                                partition.ids().size(), partition.ids().ids_max(), partition.ids().oldest_time(),
                                partition.sources().size()});
  }
  return stats;
}

void Engine::scan(const std::vector<NamespaceId>& spaces, std::uint64_t cursor, std::size_t limit,
                  std::function<void(Result<ScanPage>)> done) {
  if (state_ != EngineState::kServing) return done(busy("the service is not serving", kRecoveryWaitMs));
  jobs_.scan(spaces, cursor, limit, std::move(done));
}

void Engine::top(NamespaceId space, std::size_t limit, std::function<void(Result<ScanPage>)> done) {
  if (state_ != EngineState::kServing) return done(busy("the service is not serving", kRecoveryWaitMs));
  jobs_.top(space, limit, std::move(done));
}

void Engine::reset_all(const std::vector<NamespaceId>& spaces, std::function<void(Result<Offset>)> done) {
  if (state_ != EngineState::kServing) return done(busy("the service is not serving", kRecoveryWaitMs));
  jobs_.reset_all(spaces, std::move(done));
}

void Engine::put_namespace(std::string_view name, const NamespacePolicy& policy,
                           std::function<void(Result<void>)> done) {
  if (state_ != EngineState::kServing) return done(busy("the service is not serving", kRecoveryWaitMs));
  const auto space = core_.spaces.create(name);
  if (!space) return done(std::unexpected(space.error()));
  // It holds at once, so that a flush that ends before the write below is answered does not put the old one back.
  const auto before = core_.spaces.policy(*space);
  core_.spaces.set_policy(*space, policy);
  StoreWrite write;
  write.settings.emplace_back(namespace_setting(name), policy_text(policy));
  write.sync = true;
  core_.write(std::move(write),
              [this, id = *space, policy, before, done = std::move(done)](StoreCompletion& completion) {
                if (!completion.result && core_.spaces.policy(id) == policy) {
                  core_.spaces.set_policy(id, before);
                  flusher_.policy_changed(id);
                }
                done(completion.result);
              });
}

}  // namespace quipu
