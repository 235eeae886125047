#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "sim/distributed/adoption.h"
#include "sim/distributed/distributed_world.h"
#include "store/cassandra_rows.h"

/// A topic that is made anew, all who refuse it, and the operator who adopts it.
namespace quipu::sim {
namespace {

constexpr std::uint16_t kPartitionsMost = 4;
/// Turns within which all must notice, and an adoption must be through.
constexpr std::uint64_t kTurnsMax = 20'000;
/// Turns in which clients go on at nodes that have noticed.
constexpr std::uint64_t kRefusedTurns = 200;
/// Within which a worker writes what was reset, in general.
constexpr std::uint64_t kResetTurns = 1'000;
constexpr TimeMs kTurnMs = 3;
/// How many turns until a command that has ended on its way is given again, about.
constexpr std::uint64_t kAgainTurns = 5;
/// How many turns until a frame of another log comes into a topic that is being adopted, about, where one does.
constexpr std::uint64_t kForeignTurns = 8;
/// For less than so many turns of an adoption the nodes of the store come and go, and its process ends on its way.
constexpr std::uint64_t kTroubledTurnsMax = 2'000;
/// How the keys of counters' rows begin.
constexpr std::string_view kRows("counters\0", 9);

}  // namespace

/// The topic is deleted and made anew: at once, or when everything in it was in the rows. All refuse it until an
/// operator has stopped them and adopted it; then they are started again.
void DistributedWorld::lose_topic() {
  const bool at_rest = random_.one_in(4) && come_to_rest();
  if (trace_.failed()) return;
  // What processes had on its way to the store when they ended may be on one replica alone.
  const bool all_gone = !at_rest && !random_.one_in(3);
  for (std::uint64_t i = 0; i < kResetTurns && all_gone && !resets_under_way() && !trace_.failed(); ++i) {
    pass_time(kTurnMs);
    take_turn();
  }
  if (trace_.failed()) return;
  trace_.fault(Fault::kTopicMadeAnew, at_rest ? "at rest" : all_gone ? "with all processes" : "under way");
  refusing_ = true;
  make_topic_anew(random_.one_in(3));
  if (!all_gone) expect_refusal();
  if (trace_.failed()) return;
  stop_all();
  const auto rows = freeze(at_rest);
  if (trace_.failed()) return;
  adopt(rows);
  if (trace_.failed()) return;
  adopted_at_ = steps_;
  refusing_ = false;
  callers_.new_log(generation_, at_rest ? nullptr : &oracle_);
  wide_.new_log();
  operator_.open = topic_.partitions();
  trace_.line("the topic is adopted in generation " + std::to_string(generation_.value));
}

/// `foreign`: a frame of another log stands in it, as of a node that went on.
void DistributedWorld::make_topic_anew(bool foreign) {
  for (std::uint16_t p = 0; p < topic_.partitions(); ++p) {
    const auto bounds = topic_.bounds(PartitionId{p});
    if (bounds.begin != bounds.end)
      old_frames_.emplace_back(PartitionId{p}, topic_.record(PartitionId{p}, bounds.begin));
  }
  records_ = {};
  new_topic_ = {};
  topic_.make_anew(static_cast<std::uint16_t>(random_.between(1, kPartitionsMost)));
  if (foreign) add_foreign_frame();
}

/// As of a node that goes on.
void DistributedWorld::add_foreign_frame() {
  std::vector<std::pair<PartitionId, Bytes>> fit = old_frames_;
  std::erase_if(fit, [this](const auto& frame) { return frame.first.value >= topic_.partitions(); });
  if (fit.empty()) return;
  const auto& [partition, frame] = fit[random_.below(fit.size())];
  trace_.fault(Fault::kForeignFrame, "partition " + std::to_string(partition.value));
  new_topic_.foreign = true;
  injecting_ = true;
  topic_.append(partition, frame);
  injecting_ = false;
}

/// Nobody asks for anything more, and the rows have all that the log has.
bool DistributedWorld::come_to_rest() {
  stop_faults();
  operator_.process.reset();
  operator_.goal = 0;
  const auto quiet = [this] { return serving() && callers_.idle() && wide_.settled() && at_rest(); };
  for (std::uint64_t i = 0; i < kTurnsMax && !trace_.failed(); ++i) {
    if (quiet()) break;
    prompt_turn(kTurnMs);
    tick_nodes();
  }
  const bool done = quiet();
  if (!done && !trace_.failed()) trace_.violation("a wait without end: no rest before the topic goes" + state_text());
  faulty_ = topic_.faulty = cassandra_.faulty = cache_.faulty = true;
  return done;
}

/// Whether everyone who runs knows that the topic is another one, and each partition is stopped that is read.
bool DistributedWorld::all_refuse() const {
  for (const auto& machine : nodes_) {
    if (machine.process && !machine.process->view().damage()) return false;
  }
  for (const auto& machine : workers_) {
    if (!machine.process) continue;
    if (!machine.process->view().damage()) return false;
    for (const PartitionHealth& health : machine.process->worker().health()) {
      if (health.state == PartitionHealth::State::kReading && health.alarm.empty()) return false;
    }
  }
  return true;
}

void DistributedWorld::expect_refusal() {
  join_all();
  for (auto& machine : nodes_) machine.stalled_until = 0;
  for (auto& machine : workers_) machine.stalled_until = 0;
  for (std::uint64_t i = 0; i < kTurnsMax && !trace_.failed() && !all_refuse(); ++i) {
    pass_time(kTurnMs);
    take_turn();
  }
  if (trace_.failed()) return;
  if (!all_refuse()) return trace_.violation("the topic was made anew, and somebody does not notice" + state_text());
  trace_.line("all refuse the topic");
  callers_.expect_refusal(true);
  for (std::uint64_t i = 0; i < kRefusedTurns && !trace_.failed(); ++i) {
    pass_time(kTurnMs);
    take_turn();
  }
  callers_.expect_refusal(false);
}

void DistributedWorld::join_all() {
  for (std::size_t node = 0; node < SimCassandra::kNodes; ++node) {
    if (!cassandra_.is_up(node)) cassandra_.join(node);
  }
}

/// As an operator does before an adoption, who also has all nodes of the store up, and waits until what they keep for
/// each other has arrived.
void DistributedWorld::stop_all() {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    callers_.end_process(i);
    wide_.end_process(i);
    nodes_[i].process.reset();
  }
  for (auto& machine : workers_) machine.process.reset();
  operator_.process.reset();
  operator_.goal = 0;
  coordinator_.forget();
  join_all();
  // Nobody starts on a topic that is another one than the store says.
  for (std::size_t i = 0; i < nodes_.size(); ++i) start_node(i);
  for (std::size_t i = 0; i < workers_.size(); ++i) start_worker(i);
  cassandra_.arrive_all();
}

/// The rows as they stay, each held against what the old log said; all of them where that was at rest.
RowBatch DistributedWorld::freeze(bool all) {
  RowBatch rows = stored_rows();
  std::map<std::pair<std::string, ShardId>, Row> found;
  for (const auto& item : rows.items()) {
    const std::string counter(rows.counter(item));
    found[{counter, item.shard}] = item.row;
    if (const auto said = oracle_.at(item.shard, counter, item.row.applied); said && *said == item.row) continue;
    trace_.violation("the store has of " + counter + " in partition " + std::to_string(item.shard.partition.value) +
                     " of generation " + std::to_string(item.shard.generation.value) +
                     " what its log never said, when that is gone");
    return rows;
  }
  for (std::uint16_t p = 0; p < oracle_.partitions() && all; ++p) {
    const PartitionId partition{p};
    oracle_.as_of(partition, oracle_.end(partition), [&](const std::string& counter, const Row& row) {
      const auto there = found.find({counter, {generation_, partition}});
      if (there != found.end() && there->second == row) return;
      trace_.violation("the store has not all of " + counter + " of a log that was at rest, when that is gone");
    });
  }
  return rows;
}

/// Nodes of the store come and go meanwhile, processes end, and the operator tries again; for the last tries all stay.
void DistributedWorld::adopt(const RowBatch& rows) {
  const auto begin = [&] { oracle_.begin_generation(Generation{generation_.value + 1}, topic_.partitions(), rows); };
  begin();
  // What a node forgets that fails from now on is not of the old log: nobody would write that again.
  sync_store();
  std::unique_ptr<AdoptionProcess> process;
  const auto broken_turns = random_.below(kTroubledTurnsMax);
  bool more_foreign = random_.one_in(3);
  for (std::uint64_t i = 0; !trace_.failed(); ++i) {
    if (i == kTurnsMax) return trace_.violation("a wait without end: the topic is not adopted");
    pass_time(kTurnMs);
    if (i < broken_turns) break_replicas();
    if (i == broken_turns) join_all();
    // What comes when it was looked at for the last time is nobody's to find.
    const bool in_time = !new_topic_.put && (!process || process->stage() < LogAdoption::Stage::kLooking);
    if (more_foreign && in_time && random_.one_in(kForeignTurns)) {
      more_foreign = false;
      add_foreign_frame();
    }
    if (!process) {
      if (!random_.one_in(kAgainTurns)) continue;
      auto started = AdoptionProcess::start(around_, ++processes_, wall(operator_.clock_ahead));
      if (!started) {
        trace_.line("the topic is not adopted: " + started.error().what);
      } else {
        process = std::move(*started);
      }
      continue;
    }
    if (i < kTroubledTurnsMax && random_.one_in(settings_.faults.adoption_ends)) {
      trace_.fault(Fault::kAdoptionEnds, "in stage " + std::to_string(static_cast<int>(process->stage())));
      process.reset();
      continue;
    }
    process->move(random_.below(20));
    const auto done = process->step(wall(operator_.clock_ahead));
    new_topic_.put |= process->stage() >= LogAdoption::Stage::kPutting;
    if (new_topic_.put && new_topic_.foreign) {
      return trace_.violation("the store is to count from a topic in which a frame of another log stands");
    }
    if (done && *done) break;
    if (done) continue;
    trace_.line("the topic is not adopted: " + done.error().what);
    if (done.error().code == Code::kRefused) {
      if (refused(*process, done.error().what)) break;
      begin();
    }
    process.reset();
  }
  process.reset();
  join_all();
  topic_.arrive_all();
  cassandra_.arrive_all();
  old_frames_.clear();
  generation_ = Generation{generation_.value + 1};
}

/// Whether the topic is adopted, and who asked came too late for it. Else a frame of another log is why: nobody writes
/// any more, and it is made anew once more.
bool DistributedWorld::refused(const AdoptionProcess& process, const std::string& what) {
  if (process.counts_from_it()) {
    if (!new_topic_.put) trace_.violation("the store counts from a topic that nobody has adopted");
    return true;
  }
  if (!new_topic_.foreign) trace_.violation("a topic in which nobody but who adopts it wrote is refused: " + what);
  make_topic_anew(false);
  return false;
}

/// What the store has acknowledged is on the disks of its nodes.
void DistributedWorld::sync_store() {
  for (TimeMs left = 2 * settings_.sync_ms; left > 0; left -= kTurnMs) pass_time(kTurnMs);
}

RowBatch DistributedWorld::stored_rows() {
  RowBatch rows;
  for (const auto& [key, cell] : cassandra_.all(kRows)) add_row(key, cell, rows);
  return rows;
}

void DistributedWorld::add_row(const SimCassandra::Key& key, const SimCassandra::Cell& cell, RowBatch& rows) {
  const auto bytes = key.substr(kRows.size()) + cell.value;
  CassandraReader reader(bytes);
  if (auto read = read_shard(reader, rows); !read) trace_.violation(read.error().what);
}

/// Whether a worker writes of an epoch of which no replica has a row.
bool DistributedWorld::resets_under_way() {
  RowBatch rows;
  for (const auto& machine : workers_) {
    if (!machine.process) continue;
    for (const auto& [key, cell] : machine.process->driver().rows_waiting()) add_row(key, cell, rows);
  }
  const auto any_reset = [](const auto& item) { return item.row.epoch > Epoch{}; };
  if (std::ranges::none_of(rows.items(), any_reset)) return false;
  const auto stored = stored_rows();
  std::map<std::string, Epoch> epochs;
  for (const auto& item : stored.items()) {
    Epoch& epoch = epochs[std::string(stored.counter(item))];
    epoch = std::max(epoch, item.row.epoch);
  }
  return std::ranges::any_of(
      rows.items(), [&](const auto& item) { return item.row.epoch > epochs[std::string(rows.counter(item))]; });
}

}  // namespace quipu::sim
