#include <algorithm>
#include <limits>
#include <utility>

#include "ingest/ids.h"
#include "sim/clients_parts.h"

/// What the clients ask.
namespace quipu::sim {

void Clients::act_shared(Client& client, Request& request) {
  if (settling_) {
    if (random_.one_in(2)) return ask_of_source(client, request);
    // What was not answered, and can be sent again.
    for (const auto event : with_id_) {
      if (request.asks.size() >= kBatchMax) break;
      if (history_->acknowledged(event) || history_->under_way(event) || !history_->may_repeat(event)) continue;
      ask_event(request, event, false);
    }
    return;
  }
  if (random_.one_in(80)) {
    flush_space();
    if (random_.one_in(2)) flush_space();  // Two at once.
    return;
  }
  if (settings_.id_storm ? !random_.one_in(3) : random_.one_in(6)) renew(request);
  if (!request.asks.empty()) return;
  if (random_.one_in(4)) return ask_of_source(client, request);
  if (random_.one_in(settings_.faults.client_mistakes)) return ask_group_with_mistake(request);
  for (auto left = random_.between(1, kBatchMax); left > 0; --left) ask_something(request);
  auto& operations = request.batch.operations;
  if (operations.size() < 2 || !random_.one_in(3)) return;
  operations[0].together = static_cast<std::uint32_t>(operations.size());
  const bool adds_alone = std::all_of(operations.begin(), operations.end(), [](const Operation& each) {
    return each.kind == OperationKind::kAdd || each.kind == OperationKind::kRead;
  });
  // All or nothing is for batches of events; a transaction may hold anything.
  const bool alone = !adds_alone || random_.one_in(2);
  for (auto& operation : operations) operation.each_alone = alone;
}

void Clients::ask_something(Request& request) {
  const auto counter = random_.below(settings_.counters);
  const bool may_reset = counter % 2 != 0;
  switch (random_.below(16)) {
    case 0:
      if (may_reset) ask_reset(request, counter);
      return;
    case 1:
      if (may_reset && history_->has_room(counter)) ask_set(request, counter);
      return;
    case 2:
    case 3:
    case 4:
    case 5:
      return ask_read(request, counter);
    case 6:
    case 7:
      return ask_again(request);
    case 8:
    case 9:
    case 10:
      if (!history_->has_room(counter)) return ask_read(request, counter);
      with_id_.push_back(history_->make(counter, History::Mode::kId));
      return ask_event(request, with_id_.back(), random_.one_in(8));
    default:
      if (!history_->has_room(counter)) return ask_read(request, counter);
      plain_.push_back(history_->make(counter, History::Mode::kPlain));
      return ask_event(request, plain_.back(), random_.one_in(4));
  }
}

/// A client that heard nothing sends again; so does one that forgot that it was answered, or that knows no better.
void Clients::ask_again(Request& request) {
  const auto in_request = [&](History::EventNumber event) {
    return std::any_of(request.asks.begin(), request.asks.end(),
                       [&](const Ask& ask) { return ask.kind == Ask::Kind::kEvent && ask.event == event; });
  };
  auto& from = random_.one_in(6) ? plain_ : with_id_;
  if (from.empty()) return;
  const auto latest = settings_.shuffled_ids ? from.size() : std::min<std::size_t>(from.size(), 6);
  const auto event = from[from.size() - 1 - random_.below(latest)];
  if (in_request(event) || !history_->may_repeat(event)) return;
  const bool knows_no_better = history_->acknowledged(event) || history_->mode_of(event) == History::Mode::kPlain;
  if (knows_no_better) {
    if (!random_.one_in(settings_.faults.client_repeats)) return;
    trace_.fault(Fault::kClientRepeats);
  }
  ask_event(request, event, false);
}

/// Ids that are to be known for ever, since they are sent again before they can be forgotten.
void Clients::renew(Request& request) {
  std::size_t of_late = 0;
  for (auto at = with_id_.size(); at > 0 && of_late < 12 && request.asks.size() < kBatchMax; --at, ++of_late) {
    const auto event = with_id_[at - 1];
    const bool storm = settings_.id_storm && history_->acknowledged(event) && history_->surely_known(event);
    if ((storm || history_->renewal_due(event)) && history_->may_repeat(event)) ask_event(request, event, false);
  }
  if (!request.asks.empty()) trace_.fault(Fault::kClientRepeats);
}

Operation Clients::operation(OperationKind kind, std::size_t place) const {
  Operation made;
  made.kind = kind;
  made.space = *engine_->namespaces().find_or_create(places_[place].space);
  made.counter = places_[place].name;
  return made;
}

Operation Clients::operation_of(History::EventNumber event) const {
  const auto place = history_->counter_of(event);
  auto made = operation(OperationKind::kAdd, place);
  made.delta = history_->delta_of(event);
  const auto number = std::to_string(event);
  if (history_->mode_of(event) == History::Mode::kId) {
    made.group = GroupKind::kIds;
    made.id = id_hash(settings_.engine.secret, places_[place].space, places_[place].name, "id" + number);
    made.id.body = body_hash(made.delta, 0);
  }
  if (history_->mode_of(event) == History::Mode::kSource) {
    made.group = GroupKind::kSource;
    made.sequence = history_->sequence_of(event);
  }
  return made;
}

void Clients::ask_event(Request& request, History::EventNumber event, bool memory_ack) {
  Ask ask;
  ask.kind = Ask::Kind::kEvent;
  ask.event = event;
  ask.place = history_->counter_of(event);
  ask.look = history_->look(ask.place);
  ask.attempt = history_->begin(event);
  request.batch.operations.push_back(operation_of(event));
  request.batch.operations.back().memory_ack = memory_ack;
  request.asks.push_back(std::move(ask));
}

void Clients::ask_set(Request& request, std::size_t counter) {
  Ask ask;
  ask.kind = Ask::Kind::kSet;
  ask.place = counter;
  ask.event = history_->make(counter, History::Mode::kSet);
  ask.look = history_->look(counter);
  ask.reset = history_->begin_reset(counter);
  ask.attempt = history_->begin(ask.event);
  history_->one_with(ask.event, ask.attempt);
  auto set = operation(OperationKind::kSet, counter);
  set.delta = history_->delta_of(ask.event);
  set.condition = random_.pick({SetCondition::kAlways, SetCondition::kIfAbsent, SetCondition::kIfPresent});
  request.batch.operations.push_back(set);
  request.asks.push_back(std::move(ask));
}

void Clients::ask_reset(Request& request, std::size_t counter) {
  Ask ask;
  ask.kind = Ask::Kind::kReset;
  ask.place = counter;
  ask.look = history_->look(counter);
  ask.reset = history_->begin_reset(counter);
  auto reset = operation(OperationKind::kReset, counter);
  reset.condition = random_.pick({SetCondition::kAlways, SetCondition::kIfPresent});
  request.batch.operations.push_back(reset);
  request.asks.push_back(std::move(ask));
}

void Clients::ask_read(Request& request, std::size_t counter) {
  Ask ask;
  ask.place = counter;
  ask.look = history_->look(counter);
  request.batch.operations.push_back(operation(OperationKind::kRead, counter));
  request.asks.push_back(std::move(ask));
}

/// Events that are all or nothing, and among them an id that was used for another content: none may be counted.
void Clients::ask_group_with_mistake(Request& request) {
  if (settings_.engine.ids_max < 1'000) return;  // It must be known for as long as the batch is under way.
  std::vector<History::EventNumber> known;
  for (std::size_t i = with_id_.size(); i > 0 && i + 10 > with_id_.size(); --i) {
    const auto event = with_id_[i - 1];
    if (history_->acknowledged(event) && history_->surely_known(event) && history_->may_repeat(event)) {
      known.push_back(event);
    }
  }
  if (known.empty()) return;
  const auto mistake_at = random_.below(3);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto counter = random_.below(settings_.counters);
    if (i != mistake_at && history_->has_room(counter)) {
      plain_.push_back(history_->make(counter, History::Mode::kPlain));
      ask_event(request, plain_.back(), false);
    }
    if (i != mistake_at) continue;
    Ask ask;
    ask.kind = Ask::Kind::kMistake;
    ask.event = known[random_.below(known.size())];
    ask.place = history_->counter_of(ask.event);
    ask.attempt = history_->begin(ask.event);
    request.batch.operations.push_back(operation_of(ask.event));
    request.batch.operations.back().id.body ^= 1;
    request.asks.push_back(std::move(ask));
  }
  request.batch.operations.front().together = static_cast<std::uint32_t>(request.batch.operations.size());
  trace_.fault(Fault::kClientMistakes);
}

/// A source sends its events in their order, one batch under way, and those without an answer first, cut anew.
void Clients::ask_of_source(Client& client, Request& request) {
  // A batch of it that nobody waits for any more would be a second one.
  for (const auto event : client.source_events) {
    if (history_->under_way(event)) return;
  }
  const auto source = source_hash(settings_.engine.secret, "default", "source" + std::to_string(client.number));
  const auto most = random_.between(1, client.batch_max);
  const auto ask = [&](History::EventNumber event) {
    ask_event(request, event, false);
    request.batch.operations.back().source = source;
  };
  for (const auto event : client.source_events) {
    if (!history_->acknowledged(event) && request.asks.size() < most) ask(event);
  }
  if (!settling_ && request.asks.empty() && !client.source_events.empty() &&
      random_.one_in(6)) {  // What was counted, once more.
    ask(client.source_events[random_.below(client.source_events.size())]);
  }
  while (!settling_ && request.asks.size() < most) {
    const auto counter = random_.below(settings_.counters);
    if (!history_->has_room(counter)) break;
    client.sequence += client.sequence == 0 ? 1 : random_.between(1, 2);
    client.source_events.push_back(history_->make(counter, History::Mode::kSource, client.sequence));
    ask(client.source_events.back());
  }
  if (request.asks.empty()) return;
  request.batch.operations.front().together = static_cast<std::uint32_t>(request.asks.size());
}

void Clients::act_alone(Client& client, Request& request) {
  if (settling_) return;
  const auto place = settings_.counters + client.number - settings_.clients;
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  for (auto left = random_.between(1, 3); left > 0; --left) {
    Ask ask;
    ask.kind = Ask::Kind::kAlone;
    ask.place = place;
    ask.asked.kind = random_.pick({OperationKind::kAdd, OperationKind::kAdd, OperationKind::kAdd, OperationKind::kAdd,
                                   OperationKind::kRead, OperationKind::kSet, OperationKind::kReset});
    ask.asked.delta = random_.pick<std::int64_t>({1, -1, 7, -1'000, 0, kMost, -kMost, kMost / 2, -kMost / 2});
    if (ask.asked.kind != OperationKind::kAdd) {
      ask.asked.condition = random_.pick({SetCondition::kAlways, SetCondition::kIfPresent});
    }
    if (ask.asked.kind == OperationKind::kSet && random_.one_in(3)) ask.asked.condition = SetCondition::kIfAbsent;
    auto made = operation(ask.asked.kind, place);
    made.delta = ask.asked.delta;
    made.condition = ask.asked.condition;
    request.batch.operations.push_back(made);
    request.asks.push_back(std::move(ask));
  }
  if (request.asks.size() < 2 || !random_.one_in(3)) return;
  request.batch.operations.front().together = static_cast<std::uint32_t>(request.asks.size());
  for (auto& each : request.batch.operations) each.each_alone = true;
}

/// FLUSHDB of the second namespace, in which are the shared counters that may be reset.
void Clients::flush_space() {
  flushes_.emplace_back();
  const auto flush = std::prev(flushes_.end());
  for (std::size_t i = 1; i < settings_.counters; i += 2) flush->resets.push_back(history_->begin_reset(i));
  trace_.line("a client resets a namespace");
  const auto process = process_;
  engine_->reset_all({*engine_->namespaces().find_or_create(kSpaces[1])},
                     [this, flush, process](const Result<Offset>& done) {
                       if (process != process_ || engine_ == nullptr) return;
                       trace_.line(done ? "the namespace is reset, durable at " + std::to_string(done->value)
                                        : "the namespace is not reset: " + done.error().what);
                       if (done) {
                         flush->durable_at = *done;
                         return;
                       }
                       for (const auto& reset : flush->resets) history_->end_reset(reset, History::End::kUnknown);
                       flushes_.erase(flush);
                     });
}

}  // namespace quipu::sim
