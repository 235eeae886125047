#include "sim/clients.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "base/check.h"
#include "ingest/ids.h"

namespace quipu::sim {
namespace {

/// The shared counters stand in them by turns. In the first none is ever reset, so that all that was acknowledged must
/// be there at the end.
constexpr const char* kSpaces[] = {"default", "views"};
constexpr std::size_t kBatchMax = 4;
/// The longest that a client may be told to stay away.
constexpr std::int64_t kRetryMsMax = 60'000;
constexpr std::size_t kNameShown = 10;

std::string text_of(const Operation& operation) {
  static constexpr const char* kKinds[] = {"add", "set", "reset", "read"};
  std::string text = std::string(kKinds[static_cast<std::size_t>(operation.kind)]) + "(" +
                     std::string(operation.counter.substr(0, kNameShown));
  if (operation.kind == OperationKind::kAdd || operation.kind == OperationKind::kSet) {
    text += " " + std::to_string(operation.delta);
  }
  if (operation.group == GroupKind::kIds) text += " id " + std::to_string(operation.id.id.low % 10'000);
  if (operation.group == GroupKind::kSource) text += " sequence " + std::to_string(operation.sequence);
  if (operation.condition != SetCondition::kAlways) text += " if";
  if (operation.memory_ack) text += " memory";
  if (operation.together > 1) text += operation.each_alone ? " transaction" : " together";
  return text + ")";
}

std::string text_of(const Outcome& outcome) {
  if (outcome.error) return std::string("(") + outcome.error_text + ")";
  return "(" + std::to_string(outcome.value) + (outcome.exists ? "" : " absent") +
         (outcome.duplicate ? " repeat" : "") + (outcome.applied ? " applied" : "") + ")";
}

}  // namespace

struct Clients::Ask {
  enum class Kind : std::uint8_t {
    kEvent,
    kSet,
    kReset,
    kRead,
    kMistake,  ///< An id with another content.
    kAlone,    ///< Of a counter that one client uses.
    kNone,     ///< There is nothing more to learn of it.
  };
  Kind kind = Kind::kRead;
  std::size_t place = 0;
  History::EventNumber event = 0;
  History::AttemptNumber attempt = 0;
  History::Reset reset;
  History::Look look;
  Register::Asked asked;
};

struct Clients::Request final : BatchClient {
  Clients* clients = nullptr;
  Client* client = nullptr;  ///< Null when it waits no longer.
  Batch batch;
  std::vector<Ask> asks;
  std::uint64_t number = 0;
  bool done = false;
  bool all = false;  ///< Part of ask_for_all.

  void batch_done(Batch&) override { clients->answered(*this); }
};

struct Clients::Client {
  std::size_t number = 0;
  bool alone = false;
  Request* waits_for = nullptr;
  std::vector<History::EventNumber> source_events;
  std::uint64_t sequence = 0;
  std::size_t batch_max = kBatchMax;  ///< Of a source: less where a batch was too large.
};

Clients::Clients(const Settings& settings, Random& random, Trace& trace)
    : settings_(settings), random_(random), trace_(trace) {
  draw_names();
  std::vector<std::string> names;
  for (std::size_t i = 0; i < settings_.counters; ++i) names.push_back(places_[i].name);
  history_ = std::make_unique<History>(trace_, std::move(names), settings_.engine.ids_max);
  registers_.resize(settings_.loners);
  for (std::size_t i = 0; i < settings_.clients + settings_.loners; ++i) {
    clients_.push_back(std::make_unique<Client>());
    clients_.back()->number = i;
    clients_.back()->alone = i >= settings_.clients;
  }
}

Clients::~Clients() = default;

void Clients::draw_names() {
  for (std::size_t i = 0; i < settings_.counters + settings_.loners; ++i) {
    Place place;
    place.space = i < settings_.counters ? kSpaces[i % 2] : kSpaces[0];
    place.name = (i < settings_.counters ? "shared" : "alone") + std::to_string(i);
    if (random_.one_in(4)) place.name.resize(std::max(place.name.size(), settings_.counter_bytes), 'x');
    places_.push_back(std::move(place));
  }
}

void Clients::begin_process(Engine& engine) {
  engine_ = &engine;
  ++process_;
}

void Clients::end_process() {
  engine_ = nullptr;
  for (auto& request : requests_) {
    if (request->client != nullptr) request->client->waits_for = nullptr;
    std::vector<Register::Asked> alone;
    for (Ask& ask : request->asks) {
      if (ask.kind == Ask::Kind::kAlone) alone.push_back(ask.asked);
      unknown(ask);
    }
    if (!alone.empty()) registers_[request->asks.front().place - settings_.counters].lost(alone);
    if (request->all) --looks_;
  }
  requests_.clear();
  for (Flush& flush : flushes_) {
    for (const auto& reset : flush.resets) history_->end_reset(reset, History::End::kUnknown);
  }
  flushes_.clear();
}

void Clients::new_log() {
  history_->new_log();
  for (Register& alone : registers_) alone.split();
}

// What they ask.

void Clients::act() { act(*clients_[random_.below(clients_.size())]); }

void Clients::act(Client& client) {
  if (engine_ == nullptr || engine_->state() != EngineState::kServing) return;
  if (client.waits_for != nullptr) {
    if (client.alone || settling_ || !random_.one_in(settings_.faults.client_gives_up)) return;
    // Its connection is gone. What it asked for goes on.
    trace_.fault(Fault::kClientGivesUp, "client " + std::to_string(client.number));
    client.waits_for->client = nullptr;
    client.waits_for = nullptr;
  }
  auto request = std::make_unique<Request>();
  request->clients = this;
  if (client.alone) {
    act_alone(client, *request);
  } else {
    act_shared(client, *request);
  }
  if (!request->asks.empty()) submit(std::move(request), &client);
}

void Clients::submit(std::unique_ptr<Request> request, Client* client) {
  Request& given = *request;
  given.client = client;
  if (client != nullptr) client->waits_for = &given;
  for (const Operation& operation : given.batch.operations) {
    if (operation.kind != OperationKind::kRead) ++events_;
  }
  requests_.push_back(std::move(request));
  given.number = ++asked_;
  std::string text = "request " + std::to_string(given.number) + " of client " +
                     (client != nullptr ? std::to_string(client->number) : "-") + ":";
  for (const Operation& operation : given.batch.operations) text += " " + text_of(operation);
  trace_.line(text);
  if (!engine_->submit(given.batch, given)) trace_.line("request " + std::to_string(given.number) + " is parked");
}

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
  if (!settling_ && request.asks.empty() && !client.source_events.empty() && random_.one_in(6)) {  // What was counted, once more.
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
  engine_->reset_all({*engine_->namespaces().find_or_create(kSpaces[1])}, [this, flush, process](const Result<Offset>& done) {
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

void Clients::ask_for_all() {
  for (std::size_t i = 0; i < places_.size(); ++i) {
    auto request = std::make_unique<Request>();
    request->clients = this;
    request->all = true;
    ++looks_;
    if (i < settings_.counters) {
      ask_read(*request, i);
    } else {
      Ask ask;
      ask.kind = Ask::Kind::kAlone;
      ask.place = i;
      request->batch.operations.push_back(operation(OperationKind::kRead, i));
      request->asks.push_back(std::move(ask));
    }
    submit(std::move(request), nullptr);
  }
}

// What they are told.

void Clients::answered(Request& request) {
  request.done = true;
  std::string text = "request " + std::to_string(request.number) + " is done, durable at " +
                     std::to_string(request.batch.durable_at.value) + ":";
  for (const Outcome& outcome : request.batch.outcomes) text += " " + text_of(outcome);
  trace_.line(text);
  if (refused_whole(request)) {
    for (Ask& ask : request.asks) not_done(ask);
    return;
  }
  for (std::size_t i = 0; i < request.asks.size(); ++i) {
    Ask& ask = request.asks[i];
    const Outcome& outcome = request.batch.outcomes[i];
    const bool no_room = outcome.error == Code::kBusy || outcome.error == Code::kTooLarge;
    if (outcome.error == Code::kTooLarge && request.client != nullptr) request.client->batch_max = 1;
    if (outcome.error == Code::kBusy && (outcome.retry_after_ms < 1 || outcome.retry_after_ms > kRetryMsMax)) {
      trace_.violation("a client is to come back in " + std::to_string(outcome.retry_after_ms) + " ms");
    }
    if (outcome.error && outcome.applied) trace_.violation("an operation was refused and applied");
    if (no_room) {
      not_done(ask);
    } else if (ask.kind == Ask::Kind::kAlone) {
      continue;
    } else if (ask.kind == Ask::Kind::kMistake) {
      if (outcome.error != Code::kConflict && history_->surely_known(ask.event)) {
        trace_.violation("an id was taken with another content than before");
      }
      if (outcome.error) {
        not_done(ask);
      } else {
        unknown(ask);
      }
    } else if (outcome.error) {
      trace_.violation(std::string("refused without a reason: ") + outcome.error_text);
    } else if (request.client == nullptr && !request.all) {
      unknown(ask);
    }
  }
}

/// Where one of a group is refused, so are all. Answers whether it was.
bool Clients::refused_whole(Request& request) {
  const auto& first = request.batch.operations.front();
  if (first.together <= 1 || first.each_alone) return false;
  const auto& outcomes = request.batch.outcomes;
  const bool refused = std::any_of(outcomes.begin(), outcomes.end(), [](const Outcome& outcome) {
    return outcome.error && outcome.error != Code::kBusy && outcome.error != Code::kTooLarge;
  });
  if (!refused) return false;
  const bool expected = std::any_of(request.asks.begin(), request.asks.end(),
                                    [](const Ask& ask) { return ask.kind == Ask::Kind::kMistake; });
  if (!expected) trace_.violation("a batch was refused without a reason");
  if (std::any_of(outcomes.begin(), outcomes.end(), [](const Outcome& outcome) { return outcome.applied; })) {
    trace_.violation("a batch with a bad entry was applied in part");
  }
  return true;
}

void Clients::not_done(Ask& ask) {
  if (ask.kind == Ask::Kind::kReset || ask.kind == Ask::Kind::kSet) {
    history_->end_reset(ask.reset, History::End::kNothing);
  }
  if (ask.kind == Ask::Kind::kEvent || ask.kind == Ask::Kind::kSet || ask.kind == Ask::Kind::kMistake) {
    history_->end(ask.event, ask.attempt, History::End::kNothing);
  }
  ask.kind = Ask::Kind::kNone;
}

void Clients::unknown(Ask& ask) {
  if (ask.kind == Ask::Kind::kReset || ask.kind == Ask::Kind::kSet) {
    history_->end_reset(ask.reset, History::End::kUnknown);
  }
  if (ask.kind == Ask::Kind::kEvent || ask.kind == Ask::Kind::kSet || ask.kind == Ask::Kind::kMistake) {
    history_->end(ask.event, ask.attempt, History::End::kUnknown);
  }
  ask.kind = Ask::Kind::kNone;
}

void Clients::release() {
  for (auto at = requests_.begin(); at != requests_.end();) {
    Request& request = **at;
    if (!request.done || request.batch.durable_at > engine_->durable()) {
      ++at;
      continue;
    }
    finish(request);
    at = requests_.erase(at);
  }
  for (auto at = flushes_.begin(); at != flushes_.end();) {
    if (!at->durable_at || *at->durable_at > engine_->durable()) {
      ++at;
      continue;
    }
    for (const auto& reset : at->resets) history_->end_reset(reset, History::End::kDone);
    at = flushes_.erase(at);
  }
}

/// The reply has come.
void Clients::finish(Request& request) {
  trace_.line("request " + std::to_string(request.number) + " is answered");
  for (std::size_t i = 0; i < request.asks.size() && !trace_.failed(); ++i) {
    if (request.asks[i].kind == Ask::Kind::kAlone) {
      answered_alone(request, i);
    } else if (request.asks[i].kind != Ask::Kind::kNone) {
      answered_shared(request, request.asks[i], request.batch.outcomes[i]);
    }
  }
  if (request.client != nullptr) request.client->waits_for = nullptr;
  if (request.all) --looks_;
}

void Clients::answered_shared(Request& request, Ask& ask, const Outcome& outcome) {
  const auto& operation = request.batch.operations[static_cast<std::size_t>(&ask - request.asks.data())];
  History::Shown shown{outcome.value, outcome.exists, std::nullopt, outcome.epoch};
  if (ask.kind == Ask::Kind::kRead) {
    shown.position = outcome.offset;
    places_[ask.place].value = outcome.value;
    places_[ask.place].exists = outcome.exists;
  }
  if (ask.kind == Ask::Kind::kEvent) {
    if (operation.memory_ack) {  // Nobody relies on it yet.
      history_->end(ask.event, ask.attempt, History::End::kUnknown);
      return;
    }
    history_->said_repeat(ask.event, ask.attempt, outcome.duplicate);
    if (outcome.applied) {
      shown.position = outcome.offset;
      if (history_->times_in(outcome.value, ask.event) == 0) {
        trace_.violation("the answer to an event does not show it: " + std::to_string(outcome.value));
      }
    }
  }
  if (ask.kind == Ask::Kind::kSet || ask.kind == Ask::Kind::kReset) {
    const bool set = ask.kind == Ask::Kind::kSet;
    const bool wanted = operation.condition == SetCondition::kAlways ||
                        (operation.condition == SetCondition::kIfPresent) == outcome.existed;
    if (outcome.applied != wanted) trace_.violation("a condition was not heeded");
    if (outcome.applied && (outcome.value != (set ? operation.delta : 0) || outcome.exists != set)) {
      trace_.violation("the answer to SET or DEL shows another value: " + std::to_string(outcome.value));
    }
  }
  history_->shown(ask.look, shown);
  const auto end = outcome.applied || outcome.duplicate ? History::End::kDone : History::End::kNothing;
  if (ask.kind == Ask::Kind::kSet || ask.kind == Ask::Kind::kReset) history_->end_reset(ask.reset, end);
  if (ask.kind == Ask::Kind::kSet || ask.kind == Ask::Kind::kEvent) history_->end(ask.event, ask.attempt, end);
}

void Clients::answered_alone(Request& request, std::size_t at) {
  const Ask& ask = request.asks[at];
  const Outcome& outcome = request.batch.outcomes[at];
  Register::Answer answer{outcome.error.has_value(), outcome.existed, outcome.exists,
                          outcome.applied,           outcome.before,  outcome.value};
  if (outcome.error) {
    answer = {};
    answer.refused = true;
  }
  const auto wrong = registers_[ask.place - settings_.counters].answered(ask.asked, answer);
  if (!wrong.empty()) trace_.violation("counter " + places_[ask.place].name.substr(0, 20) + " was " + wrong);
  if (outcome.error || (ask.asked.kind != OperationKind::kRead && !outcome.applied)) return;
  places_[ask.place].value = outcome.value;
  places_[ask.place].exists = outcome.exists;
}

// The end.

bool Clients::settled() const {
  if (!requests_.empty() || !flushes_.empty()) return false;
  for (const auto event : with_id_) {
    if (!history_->acknowledged(event) && history_->may_repeat(event)) return false;
  }
  for (const auto& client : clients_) {
    for (const auto event : client->source_events) {
      if (!history_->acknowledged(event)) return false;
    }
  }
  return true;
}

std::string Clients::waiting_for() const {
  std::size_t not_acknowledged = 0;
  for (const auto event : with_id_) not_acknowledged += history_->acknowledged(event) ? 0 : 1;
  for (const auto& client : clients_) {
    for (const auto event : client->source_events) not_acknowledged += history_->acknowledged(event) ? 0 : 1;
  }
  std::size_t parked = 0;
  for (const auto& request : requests_) parked += request->done ? 0 : 1;
  return std::to_string(requests_.size()) + " requests without an answer, " + std::to_string(parked) +
         " of them in the engine, " + std::to_string(not_acknowledged) + " events to be sent again";
}

std::vector<Clients::Total> Clients::totals() const {
  std::vector<Total> all;
  for (const Place& place : places_) all.push_back({place.space, place.name, place.value, place.exists});
  return all;
}

}  // namespace quipu::sim
