#include "sim/register.h"

#include <algorithm>
#include <iterator>

namespace quipu::sim {

Register::Answer Register::expected(const State& state, const Asked& asked) {
  Answer answer;
  answer.existed = answer.exists = state.exists;
  answer.before = answer.value = state.value;
  switch (asked.kind) {
    case OperationKind::kRead:
      break;
    case OperationKind::kAdd:
      if (__builtin_add_overflow(state.value, asked.delta, &answer.value)) {
        answer = {};
        answer.refused = true;
        break;
      }
      answer.applied = answer.exists = true;
      break;
    case OperationKind::kSet:
    case OperationKind::kReset:
      answer.applied =
          asked.condition == SetCondition::kAlways || (asked.condition == SetCondition::kIfPresent) == state.exists;
      if (!answer.applied) break;
      answer.exists = asked.kind == OperationKind::kSet;
      answer.value = answer.exists ? asked.delta : 0;
      break;
  }
  return answer;
}

Register::State Register::after(const State& state, const Asked& asked) {
  const auto answer = expected(state, asked);
  return answer.refused ? state : State{answer.exists, answer.value};
}

bool Register::may_be_refused(const Asked& asked) const {
  return split_ && asked.kind == OperationKind::kAdd && asked.delta != 0;
}

std::string Register::answered(const Asked& asked, const Answer& answer) {
  if (answer.refused && may_be_refused(asked)) return {};
  std::vector<State> next;
  for (const State& state : possible_) {
    if (expected(state, asked) == answer) next.push_back(after(state, asked));
  }
  if (next.empty()) {
    return "answered " + std::string(answer.refused ? "refused" : "") + " value " + std::to_string(answer.value) +
           ", before " + std::to_string(answer.before) + ", existed " + std::to_string(answer.existed) + ", exists " +
           std::to_string(answer.exists) + ", applied " + std::to_string(answer.applied) + ", but it was " + text();
  }
  std::sort(next.begin(), next.end());
  next.erase(std::unique(next.begin(), next.end()), next.end());
  possible_ = std::move(next);
  return {};
}

void Register::lost(const std::vector<Asked>& asked) {
  auto reached = possible_;
  for (const Asked& each : asked) {
    const auto before = reached;
    for (State& state : reached) state = after(state, each);
    if (may_be_refused(each)) reached.insert(reached.end(), before.begin(), before.end());
    possible_.insert(possible_.end(), reached.begin(), reached.end());
  }
  std::sort(possible_.begin(), possible_.end());
  possible_.erase(std::unique(possible_.begin(), possible_.end()), possible_.end());
}

std::string Register::text() const {
  std::string out;
  for (const State& state : possible_) {
    if (!out.empty()) out += " or ";
    out += state.exists ? std::to_string(state.value) : "absent";
  }
  return out;
}

}  // namespace quipu::sim
