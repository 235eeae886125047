#include "sim/world.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/bytes.h"

namespace quipu::sim {
namespace {

/// The phase with faults ends by then, whatever it has seen.
constexpr std::uint64_t kStepsMax = 60'000;
/// Turns in which everything that was asked for is done at once, until which all must have come to its end.
constexpr std::uint64_t kTurnsMax = 30'000;
/// Steps after which a process gives up stopping in order, as the real one does after half a minute. While faults go on
/// nothing says that it ends: a clock that jumps back again and again never lets what is tried again come due.
constexpr std::uint64_t kDrainSteps = 5'000;

std::uint64_t count(const FaultCounts& faults, Fault fault) { return faults[static_cast<std::size_t>(fault)]; }

std::string text(const Error& error) { return error.what.empty() ? "no reason" : error.what; }

}  // namespace

World::World(std::uint64_t seed, std::FILE* trace)
    : random_(seed),
      trace_(trace),
      settings_(draw_settings(random_)),
      files_(random_, trace_, settings_.faults),
      store_(random_, trace_, settings_.faults),
      clients_(settings_, random_, trace_) {}

World::~World() { end_process(); }

Report World::run(std::uint64_t steps_max) {
  trace_.line(settings_.text());
  files_.faulty = store_.faulty = true;
  while (steps_ < steps_max && !trace_.failed()) {
    const bool enough =
        steps_ >= settings_.steps_min && clients_.events() >= kEventsMin && trace_.faults_all() >= kFaultsMin;
    if (enough || steps_ >= kStepsMax) break;
    ++steps_;
    trace_.at(steps_, elapsed_ms_);
    step();
  }
  if (!trace_.failed()) settle();
  if (!trace_.failed()) check_quiet();
  Report report;
  report.steps = steps_;
  report.violation = trace_.violation();
  report.hash = trace_.hash();
  report.events = clients_.events();
  report.ms = elapsed_ms_;
  report.faults = trace_.faults();
  report.faults_all = trace_.faults_all();
  return report;
}

// The phase with faults.

void World::step() {
  if (steps_ >= full_until_) files_.capacity_bytes = UINT64_MAX;
  try {
    if (try_fault()) return;
    if (!engine_) return start();
    take_turn();
  } catch (const ProcessEnded&) {
    trace_.fault(Fault::kCrashInCall);
    crash(random_.one_in(2) ? End::kKill : End::kPowerCut);
  }
}

bool World::try_fault() {
  const auto& rates = settings_.faults;
  if (random_.one_in(rates.clock_back)) {
    wall_ = std::max<TimeMs>(1'000'000, wall_ - static_cast<TimeMs>(random_.below(10'000'000)));
    trace_.fault(Fault::kClockBack);
  }
  if (random_.one_in(rates.clock_forward)) {
    wall_ += static_cast<TimeMs>(random_.below(10'000'000));
    trace_.fault(Fault::kClockForward);
  }
  if (random_.one_in(rates.disk_stalls)) {
    disk_stalled_until_ = steps_ + random_.between(20, 200);
    trace_.fault(Fault::kDiskStalls);
  }
  if (random_.one_in(rates.store_stalls)) {
    store_stalled_until_ = steps_ + random_.between(20, 300);
    trace_.fault(Fault::kStoreStalls);
  }
  if (random_.one_in(rates.disk_full)) {
    full_until_ = steps_ + random_.between(50, 400);
    files_.capacity_bytes = 0;
  }
  if (random_.one_in(rates.crash_in_call) && files_.end_in_calls == 0) files_.end_in_calls = random_.between(1, 20);
  if (random_.one_in(rates.power_cut)) {
    crash(End::kPowerCut);
    return true;
  }
  if (!engine_) return false;
  if (random_.one_in(rates.kill)) {
    crash(End::kKill);
    return true;
  }
  if (draining_ && steps_ - draining_since_ > kDrainSteps) {
    trace_.line("it gives up stopping in order");
    crash(End::kKill);
    return true;
  }
  if (!draining_ && engine_->state() == EngineState::kServing && random_.one_in(rates.stop)) {
    trace_.fault(Fault::kStop);
    engine_->drain();
    draining_ = true;
    draining_since_ = steps_;
  }
  return false;
}

void World::start() {
  auto log = settings_.log;
  log.known_durable = kNoOffset;
  const auto watermarks = store_.watermarks();
  for (const Watermark& mark : *watermarks) {
    ByteCursor chains(mark.chains);
    if (chains.take<std::uint32_t>() != log.identity.generation.value) continue;
    log.known_durable = std::max(log.known_durable, mark.offset);
  }
  faults_at_start_ = disk_faults();
  if (files_.faulty && settings_.faults.read_fails > 0 && random_.one_in(8))
    files_.fail_in_reads = random_.between(1, 6);
  disk_ = std::make_unique<SimLogDisk>(files_);
  auto opened = SegmentLog::open(*disk_, log, now());
  if (!opened) {
    trace_.line("the log is not opened: " + text(opened.error()));
    fail_if_unreasonable("the log is not opened: " + text(opened.error()));
    return end_process();
  }
  log_ = std::move(*opened);
  if (log_->cut()) trace_.line("a torn tail of " + std::to_string(log_->cut()->bytes) + " bytes was cut");
  auto options = settings_.engine;
  options.writer.boot = ++boot_;
  options.table_hash_seed = random_.next();
  engine_ = std::make_unique<Engine>(options, *log_, store_);
  const auto started = engine_->start(now());
  trace_.line("a process starts, the log ends with offset " +
              std::to_string(log_->bounds(PartitionId{0}).end.value - 1));
  if (started) return;
  fail_if_unreasonable("the engine does not start: " + text(started.error()));
  end_process();
}

/// What may make a process give up in its life until now.
std::uint64_t World::disk_faults() const {
  const auto& faults = trace_.faults();
  return count(faults, Fault::kWriteFails) + count(faults, Fault::kSyncFails) + count(faults, Fault::kReadFails) +
         count(faults, Fault::kBitRot) + count(faults, Fault::kUpkeepFails) + count(faults, Fault::kStoreReadFails) +
         count(faults, Fault::kNoDirectWrite);  // In the middle of a write that was done in part it is an error.
}

/// A process may give up where its disk or its store failed it, and nowhere else.
void World::fail_if_unreasonable(const std::string& what) {
  if (disk_faults() == faults_at_start_) trace_.violation("without a fault, " + what);
}

void World::take_turn() {
  const auto at = random_.below(100);
  if (at < settings_.disk_weight) {
    if (steps_ < disk_stalled_until_) return;
    if (random_.one_in(3)) {
      disk_->finish_file();
    } else {
      disk_->finish_write();
    }
  } else if (at < settings_.disk_weight + settings_.store_weight) {
    if (steps_ >= store_stalled_until_) store_.perform(random_.between(1, 4));
  } else if (at < settings_.disk_weight + settings_.store_weight + settings_.engine_weight) {
    engine_step(!random_.one_in(settings_.commit_held));
  } else {
    engine_->tick(now());
    clients_.act();
  }
}

void World::engine_step(bool may_commit) {
  const auto later = static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(settings_.step_ms)) + 1);
  elapsed_ms_ += later;
  wall_ += later;
  const bool recovering = engine_->state() == EngineState::kRecovering;
  engine_->step(now(), may_commit);
  switch (engine_->state()) {
    case EngineState::kRecovering:
      return;
    case EngineState::kServing:
    case EngineState::kDraining:
      if (recovering) {
        trace_.line("it serves, newest offset " + std::to_string(engine_->newest().value));
        clients_.begin_process(*engine_);
      }
      return clients_.release();
    case EngineState::kStopped:
      clients_.release();
      trace_.line("it has stopped");
      end_process();
      if (files_.faulty && random_.one_in(settings_.faults.new_log)) begin_new_log();
      return;
    case EngineState::kFailed:
      trace_.line("it fails: " + text(engine_->failure()));
      fail_if_unreasonable("the engine fails: " + text(engine_->failure()));
      clients_.release();
      return end_process();
  }
}

void World::crash(End end) {
  const bool starting = !engine_ ? disk_ != nullptr : engine_->state() == EngineState::kRecovering;
  trace_.fault(end == End::kKill ? Fault::kKill : Fault::kPowerCut);
  if (starting) trace_.fault(Fault::kCrashInStart);
  // What was begun may be anywhere between its first call and its last.
  if (disk_ && random_.one_in(2)) {
    files_.end_in_calls = random_.between(1, 4);
    try {
      disk_->finish_write();
      if (random_.one_in(2)) disk_->finish_file();
    } catch (const ProcessEnded&) {
      trace_.line("in the middle of a write");
    }
  }
  end_process();
  if (end == End::kPowerCut) files_.cut_power();
}

void World::end_process() {
  if (disk_) disk_->end();
  engine_.reset();
  clients_.end_process();
  log_.reset();
  disk_.reset();
  files_.end_process();
  store_.crash();
  draining_ = false;
}

/// All is in the store. Its rows stay as they are, beside those of the new log.
void World::begin_new_log() {
  trace_.fault(Fault::kNewLog);
  ++settings_.log.identity.generation.value;
  settings_.log.identity.random.fill(static_cast<std::byte>(random_.below(256)));
  files_.clear();
  store_.forget_checkpoints();
  store_at_begin_ = store_.copy();
  clients_.new_log();
}

// The phase without.

/// Everything that was asked for is done, and a step.
void World::prompt_turn() {
  if (!engine_) return start();
  disk_->finish_write();
  while (disk_->upkeeping()) disk_->finish_file();
  store_.perform(SIZE_MAX);
  engine_step(true);
}

bool World::drive(std::uint64_t turns, const std::string& what, const std::function<bool()>& done) {
  for (std::uint64_t i = 0; i < turns && !trace_.failed(); ++i) {
    if (done()) return true;
    prompt_turn();
    if (!engine_ || quiet_) continue;
    engine_->tick(now());
    clients_.act();
  }
  if (!trace_.failed()) trace_.violation("a wait without end: " + what + "; " + clients_.waiting_for());
  return false;
}

void World::settle() {
  trace_.line("faults stop");
  files_.faulty = store_.faulty = false;
  files_.capacity_bytes = UINT64_MAX;
  files_.end_in_calls = 0;
  clients_.settle();
  drive(kTurnsMax, "the service does not answer",
        [this] { return engine_ && engine_->state() == EngineState::kServing && clients_.settled(); });
}

void World::check_quiet() {
  quiet_ = true;
  check_reads("when all is quiet");
  if (!trace_.failed()) clients_.check_batches();
  if (trace_.failed()) return;
  shown_ = clients_.totals();
  check_scan();
  audit();
  if (trace_.failed()) return;
  engine_->drain();
  if (!drive(kTurnsMax, "the service does not stop", [this] { return !engine_; })) return;
  check_store();
  start();
  const auto serves = [this] { return engine_ && engine_->state() == EngineState::kServing; };
  if (!drive(kTurnsMax, "the service does not start again", serves)) return;
  if (engine_->stats().replayed_frames > 0) trace_.violation("frames were replayed after an orderly stop");
  check_reads("after an orderly stop");
  if (trace_.failed()) return;
  const auto again = clients_.totals();
  for (std::size_t i = 0; i < again.size(); ++i) {
    if (again[i].value != shown_[i].value) trace_.violation(again[i].counter + " has changed over an orderly stop");
  }
}

void World::check_reads(const std::string& when) {
  clients_.ask_for_all();
  drive(kTurnsMax, "reads " + when, [this] { return clients_.asked_all(); });
}

/// The walk over all counters, and their number.
void World::check_scan() {
  std::map<std::pair<std::string, std::string>, std::int64_t> found;
  auto& spaces = engine_->namespaces();
  const std::vector<NamespaceId> wanted{*spaces.find_or_create("default"), *spaces.find_or_create("views")};
  const auto take = [&](const ScanPage& page) {
    for (const NamedTotal& named : page.counters) {
      found[{std::string(spaces.name(named.space)), named.counter}] = named.value;
    }
  };
  std::uint64_t cursor = 0;
  for (bool over = false; !over;) {
    bool answered = false;
    engine_->scan(wanted, cursor, 3, [&](const Result<ScanPage>& page) {
      answered = true;
      if (!page) return;  // Busy: once more.
      cursor = page->next;
      over = cursor == 0;
      take(*page);
    });
    if (!drive(kTurnsMax, "a scan", [&] { return answered; })) return;
    prompt_turn();
  }
  std::size_t existing = 0;
  for (const auto& total : shown_) {
    const auto at = found.find({total.space, total.counter});
    existing += total.exists ? 1 : 0;
    if (total.exists != (at != found.end()) || (total.exists && at->second != total.value)) {
      trace_.violation("a scan finds " + (at != found.end() ? std::to_string(at->second) : "no") + " " +
                       total.counter.substr(0, 20) + ", shown was " + std::to_string(total.value));
    }
  }
  if (found.size() != existing || engine_->count(wanted) != existing) {
    trace_.violation("there are " + std::to_string(existing) + " counters, a scan finds " +
                     std::to_string(found.size()) + ", and counted are " + std::to_string(engine_->count(wanted)));
  }
}

/// The store alone, after an orderly stop: the sum of the shards of the highest epoch.
void World::check_store() {
  struct Sum {
    Epoch epoch{};
    std::int64_t value = 0;
    std::uint64_t events = 0;
  };
  std::map<std::pair<std::string, std::string>, Sum> sums;
  const auto rows = store_.rows();
  for (const auto& item : rows.items()) {
    Sum& sum = sums[{std::string(rows.space(item)), std::string(rows.counter(item))}];
    if (item.row.epoch < sum.epoch) continue;
    if (item.row.epoch > sum.epoch) sum = {item.row.epoch, 0, 0};
    sum.value += item.row.total;
    sum.events += item.row.events;
  }
  for (const auto& total : shown_) {
    const auto& sum = sums[{total.space, total.counter}];
    if (sum.value == total.value && (sum.events > 0) == total.exists) continue;
    trace_.violation("the store has " + std::to_string(sum.value) + " of " + total.counter.substr(0, 20) +
                     ", shown was " + std::to_string(total.value));
  }
  if (store_.older_rows() > 0) trace_.violation("an older row was written behind a newer one");
}

/// A replay of the log alone, into an empty store where all of the log is there, else into the oldest base that it goes
/// on from: a copy of the machine, so that nothing changes.
void World::audit() {
  Random random(0);
  Trace trace(nullptr);
  const auto files = files_.copy(random, trace);
  const auto begin = log_->bounds(PartitionId{0}).begin;
  MemoryStore store = store_at_begin_;
  if (begin > Offset{1}) {
    const auto base = store_.base_from(Offset{begin.value - 1});
    auto checkpoint = base ? store_.checkpoint(*base) : std::nullopt;
    if (!checkpoint) {
      return trace_.violation("the log begins with offset " + std::to_string(begin.value) +
                              ", and there is no base that it goes on from");
    }
    store = std::move(*checkpoint);
  }
  store.hold(false);
  SimLogDisk disk(*files);
  auto opened = SegmentLog::open(disk, settings_.log, now());
  if (!opened) return trace_.violation("the audit can not open the log: " + text(opened.error()));
  auto options = settings_.engine;
  options.writer.boot = boot_ + 1'000;
  options.table_bytes_max = std::size_t{1} << 20;
  Engine engine(options, **opened, store);
  if (auto started = engine.start(now()); !started) {
    return trace_.violation("the audit can not begin: " + text(started.error()));
  }
  for (std::uint64_t i = 0; i < kTurnsMax && engine.state() == EngineState::kRecovering; ++i) engine.step(now());
  if (engine.state() != EngineState::kServing) {
    return trace_.violation("the audit can not replay the log: " + text(engine.failure()));
  }
  struct Reader final : BatchClient {
    void batch_done(Batch&) override {}
  } reader;
  for (const auto& total : shown_) {
    Batch batch;
    Operation read;
    read.space = *engine.namespaces().find_or_create(total.space);
    read.counter = total.counter;
    batch.operations.push_back(read);
    if (!engine.submit(batch, reader)) return trace_.violation("the audit does not hold all counters");
    const Outcome& outcome = batch.outcomes.front();
    if (outcome.value == total.value && outcome.exists == total.exists) continue;
    trace_.violation("the log says " + std::to_string(outcome.value) + " of " + total.counter.substr(0, 20) +
                     ", shown was " + std::to_string(total.value));
  }
}

Report run_embedded_seed(std::uint64_t seed, std::uint64_t steps_max, std::FILE* trace) {
  auto report = World(seed, trace).run(steps_max);
  report.seed = seed;
  return report;
}

}  // namespace quipu::sim
