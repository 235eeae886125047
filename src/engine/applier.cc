#include "engine/applier.h"

#include <algorithm>

#include "base/check.h"
#include "base/planted.h"
#include "engine/refusal.h"

namespace quipu {
namespace {

constexpr const char* kUnknownSource =
    "the source is not known here, so its first sequence must be 1 (sources that are silent for long are forgotten)";

}  // namespace

std::size_t Applier::bytes_needed(const Operation& operation) const {
  const auto entry = OpenFrames::entry_bytes(operation.counter.size());
  switch (operation.kind) {
    case OperationKind::kRead:
      return 0;
    case OperationKind::kAdd:
      return 2 * entry;  // A shard of a new generation may have to be told of the counter's epoch first.
    case OperationKind::kReset:
      return entry * core_.partitions.size();
    case OperationKind::kSet:
      return entry * (core_.partitions.size() + 1);
  }
  return 0;
}

void Applier::apply(Batch& batch, std::span<CounterIndex> counters) {
  const std::span<const Operation> operations(batch.operations);
  const std::span<Outcome> outcomes(batch.outcomes);
  // Nearly always there is room for all, and then no group needs to ask.
  std::size_t needed_by_all = 0;
  for (const Operation& operation : operations) needed_by_all += bytes_needed(operation);
  const bool room_for_all = needed_by_all == 0 || has_room(needed_by_all);
  for (std::size_t begin = 0; begin < operations.size();) {
    const auto size = std::min<std::size_t>(operations[begin].together, operations.size() - begin);
    QUIPU_CHECK(size >= 1);
    const auto group = operations.subspan(begin, size);
    const bool admitted = room_for_all || admit(group, outcomes.subspan(begin, size));
    if (admitted && (size == 1 || group.front().each_alone || QUIPU_PLANTED("batch-half-applied") ||
                     validate_group(group, outcomes.subspan(begin, size), counters.subspan(begin, size)))) {
      for (std::size_t i = begin; i < begin + size; ++i) {
        if (add_at_home(operations[i], outcomes[i], counters[i], batch.durable_at)) continue;
        apply_one(operations[i], outcomes[i], counters[i], batch.durable_at);
      }
    }
    begin += size;
  }
}

bool Applier::has_room(std::size_t bytes) const {
  return core_.frames.bytes() + bytes <= std::min(core_.log.room_bytes(), core_.options.open_bytes_max) &&
         core_.dirty_bytes() <= core_.options.dirty_bytes_max && !core_.table_overfull();
}

/// What one commit can take.
std::size_t Applier::most_bytes() const { return std::min(core_.log.group_bytes_max(), core_.options.open_bytes_max); }

bool Applier::admit(std::span<const Operation> group, std::span<Outcome> outcomes) {
  std::size_t needed = 0;
  for (const Operation& operation : group) needed += bytes_needed(operation);
  if (needed == 0 || has_room(needed)) return true;

  Code code = Code::kBusy;
  const char* text = "too many frames wait for the disk";
  std::int64_t retry_after_ms = core_.log.room_error().retry_after_ms;
  if (needed > most_bytes()) {
    QUIPU_MARK("batch too large");
    code = Code::kTooLarge;
    text = "the batch is larger than the log can take in one commit";
    retry_after_ms = 0;
  } else if (core_.dirty_bytes() > core_.options.dirty_bytes_max) {
    QUIPU_MARK("busy for the store");
    text = "too many changed rows wait for the store";
    retry_after_ms = core_.options.flush_interval_ms;
  } else if (core_.table_overfull()) {
    text = "the table of totals is full of changed rows that wait for the store";
    retry_after_ms = core_.options.flush_interval_ms;
  } else if (core_.log.room_bytes() < core_.options.open_bytes_max) {
    QUIPU_MARK("busy for the log");
    text = "the log has no room: its disk is full or behind";
  }
  for (Outcome& outcome : outcomes) refuse(outcome, code, text, retry_after_ms);
  core_.stats.operations_busy += group.size();
  return false;
}

PartitionId Applier::partition_of(const Operation& operation, const Counter& counter) const {
  // Ids and sources keep to the partitions that the log began with, so that a repeat meets what it repeats.
  switch (operation.group) {
    case GroupKind::kIds:
      if (QUIPU_PLANTED("partition-of-another-hash")) {
        const auto hash = operation.id.id.low ^ core_.options.table_hash_seed;
        return PartitionId{static_cast<std::uint16_t>(hash % core_.options.id_partitions)};
      }
      return PartitionId{static_cast<std::uint16_t>(operation.id.id.low % core_.options.id_partitions)};
    case GroupKind::kSource:
    case GroupKind::kPlain:
      return counter.home_partition;
  }
  return counter.home_partition;
}

bool Applier::validate_group(std::span<const Operation> group, std::span<Outcome> outcomes,
                             std::span<CounterIndex> counters) {
  CounterTable& table = core_.totals.table();
  sums_.clear();
  shard_sums_.clear();
  group_ids_.clear();
  const auto fail = [&](std::size_t at, Code code, const char* text) {
    refuse(outcomes[at], code, text);
    ++core_.stats.operations_refused;
    return false;
  };
  for (std::size_t i = 0; i < group.size(); ++i) {
    const Operation& operation = group[i];
    if (!writes(operation)) continue;
    if (counters[i] == kNoCounter) counters[i] = table.find(operation.space, operation.counter);
    if (counters[i] == kNoCounter) {
      counters[i] = table.insert(operation.space, core_.spaces.name(operation.space), operation.counter);
    }
    const Counter& counter = table.at(counters[i]);
    const auto [sum, first] = sums_.try_emplace(counters[i], table.total(counter).value);
    const auto partition = partition_of(operation, counter);
    if (operation.kind != OperationKind::kAdd) {
      for (const Aggregator& other : core_.partitions) shard_sums_[{counters[i], other.shard().partition}] = 0;
      sum->second = operation.kind == OperationKind::kSet ? operation.delta : 0;
      shard_sums_[{counters[i], counter.home_partition}] = sum->second;
      continue;
    }
    if (operation.group == GroupKind::kIds) {
      const auto verdict = core_.partitions[partition.value].ids().find(operation.id);
      const auto [known, fresh] = group_ids_.try_emplace(operation.id.id, operation.id.body);
      if (verdict == IdWindow::Verdict::kOtherBody || known->second != operation.id.body) {
        return fail(i, Code::kConflict, kOtherBodyText);
      }
      if (verdict == IdWindow::Verdict::kRepeat || !fresh) continue;
    }
    if (operation.group == GroupKind::kSource) {
      if (i == 0 && operation.sequence != 1 && last_sequence(operation.source) == 0) {
        return fail(i, Code::kRefused, kUnknownSource);
      }
      if (operation.sequence <= core_.partitions[partition.value].sources().last(operation.source)) continue;
    }
    const auto [shard_sum, unseen] = shard_sums_.try_emplace({counters[i], partition}, 0);
    if (unseen) shard_sum->second = shard_total(counters[i], partition, table.total(counter).epoch);
    sum->second += operation.delta;
    shard_sum->second += operation.delta;
    if (!fits(sum->second) || !fits(shard_sum->second)) return fail(i, Code::kRefused, kOverflowText);
  }
  return true;
}

/// The short way of `apply_one`, for what nearly all operations are: a plain event of a counter that exists, has a
/// shard in its home partition only, and does not overflow. False, with nothing changed, where it is not that.
bool Applier::add_at_home(const Operation& operation, Outcome& outcome, CounterIndex index, Offset& durable_at) {
  if (operation.kind != OperationKind::kAdd || operation.group != GroupKind::kPlain || index == kNoCounter)
    return false;
  Counter& counter = core_.totals.table().at(index);
  const Row& row = counter.home.row;
  std::int64_t sum = 0;
  if (counter.extras != kNoCounter || row.events == 0 || row.flags != 0 ||
      (__builtin_add_overflow(row.total, operation.delta, &sum) && !QUIPU_PLANTED("total-wraps"))) {
    return false;
  }
  outcome.existed = outcome.exists = outcome.applied = true;
  outcome.before = row.total;
  outcome.value = sum;
  outcome.epoch = row.epoch;
  outcome.partition = counter.home_partition;
  outcome.offset = open(counter.home_partition);
  core_.totals.add_at_home(counter, index, operation.delta, outcome.offset);
  core_.frames.add_plain(counter.home_partition, {counter.space, operation.counter}, counter.home, operation.delta,
                         operation.time != 0 ? operation.time : core_.now);
  ++core_.stats.events_accepted;
  if (!operation.memory_ack) durable_at = std::max(durable_at, outcome.offset);
  return true;
}

void Applier::apply_one(const Operation& operation, Outcome& outcome, CounterIndex& counter, Offset& durable_at) {
  CounterTable& table = core_.totals.table();
  if (counter == kNoCounter) counter = table.find(operation.space, operation.counter);
  if (operation.kind == OperationKind::kRead) {
    ++core_.stats.reads;
    if (counter != kNoCounter) read(outcome, counter, durable_at);
    return;
  }
  if (counter == kNoCounter) {
    counter = table.insert(operation.space, core_.spaces.name(operation.space), operation.counter);
  }
  const Total before = table.total(table.at(counter));
  outcome.existed = before.exists;
  outcome.before = before.value;
  outcome.saturated = before.saturated;
  if (operation.kind == OperationKind::kAdd) {
    add(operation, outcome, counter, before, durable_at);
    return;
  }
  const bool wanted = operation.condition == SetCondition::kAlways ||
                      (operation.condition == SetCondition::kIfPresent) == before.exists ||
                      QUIPU_PLANTED("condition-ignored");
  if (!wanted) {
    read(outcome, counter, durable_at);
    return;
  }
  const auto durable_by = reset(counter);
  durable_at = std::max(durable_at, durable_by);
  if (operation.kind == OperationKind::kSet) {
    const auto partition = table.at(counter).home_partition;
    const auto offset = open(partition);
    add_plain(operation, counter, partition, offset, core_.now);
  }
  const Counter& changed = table.at(counter);
  const Total after = table.total(changed);
  outcome.applied = true;
  outcome.exists = after.exists;
  outcome.saturated = false;
  outcome.value = after.value;
  outcome.epoch = after.epoch;
  outcome.partition = changed.home_partition;
  outcome.offset = changed.home.row.applied;
  durable_at = std::max(durable_at, after.newest);
}

void Applier::read(Outcome& outcome, CounterIndex counter, Offset& durable_at) const {
  const Counter& found = core_.totals.table().at(counter);
  const Total total = core_.totals.table().total(found);
  outcome.existed = outcome.exists = total.exists;
  outcome.before = outcome.value = total.value;
  outcome.saturated = total.saturated;
  outcome.epoch = total.epoch;
  outcome.partition = found.home_partition;
  outcome.offset = total.newest;
  if (QUIPU_PLANTED("read-not-held")) return;
  durable_at = std::max(durable_at, total.newest);
}

OpenFrames::Named Applier::named(CounterIndex counter) const {
  const Counter& known = core_.totals.table().at(counter);
  return {known.space, core_.totals.table().name(known)};
}

Offset Applier::open(PartitionId partition) {
  const auto offset = core_.frames.open(partition, core_.log, core_.now);
  core_.newest = std::max(core_.newest, offset);
  return offset;
}

Wide Applier::shard_total(CounterIndex counter, PartitionId partition, Epoch epoch) {
  CounterTable& table = core_.totals.table();
  const Row& row = table.shard(counter, {table.generation(), partition}).row;
  return row.epoch == epoch ? row.total : 0;
}

void Applier::meet_epoch(CounterIndex counter, PartitionId partition, Epoch epoch) {
  const ShardId id{core_.totals.table().generation(), partition};
  const Shard& shard = core_.totals.table().shard(counter, id);
  if (shard.row.epoch == epoch) return;
  QUIPU_CHECK(shard.row.epoch < epoch);
  const auto offset = open(partition);
  core_.totals.reset(counter, id, epoch, offset);
  core_.frames.add_reset(partition, named(counter), epoch, core_.now);
}

void Applier::add_plain(const Operation& operation, CounterIndex counter, PartitionId partition, Offset offset,
                        TimeMs time) {
  const ShardId id{core_.totals.table().generation(), partition};
  core_.stats.saturations += core_.totals.add(counter, id, operation.delta, 1, offset) ? 1 : 0;
  core_.frames.add_plain(partition, named(counter), core_.totals.table().shard(counter, id), operation.delta, time);
}

void Applier::add(const Operation& operation, Outcome& outcome, CounterIndex counter, const Total& before,
                  Offset& durable_at) {
  const Counter& known = core_.totals.table().at(counter);
  const auto partition = partition_of(operation, known);
  Aggregator& aggregator = core_.partitions[partition.value];
  outcome.partition = partition;

  bool repeat = false;
  if (operation.group == GroupKind::kIds) {
    const auto verdict = aggregator.ids().find(operation.id);
    if (verdict == IdWindow::Verdict::kOtherBody) {
      ++core_.stats.operations_refused;
      return refuse(outcome, Code::kConflict, kOtherBodyText);
    }
    repeat = verdict == IdWindow::Verdict::kRepeat;
  } else if (operation.group == GroupKind::kSource) {
    const auto last = aggregator.sources().last(operation.source);
    if (operation.together == 1 && last == 0 && operation.sequence != 1 && last_sequence(operation.source) == 0) {
      ++core_.stats.operations_refused;
      return refuse(outcome, Code::kRefused, kUnknownSource);
    }
    repeat = operation.sequence <= last;
  }

  const Wide sum = Wide{before.value} + operation.delta;
  const ShardId id{core_.totals.table().generation(), partition};
  if (!repeat && (!fits(sum) || !fits(shard_total(counter, partition, before.epoch) + operation.delta))) {
    ++core_.stats.operations_refused;
    return refuse(outcome, Code::kRefused, kOverflowText);
  }

  if (!repeat) meet_epoch(counter, partition, before.epoch);
  const auto time = operation.time != 0 ? operation.time : core_.now;
  outcome.exists = true;
  outcome.epoch = before.epoch;
  if (repeat && operation.group == GroupKind::kSource) {
    // Nothing to renew: the sequence says it all. The answer waits for what it repeats.
    outcome.offset = aggregator.sources().touched(operation.source);
  } else {
    outcome.offset = open(partition);
    switch (operation.group) {
      case GroupKind::kPlain:
        add_plain(operation, counter, partition, outcome.offset, time);
        break;
      case GroupKind::kIds:
        aggregator.ids().appear(operation.id, time);
        core_.frames.add_with_id(partition, named(counter), core_.totals.table().shard(counter, id), operation.delta,
                                 time, operation.id);
        break;
      case GroupKind::kSource:
        aggregator.sources().advance(operation.source, operation.sequence, outcome.offset);
        core_.frames.add_of_source(partition, named(counter), core_.totals.table().shard(counter, id), operation.delta,
                                   time, operation.source, operation.sequence);
        break;
    }
    if (!repeat && operation.group != GroupKind::kPlain) {
      core_.stats.saturations += core_.totals.add(counter, id, operation.delta, 1, outcome.offset) ? 1 : 0;
    }
  }
  if (repeat) {
    outcome.duplicate = true;
    outcome.exists = before.exists;
    outcome.value = before.value;
    ++core_.stats.events_duplicate;
    if (QUIPU_PLANTED("repeat-not-held")) return;
    durable_at = std::max({durable_at, outcome.offset, before.newest});
    return;
  }
  outcome.applied = true;
  if (QUIPU_PLANTED("first-try-told-as-repeat")) outcome.duplicate = operation.group == GroupKind::kIds;
  outcome.value = static_cast<std::int64_t>(sum);
  ++core_.stats.events_accepted;
  if (!operation.memory_ack) durable_at = std::max({durable_at, outcome.offset, before.newest});
}

Offset Applier::reset(CounterIndex counter) {
  CounterTable& table = core_.totals.table();
  const auto home = table.at(counter).home_partition;
  const auto generation = table.generation();
  auto offset = open(home);
  if (table.at(counter).home.row.epoch == epoch_of(generation, offset)) {
    // One frame can begin one epoch of a counter only.
    QUIPU_MARK("frame closed for a second reset");
    core_.frames.close(home);
    offset = open(home);
  }
  const auto epoch = epoch_of(generation, offset);
  QUIPU_CHECK(epoch > table.at(counter).home.row.epoch);
  core_.totals.reset(counter, {generation, home}, epoch, offset);
  core_.frames.add_reset(home, named(counter), Epoch{}, core_.now);
  auto newest = offset;
  // Passed on within the same commit, which is whole or not at all: a replay has no need to pass it on again.
  for (const Aggregator& other : core_.partitions) {
    const auto partition = other.shard().partition;
    if (partition == home) continue;
    const auto there = open(partition);
    core_.totals.reset(counter, {generation, partition}, epoch, there);
    core_.frames.add_reset(partition, named(counter), epoch, core_.now);
    newest = std::max(newest, there);
  }
  return newest;
}

bool Applier::room_for_resets(std::size_t count, std::size_t name_size) const {
  return has_room(count * OpenFrames::entry_bytes(name_size) * core_.partitions.size());
}

bool Applier::reset_can_fit(std::size_t name_size) const {
  return OpenFrames::entry_bytes(name_size) * core_.partitions.size() <= most_bytes();
}

std::uint64_t Applier::last_sequence(const Hash128& source) const {
  std::uint64_t last = 0;
  for (const Aggregator& partition : core_.partitions) last = std::max(last, partition.sources().last(source));
  return last;
}

}  // namespace quipu
