#include <algorithm>
#include <utility>

#include "sim/clients_parts.h"

/// What the clients are told, and what becomes of it in the books.
namespace quipu::sim {
namespace {

/// The longest that a client may be told to stay away.
constexpr std::int64_t kRetryMsMax = 60'000;

std::string text_of(const Outcome& outcome) {
  if (outcome.error) return std::string("(") + outcome.error_text + ")";
  return "(" + std::to_string(outcome.value) + (outcome.exists ? "" : " absent") +
         (outcome.duplicate ? " repeat" : "") + (outcome.applied ? " applied" : "") + ")";
}

}  // namespace

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

}  // namespace quipu::sim
