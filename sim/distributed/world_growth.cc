#include <algorithm>
#include <string>
#include <utility>

#include "sim/distributed/distributed_world.h"

/// The operator who has the log grow.
namespace quipu::sim {
namespace {

constexpr std::uint16_t kPartitionsMost = 6;
/// How many steps until a command that has ended on its way is given again, about.
constexpr std::uint64_t kAgainSteps = 30;

}  // namespace

/// Without anybody who has them take events, as by Kafka's own tools.
void DistributedWorld::add_partition() {
  if (topic_.partitions() >= kPartitionsMost) return;
  trace_.fault(Fault::kPartitionAdded);
  topic_.add_partition();
  oracle_.add_partition();
}

void DistributedWorld::decide_on_growth() {
  const auto& rates = settings_.faults;
  if (operator_.process && random_.one_in(rates.growth_ends)) {
    trace_.fault(Fault::kGrowthEnds, operator_.process->begun() ? "on its way" : "before it began");
    operator_.process.reset();
  }
  if (operator_.goal != 0) return;
  const auto most = operator_.open < kPartitionsMost;
  if (!most || !random_.one_in(rates.log_grown)) return;
  operator_.goal = static_cast<std::uint16_t>(random_.between(operator_.open + 1U, kPartitionsMost));
  trace_.fault(Fault::kLogGrown, "to " + std::to_string(operator_.goal) + " partitions");
}

void DistributedWorld::start_growth() {
  // One that has been added by others meanwhile must be named too.
  operator_.goal = std::max(operator_.goal, topic_.partitions());
  auto started = GrowthProcess::start(around_, ++processes_, operator_.goal, wall(operator_.clock_ahead));
  if (!started) return trace_.line("the log does not grow: " + started.error().what);
  trace_.line("the log grows");
  operator_.process = std::move(*started);
  while (topic_.partitions() < operator_.goal) {
    topic_.add_partition();
    oracle_.add_partition();
  }
}

void DistributedWorld::step_growth(std::size_t store_requests) {
  if (operator_.goal == 0) return;
  if (!operator_.process) {
    if (!faulty_ || random_.one_in(kAgainSteps)) start_growth();
    return;
  }
  operator_.process->move(store_requests);
  const bool begun = operator_.process->begun();
  const auto done = operator_.process->step(wall(operator_.clock_ahead));
  // It has looked where the log ends.
  if (!begun && operator_.process->begun()) oracle_.open(operator_.goal);
  if (!done) {
    trace_.line("the log does not grow: " + done.error().what);
    operator_.process.reset();
  } else if (*done) {
    trace_.line("the log has grown to " + std::to_string(operator_.goal) + " partitions");
    operator_.open = std::exchange(operator_.goal, 0);
    operator_.process.reset();
  }
}

}  // namespace quipu::sim
