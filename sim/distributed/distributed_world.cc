#include "sim/distributed/distributed_world.h"

#include <algorithm>
#include <utility>

namespace quipu::sim {
namespace {

/// The phase with faults ends by then, whatever it has seen.
constexpr std::uint64_t kStepsMax = 120'000;
/// For so many steps beyond what a run has at least its log may be damaged, where that was drawn.
constexpr std::uint64_t kDamageStepsMax = 10'000;
/// A topic is made anew only when the one before has been used, and the next one is used for so many steps at least.
constexpr std::uint64_t kStepsBeforeAnew = 500;
constexpr std::uint64_t kStepsAfterAdoption = 800;
constexpr std::uint32_t kGenerationsMax = 3;
/// A partition of the log is away for longer than the shorter of the times after which a node gives up.
constexpr std::uint64_t kAwayMs = 5'000;
constexpr std::uint64_t kAwayBeyondMs = 800;

}  // namespace

DistributedWorld::DistributedWorld(std::uint64_t seed, std::FILE* trace)
    : random_(seed),
      trace_(trace),
      settings_(draw_distributed_settings(random_)),
      topic_(settings_.partitions, settings_.identity.random, random_, trace_),
      oracle_(settings_.partitions, settings_.worker.ids_max),
      cassandra_(settings_, random_, trace_),
      cache_(settings_, random_, trace_),
      coordinator_(random_, trace_),
      around_{settings_, random_, trace_, topic_, cassandra_, cache_, coordinator_},
      callers_(settings_, random_, trace_),
      wide_(settings_, random_, trace_),
      nodes_(settings_.nodes),
      workers_(settings_.workers) {
  SimCassandraSession::use(&cassandra_, &random_, &trace_);
  operator_.open = settings_.partitions;
  const auto ahead = random_.below(settings_.clock_ms);
  operator_.clock_ahead = ahead < settings_.clock_ms / 2 ? 0 : static_cast<TimeMs>(ahead);
  topic_.appended = [this](PartitionId partition, Offset offset, ByteView record) {
    trace_.line("record at " + std::to_string(partition.value) + ":" + std::to_string(offset.value) + ", " +
                std::to_string(record.size()) + " bytes");
    if (injecting_) return;
    // An operator's frames have the time of its clock, by which the age of what a partition has is told.
    const bool operators = decode_frame(record)->header().writer.node >= kOperatorNodes;
    if (operators && operator_.clock_ahead != 0) callers_.distrust_ages();
    records_.appended(partition, offset, record);
    if (log_damaged_) return;
    oracle_.now = around_.steady;
    oracle_.appended(partition, offset, record);
    if (oracle_.gap) trace_.violation("a chain has a gap in the log itself");
  };
}

DistributedWorld::~DistributedWorld() {
  log_damaged_ = true;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    callers_.end_process(i);
    wide_.end_process(i);
  }
  nodes_.clear();
  workers_.clear();
  operator_.process.reset();
  SimCassandraSession::use(nullptr, nullptr, nullptr);
}

Report DistributedWorld::run(std::uint64_t steps_max) {
  trace_.line(settings_.text());
  topic_.faulty = cassandra_.faulty = cache_.faulty = true;
  while (steps_ < steps_max && !trace_.failed() && !log_damaged_ && !enough()) {
    ++steps_;
    step();
  }
  if (!trace_.failed() && log_damaged_) expect_detection();
  if (!trace_.failed() && !log_damaged_) settle();
  if (!trace_.failed() && !log_damaged_) check_quiet();
  Report report;
  report.steps = steps_;
  report.violation = trace_.violation();
  report.hash = trace_.hash();
  report.events = callers_.events();
  report.ms = around_.steady;
  report.faults = trace_.faults();
  report.faults_all = trace_.faults_all();
  return report;
}

/// Whether the run has seen what each has at least. A log is damaged only then, since the run ends with it.
bool DistributedWorld::strong() const { return callers_.events() >= kEventsMin && trace_.faults_all() >= kFaultsMin; }

bool DistributedWorld::enough() {
  if (steps_ >= kStepsMax) return true;
  if (steps_ < settings_.steps_min || !strong()) return false;
  if (adopted_at_ != 0 && steps_ - adopted_at_ < kStepsAfterAdoption) return false;
  if (strong_at_ == 0) strong_at_ = steps_;
  const bool waits = settings_.faults.log_damaged != 0 || (settings_.faults.topic_anew != 0 && adopted_at_ == 0);
  // A log that is to be damaged waits for a moment in which it can be.
  return !waits || steps_ - strong_at_ >= kDamageStepsMax;
}

void DistributedWorld::pass_time(TimeMs ms) {
  around_.steady += ms;
  trace_.at(steps_, around_.steady);
  SimCassandraSession::set_time(around_.steady, wall() * 1'000);
  cassandra_.tick(around_.steady);
  cache_.tick(around_.steady, wall());
  callers_.at(wall());
  topic_.now = around_.steady;
  if (cassandra_.forgot()) {
    callers_.distrust_positions();
    cache_.distrust_store();
  }
}

void DistributedWorld::step() {
  pass_time(static_cast<TimeMs>(random_.between(0, static_cast<std::uint64_t>(settings_.step_ms))));
  try_faults();
  if (log_damaged_) return;
  take_turn();
  if (operator_.goal != 0 && random_.one_in(2)) step_growth(random_.below(20));
  callers_.look_at(oracle_);
}

void DistributedWorld::try_faults() {
  const auto& rates = settings_.faults;
  if (random_.one_in(rates.node_crash)) crash_node(random_.below(nodes_.size()));
  if (random_.one_in(rates.worker_crash)) crash_worker(random_.below(workers_.size()));
  if (random_.one_in(rates.process_stalls)) {
    trace_.fault(Fault::kProcessStalls);
    auto& until = random_.one_in(3) ? nodes_[random_.below(nodes_.size())].stalled_until
                                    : workers_[random_.below(workers_.size())].stalled_until;
    until = steps_ + random_.between(20, 400);
  }
  if (random_.one_in(rates.rebalance)) coordinator_.rebalance();
  if (random_.one_in(rates.lost)) coordinator_.lose();
  if (random_.one_in(rates.producer_rebuilt)) {
    if (random_.one_in(4)) {
      auto& worker = workers_[random_.below(workers_.size())];
      if (worker.process) worker.process->view().rebuild();
    } else {
      auto& node = nodes_[random_.below(nodes_.size())];
      if (node.process) node.process->view().rebuild();
    }
  }
  if (random_.one_in(rates.partition_added)) add_partition();
  decide_on_growth();
  if (random_.one_in(rates.partition_away)) {
    const PartitionId partition{static_cast<std::uint16_t>(random_.below(topic_.partitions()))};
    topic_.go_away(partition, away_ms());
  }
  if (random_.one_in(rates.cache_lost)) cache_.lose();
  if (random_.one_in(rates.cache_stalls)) cache_.stall(around_.steady);
  break_replicas();
  jump_clocks();
  if (strong() && random_.one_in(rates.log_damaged)) damage_log();
  const bool used = steps_ - adopted_at_ >= kStepsBeforeAnew && generation_.value < kGenerationsMax;
  if (used && random_.one_in(rates.topic_anew)) lose_topic();
}

/// Often for about as long as a node waits before it gives up: some of what waits is given up then, and some is not.
TimeMs DistributedWorld::away_ms() {
  const auto give_up = static_cast<std::uint64_t>(settings_.node.producer.give_up_ms);
  const bool about = give_up < kAwayMs && random_.one_in(2);
  return static_cast<TimeMs>(about ? random_.between(give_up, give_up + kAwayBeyondMs) : random_.between(50, kAwayMs));
}

/// One of the three at a time can not be reached, mostly.
void DistributedWorld::break_replicas() {
  const auto& rates = settings_.faults;
  const auto node = random_.below(SimCassandra::kNodes);
  const bool first = cassandra_.up() == SimCassandra::kNodes;
  if (cassandra_.is_up(node) && random_.one_in(rates.replica_fails) && (first || random_.one_in(4))) {
    cassandra_.fail(node);
    for (std::size_t other = 0; other < SimCassandra::kNodes; ++other) {
      if (cassandra_.is_up(other) && random_.one_in(rates.power_shared)) cassandra_.fail(other);
    }
  } else if (cassandra_.is_up(node) && random_.one_in(rates.replica_parts) && (first || random_.one_in(4))) {
    trace_.fault(Fault::kReplicaDown, "node " + std::to_string(node));
    cassandra_.part(node);
  } else if (!cassandra_.is_up(node) && random_.one_in(rates.replica_back)) {
    trace_.line("node " + std::to_string(node) + " of the store is there again");
    cassandra_.join(node);
  }
}

void DistributedWorld::jump_clocks() {
  const auto& rates = settings_.faults;
  auto& ahead = random_.one_in(2) ? nodes_[random_.below(nodes_.size())].clock_ahead
                                  : workers_[random_.below(workers_.size())].clock_ahead;
  if (random_.one_in(rates.clock_back)) {
    trace_.fault(Fault::kClockBack);
    ahead = -static_cast<TimeMs>(random_.below(settings_.clock_ms));
    callers_.distrust_ages();
  }
  if (random_.one_in(rates.clock_forward)) {
    trace_.fault(Fault::kClockForward);
    ahead = static_cast<TimeMs>(random_.below(settings_.clock_ms));
    callers_.distrust_ages();
  }
}

void DistributedWorld::crash_node(std::size_t number) {
  auto& machine = nodes_[number];
  if (!machine.process) return;
  trace_.fault(Fault::kNodeCrash, "node " + std::to_string(number));
  callers_.end_process(number);
  wide_.end_process(number);
  machine.process.reset();
}

void DistributedWorld::crash_worker(std::size_t number) {
  auto& machine = workers_[number];
  if (!machine.process) return;
  trace_.fault(Fault::kWorkerCrash, "worker " + std::to_string(number));
  machine.process.reset();
}

void DistributedWorld::start_node(std::size_t number) {
  auto& machine = nodes_[number];
  auto started = NodeProcess::start(around_, number + 1, ++machine.boot, wall(machine.clock_ahead));
  if (!started) return trace_.line("node " + std::to_string(number) + " does not start: " + started.error().what);
  if (refusing_) return trace_.violation("node " + std::to_string(number) + " starts on another topic");
  trace_.line("node " + std::to_string(number) + " starts");
  machine.process = std::move(*started);
  callers_.begin_process(number, machine.process->node());
  wide_.begin_process(number, machine.process->node());
}

void DistributedWorld::start_worker(std::size_t number) {
  auto& machine = workers_[number];
  auto started = WorkerProcess::start(around_, ++processes_, wall(machine.clock_ahead));
  if (!started) return trace_.line("worker " + std::to_string(number) + " does not start: " + started.error().what);
  if (refusing_) return trace_.violation("worker " + std::to_string(number) + " starts on another topic");
  trace_.line("worker " + std::to_string(number) + " starts");
  machine.process = std::move(*started);
  coordinator_.assign(topic_.partitions());
}

void DistributedWorld::step_node(std::size_t number) {
  auto& machine = nodes_[number];
  machine.process->step(wall(machine.clock_ahead));
  callers_.poll(number);
  if (log_damaged_ || refusing_ || machine.process->node().state() == EngineState::kServing) return;
  trace_.violation("node " + std::to_string(number) + " has given up: " + machine.process->node().failure().what);
}

void DistributedWorld::step_worker(std::size_t number) {
  auto& machine = workers_[number];
  machine.process->step(wall(machine.clock_ahead));
  if (log_damaged_ || refusing_) return;
  for (const PartitionHealth& health : machine.process->worker().health()) {
    if (!health.alarm.empty()) trace_.violation("worker " + std::to_string(number) + " stops: " + health.alarm);
  }
}

void DistributedWorld::tick_nodes() {
  for (auto& machine : nodes_) {
    if (machine.process) machine.process->node().tick(wall(machine.clock_ahead));
  }
}

void DistributedWorld::take_turn() {
  const auto what = random_.below(100);
  const auto node = random_.below(nodes_.size());
  const auto worker = random_.below(workers_.size());
  if (what < 25) {
    tick_nodes();
    if (silent_) return;
    if (random_.one_in(8)) {
      wide_.act();
    } else {
      callers_.act();
    }
  } else if (what < 55) {
    if (!nodes_[node].process && random_.one_in(10)) start_node(node);
    if (!goes(nodes_[node])) return;
    nodes_[node].process->move(random_.below(20));
    step_node(node);
  } else if (what < 92) {
    if (!workers_[worker].process && random_.one_in(10)) start_worker(worker);
    if (!goes(workers_[worker])) return;
    workers_[worker].process->move(random_.below(40));
    step_worker(worker);
  } else if (what < 95) {
    topic_.arrive();
  } else if (what < 97) {
    coordinator_.assign(topic_.partitions());
  } else {
    if (goes(nodes_[node])) nodes_[node].process->view().look();
    if (goes(workers_[worker])) workers_[worker].process->view().look();
  }
}

Report run_distributed_seed(std::uint64_t seed, std::uint64_t steps_max, std::FILE* trace) {
  auto report = DistributedWorld(seed, trace).run(steps_max);
  report.seed = seed;
  return report;
}

}  // namespace quipu::sim
