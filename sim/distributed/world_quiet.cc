#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "sim/distributed/distributed_world.h"

/// The end of a run, when faults have stopped.
namespace quipu::sim {
namespace {

/// Turns in which everything that was asked for is done at once, until which all must have come to its end.
constexpr std::uint64_t kTurnsMax = 20'000;
constexpr TimeMs kTurnMs = 3;
/// Together longer than any cache keeps what it was not told of.
constexpr int kCacheTurns = 30;
constexpr TimeMs kCacheTurnMs = 100;
__extension__ using Sum = __int128;

}  // namespace

void DistributedWorld::stop_faults() {
  trace_.line("faults stop");
  faulty_ = topic_.faulty = cassandra_.faulty = cache_.faulty = false;
  for (std::size_t node = 0; node < SimCassandra::kNodes; ++node) {
    if (!cassandra_.is_up(node)) cassandra_.join(node);
  }
  for (auto& machine : nodes_) machine.stalled_until = 0;
  for (auto& machine : workers_) machine.stalled_until = 0;
  // An operator who has been interrupted may leave it at that.
  if (!operator_.process && random_.one_in(2)) operator_.goal = 0;
}

/// Everything that was asked for is done, and a step of everyone.
void DistributedWorld::prompt_turn(TimeMs ms) {
  pass_time(ms);
  topic_.arrive_all();
  cassandra_.arrive_all();
  coordinator_.assign(topic_.partitions());
  coordinator_.lose_all();
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i].process) start_node(i);
    if (!nodes_[i].process) continue;
    nodes_[i].process->view().look();
    nodes_[i].process->move(SIZE_MAX);
    step_node(i);
  }
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    if (!workers_[i].process) start_worker(i);
    if (!workers_[i].process) continue;
    workers_[i].process->view().look();
    workers_[i].process->move(SIZE_MAX);
    step_worker(i);
  }
  step_growth(SIZE_MAX);
  callers_.look_at(oracle_);
}

bool DistributedWorld::drive(const std::string& what, const std::function<bool()>& done) {
  for (std::uint64_t i = 0; i < kTurnsMax && !trace_.failed(); ++i) {
    if (done()) return true;
    prompt_turn(kTurnMs);
  }
  if (!trace_.failed()) trace_.violation("a wait without end: " + what + "; " + callers_.waiting_for() + state_text());
  return false;
}

bool DistributedWorld::serving() const {
  return std::ranges::all_of(nodes_, [](const auto& machine) { return machine.process != nullptr; }) &&
         std::ranges::all_of(workers_, [](const auto& machine) { return machine.process != nullptr; });
}

/// Every partition's watermark stands at the end of its log, and every RESET in all of them.
bool DistributedWorld::at_rest() const {
  std::map<PartitionId, Offset> watermarks;
  for (const auto& machine : workers_) {
    if (!machine.process) return false;
    for (const PartitionHealth& health : machine.process->worker().health()) {
      if (health.state != PartitionHealth::State::kReading || health.resets_owed > 0) return false;
      watermarks[health.partition] = health.watermark;
    }
  }
  for (std::uint16_t p = 0; p < topic_.partitions(); ++p) {
    const auto found = watermarks.find(PartitionId{p});
    if (found == watermarks.end() || found->second != oracle_.end(PartitionId{p})) return false;
  }
  return std::ranges::all_of(oracle_.resets, [](const auto& reset) { return reset.done_at.has_value(); });
}

std::string DistributedWorld::state_text() const {
  std::string text;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    if (!workers_[i].process) continue;
    for (const PartitionHealth& health : workers_[i].process->worker().health()) {
      text += "; worker " + std::to_string(i) + " partition " + std::to_string(health.partition.value) + " state " +
              std::to_string(static_cast<int>(health.state)) + " read " + std::to_string(health.read.value) +
              " flushed " + std::to_string(health.flushed.value) + " watermark " +
              std::to_string(health.watermark.value) + " end " + std::to_string(health.log_end.value);
    }
  }
  return text;
}

void DistributedWorld::settle() {
  stop_faults();
  callers_.settle();
  for (std::uint64_t i = 0; i < kTurnsMax && !trace_.failed(); ++i) {
    if (serving() && callers_.settled() && wide_.settled()) break;
    prompt_turn(kTurnMs);
    tick_nodes();
    callers_.act();
  }
  if (trace_.failed()) return;
  if (!callers_.settled() || !wide_.settled()) {
    return trace_.violation("a wait without end: nobody answers; " + callers_.waiting_for() + state_text());
  }
  drive("the log does not grow", [this] { return operator_.goal == 0; });
  drive("the workers do not come to rest", [this] { return at_rest(); });
  callers_.end_open_resets();
}

void DistributedWorld::check_quiet() {
  check_store();
  if (!trace_.failed()) check_reads("when all is quiet");
  if (trace_.failed()) return;
  const auto shown = callers_.totals();
  trace_.line("all processes start anew");
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    callers_.end_process(i);
    wide_.end_process(i);
    nodes_[i].process.reset();
  }
  for (auto& machine : workers_) machine.process.reset();
  if (!drive("the workers do not come to rest again", [this] { return serving() && at_rest(); })) return;
  check_store();
  if (!trace_.failed()) check_reads("after another start");
  for (std::size_t i = 0; i < shown.size() && !trace_.failed(); ++i) {
    if (callers_.totals()[i].value == shown[i].value) continue;
    trace_.violation(shown[i].counter + " has changed over another start");
  }
}

/// Each node, past the caches and then through them.
void DistributedWorld::check_reads(const std::string& when) {
  for (std::size_t i = 0; i < nodes_.size() && !trace_.failed(); ++i) {
    for (const bool fresh : {true, false}) {
      // What caches keep is over.
      if (!fresh) {
        for (int turn = 0; turn < kCacheTurns && !trace_.failed(); ++turn) prompt_turn(kCacheTurnMs);
      }
      callers_.ask_for_all(i, fresh);
      wide_.ask_for_all(i, fresh, oracle_);
      if (!drive("reads " + when, [this] { return callers_.asked_all() && wide_.asked_all(); })) return;
      for (const auto& total : callers_.totals()) {
        const auto truth = oracle_.total(total.counter);
        if (total.value == truth) continue;
        return trace_.violation(total.counter + " is shown as " + std::to_string(total.value) + " " + when +
                                ", the log says " + std::to_string(truth));
      }
    }
  }
}

/// The store's rows alone: the sum of the shards of the highest epoch.
void DistributedWorld::check_store() {
  const RowBatch rows = stored_rows();
  if (trace_.failed()) return;
  wide_.check_store(rows, oracle_);
  std::map<std::string, std::pair<Epoch, Sum>, std::less<>> sums;
  for (const auto& item : rows.items()) {
    auto& [epoch, sum] = sums[std::string(rows.counter(item))];
    if (item.row.epoch > epoch) sum = 0;
    epoch = std::max(epoch, item.row.epoch);
    if (item.row.epoch == epoch) sum += item.row.total;
  }
  for (const auto& total : callers_.totals()) {
    const auto found = sums.find(total.counter);
    const auto sum = found == sums.end() ? 0 : static_cast<std::int64_t>(found->second.second);
    if (sum == oracle_.total(total.counter)) continue;
    return trace_.violation("the store has " + std::to_string(sum) + " of " + total.counter + ", the log says " +
                            std::to_string(oracle_.total(total.counter)));
  }
}

}  // namespace quipu::sim
