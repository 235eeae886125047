#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/identifiers.h"

namespace quipu {

inline constexpr std::size_t kCounters = 6;
/// Each event of a counter adds another power of four, so that the total shows of each how often it was counted, and no
/// event that is lost can hide one that is counted twice.
inline constexpr std::size_t kEventsPerCounter = 30;

/// Something that is to be counted once.
struct Event {
  enum class Mode : std::uint8_t { kPlain, kId, kSource, kSet };
  std::size_t counter = 0;
  std::size_t digit = 0;
  Mode mode = Mode::kPlain;
  std::string id;
  std::uint64_t sequence = 0;
  bool acknowledged = false;

  std::int64_t delta() const { return std::int64_t{1} << (2 * digit); }
};

/// A change of a counter, in the order in which the engine made them.
struct Change {
  enum class Kind : std::uint8_t { kAdd, kSet, kReset };
  Kind kind = Kind::kAdd;
  std::size_t counter = 0;
  std::size_t event = 0;  ///< kAdd, kSet.
};

/// What a test knows of the counters by what it was told: one life of the process after the other.
///
///   state at the start of this life ──changes──► state now
///                            └─ marks: after which change each commit ended, and the newest offset then
///
/// After a crash the state must be that of one of the marks, and of none before what was shown to a client.
class CrashOracle {
 public:
  struct State {
    std::array<std::int64_t, kCounters> values{};
    std::array<bool, kCounters> exist{};
    std::vector<bool> counted;  ///< By event.
  };

  std::vector<Event> events;

  const State& now() const { return now_; }
  bool counted(std::size_t event) const { return event < now_.counted.size() && now_.counted[event]; }

  /// The engine made a change.
  void change(const Change& made) {
    changes_.push_back(made);
    last_change_[made.counter] = changes_.size();
    apply(now_, made);
  }
  /// After which change the present value of a counter stands: whoever is shown the value relies on it.
  std::size_t last_change(std::size_t counter) const { return last_change_[counter]; }

  /// A commit has ended after all changes up to now.
  void mark(Offset newest) { marks_.push_back({changes_.size(), newest}); }
  /// Something was shown or acknowledged: the changes up to here must stay.
  void shown(std::size_t changes) { shown_ = std::max(shown_, changes); }

  /// The process starts again, and the log ends at `newest`. What is lost is forgotten here, too.
  void restart(Offset newest) {
    const auto mark =
        std::find_if(marks_.begin(), marks_.end(), [&](const Mark& each) { return each.newest == newest; });
    ASSERT_NE(mark, marks_.end()) << "the log ends in the middle of a commit, at offset " << newest.value;
    ASSERT_GE(mark->changes, shown_) << "changes that were acknowledged or shown are lost";
    now_ = before_;
    for (std::size_t i = 0; i < mark->changes; ++i) apply(now_, changes_[i]);
    before_ = now_;
    changes_.clear();
    last_change_.fill(0);
    marks_ = {{0, newest}};
    shown_ = 0;
  }

  std::uint64_t existing() const {
    return static_cast<std::uint64_t>(std::count(now_.exist.begin(), now_.exist.end(), true));
  }
  /// The last sequence of the only source.
  std::uint64_t last_sequence() const {
    std::uint64_t last = 0;
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (events[i].mode == Event::Mode::kSource && counted(i)) last = std::max(last, events[i].sequence);
    }
    return last;
  }

 private:
  struct Mark {
    std::size_t changes = 0;
    Offset newest{};
  };

  void apply(State& state, const Change& made) const {
    std::int64_t& value = state.values[made.counter];
    state.exist[made.counter] = made.kind != Change::Kind::kReset;
    if (made.kind != Change::Kind::kAdd) value = 0;
    if (made.kind == Change::Kind::kReset) return;
    value += events[made.event].delta();
    if (state.counted.size() <= made.event) state.counted.resize(made.event + 1);
    state.counted[made.event] = true;
  }

  State before_;  // At the start of this life.
  State now_;
  std::vector<Change> changes_;
  std::array<std::size_t, kCounters> last_change_{};
  std::vector<Mark> marks_{{0, kNoOffset}};
  std::size_t shown_ = 0;
};

}  // namespace quipu
