#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/operation.h"

namespace quipu::sim {

/// A counter that one client alone uses, one batch at a time: what it may be is known exactly, but for what became of
/// a batch that was never answered. So every word of every answer can be held against it, overflow too.
class Register {
 public:
  struct Asked {
    OperationKind kind = OperationKind::kRead;
    SetCondition condition = SetCondition::kAlways;
    std::int64_t delta = 0;
  };

  /// What of an operation's outcome there is to compare.
  struct Answer {
    bool refused = false;
    bool existed = false;
    bool exists = false;
    bool applied = false;
    std::int64_t before = 0;
    std::int64_t value = 0;

    friend bool operator==(const Answer&, const Answer&) = default;
  };

  /// The client was answered. Says what is wrong with it; empty when it can be.
  std::string answered(const Asked& asked, const Answer& answer);
  /// The client was never answered: any number of these, from the first on, were done.
  void lost(const std::vector<Asked>& asked);
  /// The log was begun anew: the total is now a frozen part and one that grows, and an event by which the second alone
  /// would leave 64 bits may be refused, too.
  void split() { split_ = true; }
  /// What it may be, for people.
  std::string text() const;

 private:
  struct State {
    bool exists = false;
    std::int64_t value = 0;

    friend auto operator<=>(const State&, const State&) = default;
  };
  static Answer expected(const State& state, const Asked& asked);
  static State after(const State& state, const Asked& asked);

  bool may_be_refused(const Asked& asked) const;

  std::vector<State> possible_{State{}};
  bool split_ = false;
};

}  // namespace quipu::sim
