#include <algorithm>
#include <limits>
#include <utility>

#include "api/api_node.h"
#include "base/check.h"
#include "base/planted.h"

namespace quipu {
namespace {

constexpr const char* kStoreBusy = "the store can not be read now";
constexpr const char* kReadsBusy = "too many reads wait for the store";

}  // namespace

ApiNode::Named ApiNode::named(NamespaceId space, std::string_view counter) const {
  return {routing_hash(options_.secret, spaces_.name(space), counter), space, counter};
}

/// Looks up what the batch needs before it can be written or answered.
void ApiNode::begin_reads(Waiting& waiting, std::uint64_t batch) {
  const auto& operations = waiting.batch->operations;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const Operation& operation = operations[i];
    if (operation.kind == OperationKind::kAdd) continue;
    if (operation.kind == OperationKind::kReset && operation.condition == SetCondition::kAlways) continue;
    if (waiting.totals.empty()) waiting.totals.resize(operations.size());
    read(waiting, batch, i);
  }
}

void ApiNode::read(Waiting& waiting, std::uint64_t batch, std::size_t at) {
  const Operation& operation = waiting.batch->operations[at];
  const auto space = spaces_.name(operation.space);
  if (!operation.fresh || QUIPU_PLANTED("positions-met-by-a-copy"))
    waiting.totals[at] = reader_.known(space, operation.counter, now_);
  if (waiting.totals[at]) return;
  const auto ticket = next_ticket_++;
  if (const auto asked = reader_.ask(space, operation.counter, operation.fresh, ticket); !asked) {
    Outcome& outcome = waiting.batch->outcomes[at];
    outcome.error = asked.error().code;
    outcome.error_text = kReadsBusy;
    outcome.retry_after_ms = asked.error().retry_after_ms;
    ++stats_.operations_busy;
    return;
  }
  asked_.emplace(ticket, Asked{batch, at, {}, {}, 0});
  ++waiting.reads_left;
}

/// Asks for the base of what a write answers with: the batch waits for the first, a newer one comes when it comes.
void ApiNode::ask_base(Waiting& waiting, std::uint64_t batch, std::size_t at, const Named& counter,
                       const KnownTotals::Added& known) {
  const auto space = spaces_.name(counter.space);
  const auto ticket = next_ticket_++;
  // Where too many wait, the node knows of its own events only.
  if (!reader_.ask(space, counter.counter, known.fresh, ticket)) return;
  const auto reading = known.fresh ? known_.fresh_base_asked(counter, marks_) : 0;
  asked_.emplace(ticket, Asked{known.based ? 0 : batch, at, counter.space, std::string(counter.counter), reading});
  if (known.based) return;
  ++waiting.reads_left;
  if (++waiting.bases_left == 1) ++batches_without_base_;
}

/// Lets those go on that have waited for long enough for what they can do without.
void ApiNode::give_up_bases() {
  std::vector<std::uint64_t> tired;
  for (auto& [number, waiting] : waiting_) {
    if (waiting->bases_left == 0 || (now_ - waiting->since < options_.base_wait_ms && now_ >= waiting->since)) continue;
    waiting->reads_left -= std::exchange(waiting->bases_left, 0);
    --batches_without_base_;
    if (waiting->done()) tired.push_back(number);
  }
  for (const auto number : tired) go_on(number);
}

void ApiNode::take_totals() {
  for (std::size_t i = 0; i < totals_.size(); ++i) {
    const auto answer = std::move(totals_[i]);
    take_total(answer);
  }
  totals_.clear();
}

void ApiNode::take_total(const TotalReader::Answer& answer) {
  const auto found = asked_.find(answer.ticket);
  if (found == asked_.end()) return;
  const Asked asked = std::move(found->second);
  asked_.erase(found);
  // A write: it only gets to know its base by this, and is durable whatever the store says.
  if (!asked.counter.empty()) {
    const auto counter = named(asked.space, asked.counter);
    if (answer.total) {
      known_.rebase(counter, **answer.total, asked.reading, marks_, now_);
    } else {
      known_.base_failed(counter, now_);
    }
  }
  if (asked.batch == 0) return;
  const auto waits = waiting_.find(asked.batch);
  if (waits == waiting_.end()) return;
  Waiting& waiting = *waits->second;
  if (asked.counter.empty()) {
    if (answer.total) {
      waiting.totals[asked.operation] = *answer.total;
    } else {
      Outcome& outcome = waiting.batch->outcomes[asked.operation];
      outcome.error = answer.total.error().code;
      outcome.error_text = kStoreBusy;
      outcome.retry_after_ms = answer.total.error().retry_after_ms;
    }
  } else {
    if (waiting.bases_left == 0) return;  // It goes on without.
    if (--waiting.bases_left == 0) --batches_without_base_;
  }
  --waiting.reads_left;
  go_on(asked.batch);
}

void ApiNode::show_total(Outcome& outcome, const Operation& operation, const CounterTotal& total) const {
  outcome.existed = outcome.exists = total.exists;
  outcome.before = outcome.value = total.value;
  outcome.saturated = total.saturated;
  outcome.epoch = total.epoch;
  const auto lag = std::clamp<TimeMs>(now_ - total.as_of, 0, std::numeric_limits<std::uint32_t>::max());
  outcome.lag_ms = static_cast<std::uint32_t>(lag);
  outcome.exact = operation.fresh;
}

}  // namespace quipu
