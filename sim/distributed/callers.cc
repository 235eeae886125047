#include "sim/distributed/callers.h"

#include <algorithm>
#include <span>
#include <utility>

#include "sim/distributed/callers_parts.h"

namespace quipu::sim {
namespace {

/// A window of so few ids forgets some in a run, and copies of frames that come late renew others: which ids are known
/// can not be told from what clients did then. The log itself is held against the totals in any case.
constexpr std::size_t kIdsSurelyKnown = 10'000;

std::string text_of(const Operation& operation) {
  static constexpr const char* kKinds[] = {"add", "set", "reset", "read"};
  std::string text = std::string(operation.fresh ? "fresh " : "") + kKinds[static_cast<std::size_t>(operation.kind)] +
                     "(" + std::string(operation.counter);
  if (operation.kind == OperationKind::kAdd || operation.kind == OperationKind::kSet) {
    text += " " + std::to_string(operation.delta);
  }
  if (operation.group == GroupKind::kIds) text += " id " + std::to_string(operation.id.id.low % 10'000);
  if (operation.group == GroupKind::kSource) text += " sequence " + std::to_string(operation.sequence);
  if (operation.condition != SetCondition::kAlways) text += " if";
  if (operation.memory_ack) text += " memory";
  if (operation.together > 1) text += " together";
  return text + ")";
}

}  // namespace

Callers::Callers(const DistributedSettings& settings, Random& random, Trace& trace)
    : settings_(settings), random_(random), trace_(trace), nodes_(settings.nodes), positions_(settings.counters) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < settings_.counters; ++i) {
    names.push_back("c" + std::to_string(i));
    places_.push_back({kCallerSpaces[i % 2], names.back()});
  }
  const auto ids = settings_.worker.ids_max >= kIdsSurelyKnown ? settings_.worker.ids_max : 0;
  history_ = std::make_unique<History>(trace_, std::move(names), ids);
  for (std::size_t i = 0; i < settings_.clients; ++i) {
    callers_.push_back(std::make_unique<Caller>());
    callers_.back()->number = i;
    callers_.back()->node = random_.below(settings_.nodes);
  }
}

Callers::~Callers() = default;

void Callers::begin_process(std::size_t number, ApiNode& node) { nodes_[number] = &node; }

void Callers::end_process(std::size_t number) {
  nodes_[number] = nullptr;
  for (auto at = requests_.begin(); at != requests_.end();) {
    Request& request = **at;
    if (request.node != number || request.done) {
      ++at;
      continue;
    }
    for (Ask& ask : request.asks) end(ask, History::End::kLate);
    if (request.caller != nullptr) request.caller->waits_for = nullptr;
    if (request.all) --looks_;
    at = requests_.erase(at);
  }
}

void Callers::act() {
  std::erase_if(requests_, [](const auto& request) { return request->done; });
  act(*callers_[random_.below(callers_.size())]);
}

void Callers::act(Caller& caller) {
  if (caller.waits_for != nullptr && !caller.waits_for->submitted && !settling_ && random_.one_in(40)) {
    trace_.line("request " + std::to_string(caller.waits_for->number) + " waits no longer for its positions");
    caller.waits_for->done = true;
    caller.waits_for = nullptr;
  }
  if (caller.waits_for != nullptr) {
    if (settling_ || !random_.one_in(settings_.faults.client_gives_up)) return;
    // Its connection is gone. What it asked for goes on.
    trace_.fault(Fault::kClientGivesUp, "client " + std::to_string(caller.number));
    caller.waits_for->caller = nullptr;
    caller.waits_for = nullptr;
  }
  const bool moves = random_.one_in(settings_.faults.client_moves);
  if (moves || nodes_[caller.node] == nullptr || nodes_[caller.node]->state() != EngineState::kServing) {
    const auto next = random_.below(nodes_.size());
    if (moves && next != caller.node) trace_.fault(Fault::kClientMoves, "client " + std::to_string(caller.number));
    caller.node = next;
  }
  if (nodes_[caller.node] == nullptr || nodes_[caller.node]->state() != EngineState::kServing) return;
  auto request = std::make_unique<Request>();
  request->callers = this;
  request->caller = &caller;
  request->node = caller.node;
  request->number = ++asked_;
  ask_something(caller, *request);
  if (!request->asks.empty()) submit(std::move(request));
}

void Callers::submit(std::unique_ptr<Request> request) {
  Request& given = *request;
  if (given.caller != nullptr) given.caller->waits_for = &given;
  std::string text = "request " + std::to_string(given.number) + " of client " +
                     (given.caller != nullptr ? std::to_string(given.caller->number) : "-") + " to node " +
                     std::to_string(given.node) + ":";
  for (const Operation& operation : given.batch.operations) {
    text += " " + text_of(operation);
    if (operation.kind != OperationKind::kRead) ++events_;
  }
  for (Ask& ask : given.asks) ask.refused = refused_;
  if (!given.after.empty()) text += " after " + positions_text(given.after);
  trace_.line(text);
  requests_.push_back(std::move(request));
  if (!given.after.empty()) return;
  given.submitted = true;
  nodes_[given.node]->submit(given.batch, given);
}

bool Callers::idle() const {
  return std::ranges::all_of(requests_, [](const auto& request) { return request->done; });
}

void Callers::new_log(Generation generation, const LogOracle* rows) {
  for (auto& positions : positions_) {
    for (const auto& [partition, offset] : positions) old_positions_.push_back({generation_, partition, offset});
    positions.clear();
  }
  generation_ = generation;
  end_open_resets();
  history_->new_log();
  for (std::size_t i = 0; i < places_.size() && rows != nullptr; ++i) {
    history_->lose_all_but(i, rows->total(places_[i].counter));
  }
  if (rows != nullptr) due_since_.clear();
  for (auto& caller : callers_) {
    caller->source_events.clear();
    caller->sequence = 0;
    caller->session_after.clear();
  }
}

/// A position of a log that is gone says nothing of this one, however small its offset is.
void Callers::try_old_position(ApiNode& node) {
  if (old_positions_.empty() || !random_.one_in(20)) return;
  const Position old = old_positions_[random_.below(old_positions_.size())];
  const auto reach = node.reach(std::span(&old, 1));
  if (!reach && reach.error().code == Code::kConflict) return;
  trace_.violation("a position of a log that is gone is not refused as a conflict");
}

void Callers::poll(std::size_t number) {
  if (nodes_[number] == nullptr) return;
  try_old_position(*nodes_[number]);
  for (auto& request : requests_) {
    if (request->node != number || request->submitted || request->done) continue;
    const auto reach = nodes_[number]->reach(request->after);
    if (!reach) {
      trace_.violation("a position that was told is refused: " + reach.error().what);
      return;
    }
    if (!reach->reached) continue;
    request->submitted = true;
    nodes_[number]->submit(request->batch, *request);
  }
}

void Callers::ask_for_all(std::size_t number, bool fresh) {
  std::erase_if(requests_, [](const auto& request) { return request->done; });
  for (std::size_t i = 0; i < places_.size(); ++i) {
    auto request = std::make_unique<Request>();
    request->callers = this;
    request->node = number;
    request->number = ++asked_;
    request->all = true;
    ++looks_;
    ask_read(*request, i, fresh);
    submit(std::move(request));
  }
}

bool Callers::settled() const {
  for (const auto& request : requests_) {
    if (!request->done) return false;
  }
  for (const auto event : with_id_) {
    if (!history_->acknowledged(event) && history_->may_repeat(event)) return false;
  }
  for (const auto& caller : callers_) {
    for (const auto event : caller->source_events) {
      if (!history_->acknowledged(event)) return false;
    }
  }
  return true;
}

void Callers::end_open_resets() {
  for (OpenReset& open : resets_) {
    end_reset(open.ask.reset, History::End::kUnknown);
    if (open.ask.kind == Ask::Kind::kSet) {
      history_->end(open.ask.event, open.ask.attempt, History::End::kUnknown);
    }
  }
  resets_.clear();
}

std::string Callers::waiting_for() const {
  std::size_t open = 0;
  std::size_t waiting = 0;
  for (const auto& request : requests_) {
    open += request->done ? 0 : 1;
    waiting += request->done || request->submitted ? 0 : 1;
  }
  std::size_t again = 0;
  for (const auto event : with_id_) again += !history_->acknowledged(event) && history_->may_repeat(event) ? 1 : 0;
  for (const auto& caller : callers_) {
    for (const auto event : caller->source_events) again += history_->acknowledged(event) ? 0 : 1;
  }
  return std::to_string(open) + " requests without an answer, " + std::to_string(waiting) +
         " of them wait for positions, " + std::to_string(again) + " events to be sent again";
}

}  // namespace quipu::sim
