#include <algorithm>
#include <utility>

#include "api/api_node.h"
#include "base/check.h"
#include "base/planted.h"
#include "engine/refusal.h"

namespace quipu {
namespace {

constexpr const char* kUnknown =
    "the log did not answer: perhaps counted. A retry with the same id, or the same source and sequence, is safe";
constexpr const char* kNotTaken = "the log took no frames for too long; nothing was counted";
constexpr const char* kNoRoom = "too many frames wait for the log";
constexpr const char* kClosed = "the log takes nothing until somebody sets right what is wrong with it";
constexpr std::size_t kClosedTextsMax = 16;
constexpr const char* kOvertakes = "what stood before it was given up";
constexpr const char* kFrameTooLarge = "the log takes no frame of this size";
constexpr const char* kTooLarge = "the batch is larger than what may wait for the log";
/// A frame that can not be sent is closed after this all the same, so that its age counts.
constexpr std::int64_t kOpenMsMax = 1'000;

}  // namespace

std::size_t ApiNode::bytes_needed(const Operation& operation) const {
  const auto entry = NodeFrames::entry_bytes(operation.counter.size());
  switch (operation.kind) {
    case OperationKind::kRead:
      return 0;
    case OperationKind::kAdd:
    case OperationKind::kReset:
      return entry;
    case OperationKind::kSet:
      return 2 * entry;
  }
  return 0;
}

void ApiNode::write(Waiting& waiting, std::uint64_t batch) {
  waiting.written = true;
  const std::span<const Operation> operations(waiting.batch->operations);
  const std::span<Outcome> outcomes(waiting.batch->outcomes);
  for (std::size_t begin = 0; begin < operations.size();) {
    const auto size = std::min<std::size_t>(operations[begin].together, operations.size() - begin);
    const auto group = operations.subspan(begin, size);
    const auto results = outcomes.subspan(begin, size);
    const bool alone = size == 1 || group.front().each_alone;
    if (std::ranges::any_of(group, writes) && admit(group, results) && (alone || validate(group, results))) {
      for (auto i = begin; i < begin + size; ++i) {
        if (writes(operations[i]) && !outcomes[i].error) write_one(waiting, batch, i, alone);
      }
    }
    begin += size;
  }
}

/// Why the log takes nothing, for an outcome: it lives as long as the node. What is wrong changes rarely; beyond a few
/// changes it is not named any more.
const char* ApiNode::closed_text() {
  if (closed_texts_.size() < kClosedTextsMax) closed_texts_.insert(closed_->what);
  const auto found = closed_texts_.find(closed_->what);
  return found == closed_texts_.end() ? kClosed : found->c_str();
}

/// Whether the log takes what the group needs.
bool ApiNode::admit(std::span<const Operation> group, std::span<Outcome> outcomes) {
  std::size_t needed = 0;
  for (const Operation& operation : group) needed += bytes_needed(operation);
  if (!closed_ && frames_.bytes() + needed <= producer_.room_bytes()) return true;
  const bool never = needed > options_.producer.pending_bytes_max;
  for (std::size_t i = 0; i < group.size(); ++i) {
    if (!writes(group[i])) continue;
    if (never) {
      refuse(outcomes[i], Code::kTooLarge, kTooLarge);
    } else if (closed_) {
      refuse(outcomes[i], Code::kBusy, closed_text(), closed_->retry_after_ms);
    } else {
      refuse(outcomes[i], Code::kBusy, kNoRoom, producer_.retry_after_ms(now_));
    }
  }
  stats_.operations_busy += group.size();
  return false;
}

/// Whether nothing of the group contradicts what the node knows: it is written whole or not at all.
bool ApiNode::validate(std::span<const Operation> group, std::span<Outcome> outcomes) {
  group_ids_.clear();
  for (std::size_t i = 0; i < group.size(); ++i) {
    if (i == 0 && !check_source(group[i], outcomes[i])) return false;
    if (group[i].kind != OperationKind::kAdd || group[i].group != GroupKind::kIds) continue;
    const auto [known, fresh] = group_ids_.try_emplace(group[i].id.id, group[i].id.body);
    const bool same = fresh || known->second == group[i].id.body;
    if (same && ids_.find(group[i].id) != IdWindow::Verdict::kOtherBody) continue;
    refuse(outcomes[i], Code::kConflict, kOtherBodyText);
    ++stats_.operations_refused;
    return false;
  }
  return true;
}

/// `shows_total`: the answer has the counter's total in it.
void ApiNode::write_one(Waiting& waiting, std::uint64_t batch, std::size_t at, bool shows_total) {
  if (waiting.batch->operations[at].kind == OperationKind::kAdd) return add(waiting, batch, at, shows_total);
  reset(waiting, batch, at);
}

PartitionId ApiNode::partition_of(const Operation& operation, std::uint64_t routing) {
  const auto partition = [](std::uint64_t number) { return PartitionId{static_cast<std::uint16_t>(number)}; };
  // Ids and sources keep to the partitions that the log began with, so that a repeat meets what it repeats.
  const auto id_partitions = QUIPU_PLANTED("ids-follow-added-partitions") ? partitions_ : options_.id_partitions;
  if (operation.group == GroupKind::kIds) return partition(operation.id.id.low % id_partitions);
  if (operation.group == GroupKind::kSource) return partition(routing % options_.id_partitions);
  if (!hot_.count(routing)) return partition(routing % partitions_);
  // Another one with each batch, and not in a row: within a batch, events of one counter add up in one entry, and
  // batches of other counters between them may come in a row.
  constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15;
  const auto turn = (turn_ * kGolden >> 32) % std::min(options_.hot.partitions, partitions_);
  return partition((routing + turn) % partitions_);
}

/// Makes sure that the open frame can take more.
void ApiNode::make_room(PartitionId partition) {
  if (frames_.bytes(partition) >= options_.frame_bytes) close_frame(partition);
}

void ApiNode::wait_for(Waiting& waiting, std::uint64_t batch, std::uint64_t serial, Outcome& outcome) {
  auto& waiters = frame_waiters_[serial];
  if (waiters.empty() || waiters.back().batch != batch) {
    waiters.push_back({batch, waiting.frames.size()});
    waiting.frames.push_back({serial, Offset{}});
    ++waiting.frames_left;
  }
  outcome.offset = Offset{waiters.back().place + 1};
}

void ApiNode::add(Waiting& waiting, std::uint64_t batch, std::size_t at, bool shows_total) {
  const Operation& operation = waiting.batch->operations[at];
  Outcome& outcome = waiting.batch->outcomes[at];
  const auto counter = named(operation.space, operation.counter);
  const auto time = operation.time != 0 ? operation.time : now_;
  if (operation.group == GroupKind::kIds) {
    const auto verdict = ids_.find(operation.id);
    if (verdict == IdWindow::Verdict::kOtherBody) {
      ++stats_.operations_refused;
      return refuse(outcome, Code::kConflict, kOtherBodyText);
    }
    outcome.duplicate = verdict == IdWindow::Verdict::kRepeat;
  } else if (operation.group == GroupKind::kSource) {
    if (shows_total && !check_source(operation, outcome)) return;
    outcome.duplicate = operation.sequence <= last_sequence(operation.source);
  }
  const auto partition = partition_of(operation, counter.routing);
  make_room(partition);
  const auto serial = frames_.serial(partition);
  const auto counted = outcome.duplicate ? 0 : operation.delta;
  KnownTotals::Added known;
  if (shows_total) {
    known = known_.add(counter, counted, partition, serial, batch, now_);
    if (known.overflows) {
      ++stats_.operations_refused;
      return refuse(outcome, Code::kRefused, kOverflowText);
    }
    outcome.existed = known.existed;
    outcome.value = known.total;
    if (!known.based) waiting.unsettled.emplace_back(at, known.place);
  } else {
    known_.note(counter, counted, partition, serial);
  }
  switch (operation.group) {
    case GroupKind::kPlain:
      frames_.add_plain(partition, counter, operation.delta, time, now_);
      break;
    case GroupKind::kIds:
      ids_.appear(operation.id, time);
      frames_.add_with_id(partition, counter, operation.delta, time, operation.id, now_);
      break;
    case GroupKind::kSource:
      frames_.add_of_source(partition, counter, operation.delta, time, operation.source, operation.sequence, now_);
      break;
  }
  if (QUIPU_PLANTED("first-try-told-as-repeat")) outcome.duplicate |= operation.group == GroupKind::kIds;
  outcome.exists = true;
  outcome.applied = !outcome.duplicate;
  outcome.partition = partition;
  ++(outcome.duplicate ? stats_.events_duplicate : stats_.events_accepted);
  if (!operation.memory_ack || outcome.duplicate) wait_for(waiting, batch, serial, outcome);
  if (known.wants_base && !operation.memory_ack) ask_base(waiting, batch, at, counter, known);
}

/// kReset and kSet.
void ApiNode::reset(Waiting& waiting, std::uint64_t batch, std::size_t at) {
  const Operation& operation = waiting.batch->operations[at];
  Outcome& outcome = waiting.batch->outcomes[at];
  const auto counter = named(operation.space, operation.counter);
  if (!waiting.totals.empty() && waiting.totals[at]) show_total(outcome, operation, *waiting.totals[at]);
  if (const auto exists = known_.exists(counter)) outcome.existed = outcome.exists = *exists || outcome.exists;
  if (const auto value = known_.value(counter)) outcome.before = outcome.value = *value;
  const bool set = operation.kind == OperationKind::kSet;
  const bool wanted = !set || operation.condition == SetCondition::kAlways ||
                      (operation.condition == SetCondition::kIfPresent) == outcome.existed ||
                      QUIPU_PLANTED("condition-ignored");
  if (!wanted) return;
  const PartitionId partition{static_cast<std::uint16_t>(counter.routing % options_.id_partitions)};
  make_room(partition);
  if (frames_.has_reset(partition, counter.routing)) close_frame(partition);
  const auto serial = frames_.serial(partition);
  frames_.add_reset(partition, counter, now_, now_);
  if (set) frames_.add_plain(partition, counter, operation.delta, now_, now_);
  known_.set(counter, set ? operation.delta : 0, set, partition, serial);
  reader_.forget(spaces_.name(operation.space), operation.counter);
  outcome.applied = true;
  outcome.exists = set;
  outcome.saturated = false;
  outcome.value = set ? operation.delta : 0;
  outcome.partition = partition;
  wait_for(waiting, batch, serial, outcome);
}

void ApiNode::close_frame(PartitionId partition) {
  const auto serial = frames_.serial(partition);
  const auto opened_at = frames_.opened_at(partition);
  const bool in_order = frames_.has_sources(partition);
  producer_.offer(partition, frames_.close(partition, spaces_), serial, opened_at, in_order);
}

/// Closes what is full, what has waited for long enough, and what can be sent at once. Whether there was any.
bool ApiNode::close_due_frames() {
  bool closed = false;
  for (std::uint16_t p = 0; p < partitions_; ++p) {
    const PartitionId partition{p};
    if (frames_.empty(partition)) continue;
    const auto age = now_ - frames_.opened_at(partition);
    const bool sendable = producer_.can_send(partition);
    const bool due = frames_.bytes(partition) >= options_.frame_bytes || age >= kOpenMsMax || age < 0 ||
                     (sendable && (producer_.pending_frames(partition) == 0 || age >= options_.linger_ms));
    if (!due || producer_.failure()) continue;
    close_frame(partition);
    closed = true;
  }
  return closed;
}

/// An open frame with entries of sources goes with the one before it: in the log they would overtake what was given up,
/// which would then be told as repeats, and never counted.
void ApiNode::give_up_open_frames(std::vector<FrameOutcome>& outcomes) {
  if (QUIPU_PLANTED("source-overtaken")) return;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const auto partition = outcomes[i].partition;
    if (outcomes[i].offset || !frames_.has_sources(partition)) continue;
    QUIPU_MARK("node: an open frame goes with the one before");
    const auto serial = frames_.serial(partition);
    frames_.close(partition, spaces_);
    outcomes.push_back({serial, partition, busy(kOvertakes, producer_.retry_after_ms(now_))});
  }
}

void ApiNode::take_frame_outcomes() {
  auto outcomes = std::exchange(frame_outcomes_, {});
  give_up_open_frames(outcomes);
  for (const FrameOutcome& outcome : outcomes) {
    known_.frame_done(outcome.tag, outcome.offset ? std::optional(*outcome.offset) : std::nullopt, outcome.resent);
    // What was in it may not be counted yet: its repeat is none.
    if (!outcome.offset) ids_ = IdWindow(options_.ids_max);
    const auto found = frame_waiters_.find(outcome.tag);
    if (found == frame_waiters_.end()) continue;  // All of it was acknowledged from memory.
    const auto waiters = std::move(found->second);
    frame_waiters_.erase(found);
    for (const FrameWaiter& waiter : waiters) {
      Waiting& waiting = *waiting_.at(waiter.batch);
      waiting.frames[waiter.place].offset = outcome.offset;
      --waiting.frames_left;
      go_on(waiter.batch);
    }
  }
}

/// The totals of what was written before a base was known: of the node's own events alone, where there is none yet.
void ApiNode::settle_totals(const Waiting& waiting) const {
  for (const auto& [at, place] : waiting.unsettled) {
    const Operation& operation = waiting.batch->operations[at];
    waiting.batch->outcomes[at].value =
        known_.value(named(operation.space, operation.counter), place).value_or(saturate(place.sum));
  }
}

/// Fills in where the operation stands, or what became of its frame, and what the counter is now.
void ApiNode::settle_write(const Waiting& waiting, const Operation& operation, Outcome& outcome) {
  if (outcome.offset != kNoOffset) {
    const auto& offset = waiting.frames[outcome.offset.value - 1].offset;
    if (!offset) {
      outcome.offset = kNoOffset;
      outcome.applied = false;
      switch (offset.error().code) {
        case Code::kUnknown:
          return refuse(outcome, Code::kUnknown, kUnknown);
        case Code::kTooLarge:
          return refuse(outcome, Code::kTooLarge, kFrameTooLarge);
        default:
          return refuse(outcome, Code::kBusy, kNotTaken, offset.error().retry_after_ms);
      }
    }
    outcome.offset = *offset;
  }
  if (operation.kind != OperationKind::kAdd) {
    if (outcome.applied) outcome.epoch = epoch_of(log_.identity().generation, outcome.offset);
    return;
  }
  if (!outcome.applied && !outcome.duplicate) return;  // Its group was refused.
  // What is only in memory may be lost: who asks for the last sequence would go on behind it.
  if (operation.group == GroupKind::kSource && outcome.offset != kNoOffset) {
    note_sequence(operation.source, operation.sequence);
  }
  std::int64_t before = 0;
  const auto counted = outcome.duplicate ? 0 : operation.delta;
  outcome.before = __builtin_sub_overflow(outcome.value, counted, &before) ? outcome.value : before;
}

/// A group of which a part may be in the log is not "busy", which says that nothing was counted.
void ApiNode::settle_group(std::span<const Operation> group, std::span<Outcome> outcomes) {
  if (group.size() == 1) return;
  bool counted = false;
  bool failed = false;
  for (std::size_t i = 0; i < group.size(); ++i) {
    if (!writes(group[i])) continue;
    const auto& error = outcomes[i].error;
    counted |= error ? *error == Code::kUnknown : outcomes[i].applied || outcomes[i].duplicate;
    failed |= error && (*error == Code::kBusy || *error == Code::kTooLarge || *error == Code::kUnknown);
  }
  if (!counted || !failed || group.front().each_alone) return;
  for (std::size_t i = 0; i < group.size(); ++i) {
    if (writes(group[i]) && outcomes[i].error) refuse(outcomes[i], Code::kUnknown, kUnknown);
  }
}

}  // namespace quipu
