#include <algorithm>
#include <string>
#include <utility>

#include "ingest/ids.h"
#include "sim/distributed/callers_parts.h"

/// What callers ask.
namespace quipu::sim {

namespace {

/// The same in a log that was begun anew: there its sequences begin anew, and must count.
std::string source_name(std::size_t number) { return "source" + std::to_string(number); }

}  // namespace

void Callers::ask_something(Caller& caller, Request& request) {
  if (settling_) {
    if (random_.one_in(2)) return ask_of_source(caller, request);
    for (const auto event : with_id_) {
      if (request.asks.size() >= kCallerBatchMax) break;
      if (history_->acknowledged(event) || history_->under_way(event) || !history_->may_repeat(event)) continue;
      ask_event(request, event, false);
    }
    return;
  }
  if (random_.one_in(settings_.source_batches)) return ask_of_source(caller, request);
  const auto asked = random_.below(settings_.counters);
  if (random_.one_in(6)) return ask_in_session(caller, request, asked);
  for (auto left = random_.between(1, kCallerBatchMax); left > 0; --left) {
    const auto counter = random_.below(settings_.counters);
    const bool room = history_->has_room(counter);
    switch (random_.below(16)) {
      case 0:
        if (counter % 2 != 0) ask_reset(request, counter, false);
        break;
      case 1:
        if (counter % 2 != 0 && room) ask_reset(request, counter, true);
        break;
      case 2:
      case 3:
      case 4:
        ask_read(request, counter, random_.one_in(3));
        break;
      case 5:
      case 6:
        if (random_.one_in(settings_.faults.client_mistakes)) {
          ask_by_mistake(request);
        } else {
          ask_again(request);
        }
        break;
      case 7:
      case 8:
      case 9:
      case 10:
        if (!room) break;
        with_id_.push_back(history_->make(counter, History::Mode::kId));
        ask_event(request, with_id_.back(), random_.one_in(10));
        break;
      default:
        if (!room) break;
        plain_.push_back(history_->make(counter, History::Mode::kPlain));
        ask_event(request, plain_.back(), random_.one_in(6));
    }
  }
  if (request.asks.size() < 2 || !random_.one_in(4)) return;
  auto& operations = request.batch.operations;
  operations.front().together = static_cast<std::uint32_t>(operations.size());
  const bool adds = std::ranges::all_of(operations, [](const Operation& each) {
    return each.kind == OperationKind::kAdd || each.kind == OperationKind::kRead;
  });
  for (Operation& each : operations) each.each_alone = !adds;
}

/// A read with the positions of all that was acknowledged; or once more with those that it had before, which are
/// reached already: what the client was shown since must be in it all the same.
void Callers::ask_in_session(Caller& caller, Request& request, std::size_t counter) {
  const bool again = !caller.session_after.empty() && random_.one_in(2);
  if (again) counter = caller.session_counter;
  ask_read(request, counter, true);
  Ask& ask = request.asks.back();
  if (!again) {
    caller.session_counter = counter;
    caller.session_after.clear();
    for (const auto& [partition, offset] : positions_[counter]) {
      caller.session_after.push_back({generation_, partition, offset});
    }
  }
  request.after = caller.session_after;
  ask.positioned = !again;
  ask.in_session = !request.after.empty();
}

bool Callers::asks_for(const Request& request, History::EventNumber event) {
  return std::ranges::any_of(request.asks, [&](const Ask& ask) {
    return (ask.kind == Ask::Kind::kEvent || ask.kind == Ask::Kind::kMistake) && ask.event == event;
  });
}

/// An id that was counted, with another content: a node that knows it refuses that, and nobody counts it.
void Callers::ask_by_mistake(Request& request) {
  if (with_id_.empty()) return;
  const auto event = with_id_[with_id_.size() - 1 - random_.below(std::min<std::size_t>(with_id_.size(), 12))];
  if (asks_for(request, event) || !history_->acknowledged(event)) return;
  // A node that was told of the other content alone would take it for a repeat, and rightly so.
  if (mistaken_.contains(event)) return;
  if (!history_->surely_known(event) || !history_->may_repeat(event)) return;
  trace_.fault(Fault::kClientMistakes);
  mistaken_.insert(event);
  ask_event(request, event, false);
  request.asks.back().kind = Ask::Kind::kMistake;
  request.batch.operations.back().id.body ^= 1;
}

/// A client that heard nothing sends again; so does one that forgot that it was answered, or that knows no better.
void Callers::ask_again(Request& request) {
  auto& from = random_.one_in(6) ? plain_ : with_id_;
  if (from.empty()) return;
  const auto event = from[from.size() - 1 - random_.below(std::min<std::size_t>(from.size(), 12))];
  if (asks_for(request, event) || !history_->may_repeat(event)) return;
  if (history_->acknowledged(event) || history_->mode_of(event) == History::Mode::kPlain) {
    if (!random_.one_in(settings_.faults.client_repeats)) return;
    trace_.fault(Fault::kClientRepeats);
  }
  ask_event(request, event, false);
}

/// A source sends its events in their order, one batch under way, and those without an answer first, cut anew.
void Callers::ask_of_source(Caller& caller, Request& request) {
  for (const auto event : caller.source_events) {
    if (history_->under_way(event)) return;
  }
  const auto source = source_hash(settings_.node.secret, "default", source_name(caller.number));
  const auto most = random_.between(1, caller.batch_max);
  const auto ask = [&](History::EventNumber event) {
    ask_event(request, event, false);
    request.batch.operations.back().source = source;
  };
  for (const auto event : caller.source_events) {
    if (!history_->acknowledged(event) && request.asks.size() < most) ask(event);
  }
  if (!settling_ && request.asks.empty() && !caller.source_events.empty() && random_.one_in(6)) {
    ask(caller.source_events[random_.below(caller.source_events.size())]);  // What was counted, once more.
  }
  while (!settling_ && request.asks.size() < most) {
    const auto counter = random_.below(settings_.counters);
    if (!history_->has_room(counter)) break;
    caller.sequence += caller.sequence == 0 ? 1 : random_.between(1, 2);
    caller.source_events.push_back(history_->make(counter, History::Mode::kSource, caller.sequence));
    ask(caller.source_events.back());
  }
  if (!request.asks.empty()) {
    request.batch.operations.front().together = static_cast<std::uint32_t>(request.asks.size());
  }
}

Operation Callers::operation(const Request& request, OperationKind kind, std::size_t counter) const {
  Operation made;
  made.kind = kind;
  made.space = *nodes_[request.node]->namespaces().find_or_create(places_[counter].space);
  made.counter = places_[counter].counter;
  return made;
}

void Callers::ask_event(Request& request, History::EventNumber event, bool memory_ack) {
  Ask ask;
  ask.kind = Ask::Kind::kEvent;
  ask.event = event;
  ask.counter = history_->counter_of(event);
  ask.look = history_->look(ask.counter);
  ask.attempt = history_->begin(event);
  auto made = operation(request, OperationKind::kAdd, ask.counter);
  made.delta = history_->delta_of(event);
  made.memory_ack = memory_ack;
  if (history_->mode_of(event) == History::Mode::kId) {
    made.group = GroupKind::kIds;
    made.id = id_hash(settings_.node.secret, places_[ask.counter].space, places_[ask.counter].counter,
                      "id" + std::to_string(event));
    made.id.body = body_hash(made.delta, 0);
  } else if (history_->mode_of(event) == History::Mode::kSource) {
    made.group = GroupKind::kSource;
    made.sequence = history_->sequence_of(event);
  }
  request.batch.operations.push_back(made);
  request.asks.push_back(std::move(ask));
}

/// RESET, or SET, which is RESET and an event in one.
void Callers::ask_reset(Request& request, std::size_t counter, bool set) {
  Ask ask;
  ask.kind = set ? Ask::Kind::kSet : Ask::Kind::kReset;
  ask.counter = counter;
  auto made = operation(request, set ? OperationKind::kSet : OperationKind::kReset, counter);
  if (set) ask.event = history_->make(counter, History::Mode::kSet);
  ask.look = history_->look(counter);
  ask.reset = history_->begin_reset(counter);
  if (set) {
    ask.attempt = history_->begin(ask.event);
    history_->one_with(ask.event, ask.attempt);
    made.delta = history_->delta_of(ask.event);
    made.condition = random_.pick({SetCondition::kAlways, SetCondition::kIfAbsent, SetCondition::kIfPresent});
  } else {
    made.condition = random_.pick({SetCondition::kAlways, SetCondition::kIfPresent});
  }
  request.batch.operations.push_back(made);
  request.asks.push_back(std::move(ask));
}

void Callers::ask_read(Request& request, std::size_t counter, bool fresh) {
  Ask ask;
  ask.counter = counter;
  ask.look = history_->look(counter);
  request.batch.operations.push_back(operation(request, OperationKind::kRead, counter));
  request.batch.operations.back().fresh = fresh;
  request.asks.push_back(std::move(ask));
}

}  // namespace quipu::sim
