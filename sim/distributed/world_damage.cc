#include <algorithm>
#include <span>
#include <string>

#include "sim/distributed/distributed_world.h"

/// What must never happen to a log, and who has to notice.
namespace quipu::sim {
namespace {

constexpr std::uint64_t kRecordsCutMax = 3;
/// For so long nobody asks where a partition ends: it has grown again by then, mostly.
constexpr TimeMs kUnseenMs = 500;
/// Turns within which somebody must notice.
constexpr std::uint64_t kTurnsMax = 20'000;
/// Turns in which clients write on behind a cut that nobody saw.
constexpr std::uint64_t kUnseenTurns = 4'000;
constexpr TimeMs kTurnMs = 3;
/// Turns in which a worker must notice by itself that it has counted more than there is.
constexpr std::uint64_t kSilentTurns = 4'000;

}  // namespace

void DistributedWorld::look_at_log() {
  for (auto& machine : nodes_) {
    if (machine.process) machine.process->view().look();
  }
  for (auto& machine : workers_) {
    if (machine.process) machine.process->view().look();
  }
}

/// Everyone is there: what only those knew that are gone, nobody can notice.
void DistributedWorld::damage_log() {
  const auto alive = [](const auto& machine) { return machine.process != nullptr; };
  if (!std::ranges::all_of(nodes_, alive) || !std::ranges::all_of(workers_, alive)) return;
  const PartitionId partition{static_cast<std::uint16_t>(random_.below(topic_.partitions()))};
  switch (random_.below(4)) {
    case 0:
      log_damaged_ = cut_log(partition, true);
      break;
    case 1:
    case 2:
      log_damaged_ = cut_log(partition, false);
      break;
    default:
      log_damaged_ = remove_unread();
  }
  if (!log_damaged_) return;
  operator_.process.reset();
  callers_.distrust_positions();
}

/// The newest records of a partition are gone. Seen: everyone has looked where it ended, and looks before anybody
/// writes again. Unseen: nobody looks before others stand in their place, so that acknowledgements and chains alone can
/// tell.
bool DistributedWorld::cut_log(PartitionId partition, bool seen) {
  const auto bounds = topic_.bounds(partition);
  const auto records = bounds.end.value - bounds.begin.value;
  if (records == 0) return false;
  const auto lost = random_.one_in(2) ? 1 : random_.between(1, std::min(records, kRecordsCutMax));
  if (seen) look_at_log();
  trace_.fault(seen ? Fault::kEndWentBack : Fault::kEndBackUnseen,
               "partition " + std::to_string(partition.value) + " by " + std::to_string(lost) + " records");
  topic_.cut(partition, lost);
  if (seen) {
    if (random_.one_in(2)) silent_ = partition;
    look_at_log();
    return true;
  }
  topic_.tell_end(partition, bounds.end, around_.steady + kUnseenMs);
  cut_ = partition;
  const auto before = records_.of(partition);
  before_cut_.assign(before.begin(), before.end());
  kept_by_cut_ = before_cut_.size() - lost;
  return true;
}

/// Brokers remove records that no worker has read yet, as they do where the topic's retention is not what it must be.
bool DistributedWorld::remove_unread() {
  const auto first = random_.below(topic_.partitions());
  for (std::uint16_t i = 0; i < topic_.partitions(); ++i) {
    const PartitionId partition{static_cast<std::uint16_t>((first + i) % topic_.partitions())};
    const auto bounds = topic_.bounds(partition);
    const auto unread = std::max(bounds.begin, topic_.read_below(partition));
    if (unread >= bounds.end) continue;
    const Offset below{random_.between(unread.value + 1, bounds.end.value)};
    trace_.fault(Fault::kRecordsRemoved,
                 "partition " + std::to_string(partition.value) + " below offset " + std::to_string(below.value));
    topic_.remove(partition, below);
    return true;
  }
  return false;
}

/// A worker stops; or whoever writes learns it from an acknowledgement, and writes no more.
bool DistributedWorld::noticed() const {
  for (const auto& machine : workers_) {
    if (!machine.process) continue;
    if (machine.process->view().loss()) return true;
    if (!machine.process->worker().alarm().empty()) return true;
    for (const PartitionHealth& health : machine.process->worker().health()) {
      if (!health.alarm.empty()) return true;
    }
  }
  return std::ranges::any_of(nodes_, [](const auto& machine) {
    if (!machine.process) return false;
    return machine.process->node().state() == EngineState::kFailed || machine.process->view().loss();
  });
}

/// Whether a worker owns the partition, and all that do have read it to its end.
bool DistributedWorld::has_read(PartitionId partition) const {
  const auto end = topic_.bounds(partition).end;
  bool owned = false;
  for (const auto& machine : workers_) {
    if (!machine.process) continue;
    for (const PartitionHealth& health : machine.process->worker().health()) {
      if (health.partition != partition) continue;
      if (health.read.value + 1 < end.value) return false;
      owned = true;
    }
  }
  return owned;
}

/// Whether a worker reads the partition, and has counted more of it than there is.
bool DistributedWorld::counted_beyond(PartitionId partition) const {
  return std::ranges::any_of(workers_, [&](const auto& machine) {
    if (!machine.process) return false;
    return std::ranges::any_of(machine.process->worker().health(), [&](const PartitionHealth& health) {
      return health.partition == partition && health.state == PartitionHealth::State::kReading &&
             health.read >= topic_.bounds(partition).end;
    });
  });
}

/// Whether who reads the partition that was cut unseen must miss a frame, however far it had read it before the cut.
bool DistributedWorld::told_by_chains() const {
  const std::span<const ChainRecord> before(before_cut_);
  const auto now = records_.of(*cut_);
  for (auto read = kept_by_cut_; read <= before.size(); ++read) {
    const auto then = now.size() > read ? now.subspan(read) : std::span<const ChainRecord>();
    if (!has_gap(before.first(read), then)) return false;
  }
  return true;
}

/// Somebody has to notice, while all others go on.
void DistributedWorld::expect_detection() {
  // What is away or stalled comes back in steps, of which there are no more.
  for (std::size_t node = 0; node < SimCassandra::kNodes; ++node) {
    if (!cassandra_.is_up(node)) cassandra_.join(node);
  }
  for (auto& machine : nodes_) machine.stalled_until = 0;
  for (auto& machine : workers_) machine.stalled_until = 0;
  // Who wrote the newest record and writes again only when the log has grown beyond it learns nothing from
  // acknowledgements.
  if (cut_ && before_cut_.back().number != 0) nodes_.at(before_cut_.back().node - 1).stalled_until = steps_ + 1;
  for (std::uint64_t i = 0; i < (cut_ ? kUnseenTurns : kTurnsMax) && !trace_.failed(); ++i) {
    if (i == kUnseenTurns / 2) std::ranges::for_each(nodes_, [](auto& machine) { machine.stalled_until = 0; });
    if (noticed()) return trace_.line("it was noticed");
    if (silent_ && i == kSilentTurns) {
      if (counted_beyond(*silent_)) return trace_.violation("a worker has counted more than its log has, and goes on");
      silent_.reset();
    }
    pass_time(kTurnMs);
    take_turn();
  }
  if (!cut_) {
    if (!trace_.failed()) trace_.violation("the log has lost frames, and nobody notices");
    return;
  }
  stop_faults();
  const auto noticed_or_read = [this] { return noticed() || has_read(*cut_); };
  if (!drive("the workers do not read what stands behind a cut", noticed_or_read)) return;
  if (noticed()) return trace_.line("it was noticed");
  if (told_by_chains()) return trace_.violation("frames are missing in a chain, and nobody notices");
  trace_.line("nobody can notice: no chain goes on behind a frame that is missing");
}

}  // namespace quipu::sim
