#include <algorithm>
#include <limits>
#include <utility>

#include "sim/distributed/callers_parts.h"

/// What callers are told, and what becomes of it in the books.
namespace quipu::sim {
namespace {

/// The longest that a client may be told to stay away.
constexpr std::int64_t kRetryMsMax = 60'000;

__extension__ using Sum = __int128;

std::string text_of(const Outcome& outcome) {
  if (outcome.error) return std::string("(") + outcome.error_text + ")";
  std::string text = "(" + std::to_string(outcome.value) + (outcome.exists ? "" : " absent");
  if (outcome.duplicate) text += " repeat";
  if (outcome.applied) {
    text += " at " + std::to_string(outcome.partition.value) + ":" + std::to_string(outcome.offset.value);
  }
  if (outcome.lag_ms > 0) text += " lag " + std::to_string(outcome.lag_ms);
  return text + ")";
}

}  // namespace

void Callers::answered(Request& request) {
  request.done = true;
  std::string text = "request " + std::to_string(request.number) + " is answered:";
  for (const Outcome& outcome : request.batch.outcomes) text += " " + text_of(outcome);
  trace_.line(text);
  const auto& outcomes = request.batch.outcomes;
  const bool bad_entry =
      std::ranges::any_of(outcomes, [](const Outcome& each) { return each.error == Code::kConflict; });
  if (bad_entry && refused_with_others(request) &&
      std::ranges::any_of(outcomes, [](const Outcome& each) { return each.applied; })) {
    trace_.violation("a batch with a bad entry was applied in part");
  }
  for (std::size_t i = 0; i < request.asks.size() && !trace_.failed(); ++i) answered(request, i);
  if (request.caller != nullptr) request.caller->waits_for = nullptr;
  if (request.all) --looks_;
}

void Callers::answered(Request& request, std::size_t at) {
  Ask& ask = request.asks[at];
  const Operation& operation = request.batch.operations[at];
  const Outcome& outcome = request.batch.outcomes[at];
  if (!outcome.error) {
    if (ask.kind == Ask::Kind::kMistake) return answered_mistake(ask, outcome);
    if (ask.kind == Ask::Kind::kRead) return answered_read(request, ask, operation, outcome);
    if (!outcome.applied && !outcome.duplicate && refused_with_others(request)) return end(ask, History::End::kNothing);
    return answered_write(ask, operation, outcome);
  }
  if (outcome.applied) trace_.violation("an operation was refused and applied");
  const bool passes = outcome.error == Code::kBusy;
  if (passes && (outcome.retry_after_ms < 1 || outcome.retry_after_ms > kRetryMsMax)) {
    trace_.violation("a client is to come back in " + std::to_string(outcome.retry_after_ms) + " ms");
  }
  if (outcome.error == Code::kTooLarge && request.caller != nullptr) request.caller->batch_max = 1;
  // A source that nobody knows yet is refused after a while, and may come again.
  const bool stranger = outcome.error == Code::kRefused && operation.group == GroupKind::kSource;
  if (outcome.error == Code::kUnknown) return end(ask, History::End::kLate);
  // A node that was told of the other content alone takes that for the right one.
  const bool mistaken = outcome.error == Code::kConflict && mistaken_.contains(ask.event) &&
                        (ask.kind == Ask::Kind::kMistake || ask.kind == Ask::Kind::kEvent);
  if (mistaken) return end(ask, History::End::kNothing);
  if (!passes && !stranger && outcome.error != Code::kTooLarge) {
    trace_.violation(std::string("refused without a reason: ") + outcome.error_text);
  }
  if (request.all && passes) trace_.violation("a read is turned away when all is quiet");
  end(ask, History::End::kNothing);
}

/// Where one of a group is refused, so are all.
bool Callers::refused_with_others(const Request& request) {
  const auto& first = request.batch.operations.front();
  return first.together > 1 && !first.each_alone &&
         std::ranges::any_of(request.batch.outcomes, [](const Outcome& outcome) { return outcome.error.has_value(); });
}

void Callers::end(Ask& ask, History::End end) {
  const auto kind = std::exchange(ask.kind, Ask::Kind::kNone);
  if (kind == Ask::Kind::kEvent || kind == Ask::Kind::kMistake) return history_->end(ask.event, ask.attempt, end);
  if (kind != Ask::Kind::kReset && kind != Ask::Kind::kSet) return;
  if (end == History::End::kLate) {
    // It may reach the log yet, and partitions may hear of it at any time.
    ask.kind = kind;
    resets_.push_back({std::exchange(ask, Ask{}), false, {}, {}});
    return;
  }
  end_reset(ask.reset, end);
  if (kind == Ask::Kind::kSet) history_->end(ask.event, ask.attempt, end);
}

void Callers::end_reset(const History::Reset& reset, History::End end) {
  history_->end_reset(reset, end);
  for (const auto event : history_->events_of(reset.counter)) due_since_.erase(event);
}

void Callers::note_position(std::size_t counter, const Outcome& outcome) {
  auto& offset = positions_[counter][outcome.partition];
  offset = std::max(offset, outcome.offset);
}

/// A node that does not know the id sends it on, and workers tell.
void Callers::answered_mistake(Ask& ask, const Outcome& outcome) {
  if (outcome.duplicate) return trace_.violation("an id was taken with another content than before");
  end(ask, outcome.applied ? History::End::kUnknown : History::End::kNothing);
}

void Callers::answered_write(Ask& ask, const Operation& operation, const Outcome& outcome) {
  if (operation.memory_ack && !outcome.duplicate) return end(ask, History::End::kLate);
  if (ask.refused && outcome.applied && !outcome.duplicate) {
    return trace_.violation("a write is acknowledged though the topic is another one");
  }
  const bool done = outcome.applied || outcome.duplicate;
  if (ask.kind == Ask::Kind::kEvent) {
    if (!done) return trace_.violation("an event was neither counted nor refused");
    if (outcome.duplicate && history_->sent(ask.event) == 1) {
      trace_.violation("an event was never sent before, but taken for a repeat");
    }
    if (outcome.offset == kNoOffset) return trace_.violation("an event was acknowledged without its place in the log");
    // What a write answers may hold an event twice, by two tries at two nodes; but no try twice.
    Sum tried = 0;
    for (const auto event : history_->events_of(ask.counter)) {
      tried += static_cast<Sum>(history_->delta_of(event)) * static_cast<Sum>(history_->sent(event));
    }
    if (outcome.value > tried) {
      trace_.violation("a write answers " + std::to_string(outcome.value) + " of " + places_[ask.counter].counter +
                       ", more than was ever sent");
    }
    end(ask, History::End::kDone);
    if (history_->is_due(ask.event)) due_since_.try_emplace(ask.event, wall_);
    return note_position(ask.counter, outcome);
  }
  const bool wanted = operation.kind == OperationKind::kReset || operation.condition == SetCondition::kAlways ||
                      (operation.condition == SetCondition::kIfPresent) == outcome.existed;
  if (outcome.applied != wanted) trace_.violation("a condition was not heeded");
  if (!outcome.applied) return end(ask, History::End::kNothing);
  note_position(ask.counter, outcome);
  // It is over when all partitions have it; until then events may fall on either side.
  resets_.push_back({std::exchange(ask, Ask{}), true, outcome.partition, outcome.offset});
  resets_.back().ask.look = {};
  ask.kind = Ask::Kind::kNone;
}

void Callers::look_at(const LogOracle& oracle) {
  oracle_ = &oracle;
  for (auto at = resets_.begin(); at != resets_.end();) {
    const bool done =
        at->acknowledged && oracle.reset_done(at->partition, at->offset, places_[at->ask.counter].counter);
    if (!done) {
      ++at;
      continue;
    }
    end_reset(at->ask.reset, History::End::kDone);
    if (at->ask.kind == Ask::Kind::kSet) history_->end(at->ask.event, at->ask.attempt, History::End::kDone);
    at = resets_.erase(at);
  }
}

void Callers::answered_read(const Request& request, const Ask& ask, const Operation& operation,
                            const Outcome& outcome) {
  const History::Shown shown{outcome.value, outcome.exists, std::nullopt, outcome.epoch};
  if (operation.fresh) {
    places_[ask.counter].value = outcome.value;
    places_[ask.counter].exists = outcome.exists;
  }
  if (request.all) {
    if (outcome.value != places_[ask.counter].value) {
      trace_.violation("a read through the caches shows " + std::to_string(outcome.value) + " of " +
                       places_[ask.counter].counter + " when all is quiet, the store says " +
                       std::to_string(places_[ask.counter].value));
    }
    return history_->shown(ask.look, shown);
  }
  auto look = ask.look;
  const auto& events = history_->events_of(ask.counter);
  // Nothing of an older epoch is in it.
  const auto within = trust_positions_ && oracle_ != nullptr
                          ? oracle_->within(places_[ask.counter].counter, outcome.epoch)
                          : std::numeric_limits<std::int64_t>::max();
  for (const auto event : events) {
    if (history_->times_in(outcome.value, event) <= history_->times_in(within, event)) continue;
    trace_.violation("a read shows " + std::to_string(outcome.value) + " of " + places_[ask.counter].counter +
                     ", of its epoch the log has " + std::to_string(within));
    return;
  }
  const auto as_of = wall_ - static_cast<TimeMs>(outcome.lag_ms);
  for (std::size_t i = 0; i < look.least.size(); ++i) {
    const auto due = due_since_.find(events[i]);
    const bool old = trust_ages_ && due != due_since_.end() && due->second < as_of;
    const bool positioned = trust_positions_ && ask.positioned;
    if (!positioned) look.least[i] = old ? std::min<std::size_t>(look.least[i], 1) : 0;
  }
  // Who waits no longer hears nothing of it.
  const bool in_session = trust_positions_ && ask.in_session && request.caller != nullptr;
  history_->shown_behind(look, shown, in_session ? &request.caller->session : nullptr);
}

}  // namespace quipu::sim
