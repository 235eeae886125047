#include <algorithm>
#include <utility>

#include "api/api_node.h"

namespace quipu {
namespace {

constexpr const char* kUnknownSource =
    "the source is not known here, so its first sequence must be 1 (sources that are silent for long are forgotten)";
constexpr const char* kStrangeSource =
    "the source is not known yet, and its first sequence is not 1: what another node took of it may not be in the "
    "store";
constexpr std::int64_t kStrangeWaitMs = 1'000;
/// Sources of which something is remembered.
constexpr std::size_t kSourcesMax = 100'000;

}  // namespace

/// Whether the operation is of a source that this node knows nothing of, and not its first: the store may know it.
bool ApiNode::begins_unknown(const Operation& operation) const {
  return operation.kind == OperationKind::kAdd && operation.group == GroupKind::kSource && operation.sequence != 1 &&
         !sequences_.contains(operation.source);
}

void ApiNode::look_up_sources(Waiting& waiting, std::uint64_t batch) {
  const auto& operations = waiting.batch->operations;
  for (std::size_t i = 0; i < operations.size();) {
    if (begins_unknown(operations[i])) {
      const auto ticket = next_ticket_++;
      asked_.emplace(ticket, Asked{batch, i, {}, {}, 0, operations[i].source});
      sources_.ask(operations[i].source, ticket);
      ++waiting.reads_left;
    }
    i += std::max<std::size_t>(operations[i].together, 1);
  }
}

void ApiNode::take_source_answers() {
  source_answers_.clear();
  sources_.take_answers(source_answers_);
  for (const auto& answer : source_answers_) {
    const auto found = asked_.find(answer.token);
    if (found == asked_.end()) continue;
    const Asked asked = std::move(found->second);
    asked_.erase(found);
    if (answer.last && *answer.last > 0) note_sequence(*asked.source, *answer.last);
    const auto waits = waiting_.find(asked.batch);
    if (waits == waiting_.end()) continue;
    --waits->second->reads_left;
    go_on(asked.batch);
  }
}

/// Whether the source may be written: it is known, or begins.
bool ApiNode::check_source(const Operation& operation, Outcome& outcome) {
  if (!begins_unknown(operation)) return true;
  if (strangers_.size() >= kSourcesMax && !strangers_.contains(operation.source)) strangers_.clear();
  const auto met_at = strangers_.try_emplace(operation.source, now_).first->second;
  const bool settled = now_ - met_at >= options_.source_settle_ms;
  outcome.error = settled ? Code::kRefused : Code::kBusy;
  outcome.error_text = settled ? kUnknownSource : kStrangeSource;
  outcome.retry_after_ms = settled ? 0 : std::min(kStrangeWaitMs, options_.source_settle_ms);
  ++(settled ? stats_.operations_refused : stats_.operations_busy);
  return false;
}

void ApiNode::note_sequence(const Hash128& source, std::uint64_t sequence) {
  if (sequences_.size() >= kSourcesMax && !sequences_.contains(source)) sequences_.clear();
  auto& last = sequences_[source];
  last = std::max(last, sequence);
  strangers_.erase(source);
}

std::uint64_t ApiNode::last_sequence(const Hash128& source) const {
  const auto known = sequences_.find(source);
  return known == sequences_.end() ? 0 : known->second;
}

}  // namespace quipu
