#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "event/entry.h"
#include "sim/distributed/log_oracle.h"
#include "worker/worker_world.h"

namespace quipu::testing_worker {

using sim::LogOracle;

inline constexpr std::size_t kEventsPerCounter = 28;  // Digits: an event that is lost can not hide one counted twice.
inline const std::array<std::string, 5> kNames{"a", "b", "c", "d", "e"};
inline constexpr std::size_t kResetCounters = 2;  // The first ones are reset and set.

struct Event {
  enum class Mode : std::uint8_t { kPlain, kId, kSource, kSet };
  std::size_t counter = 0;
  std::size_t digit = 0;
  Mode mode = Mode::kPlain;
  std::uint64_t sequence = 0;
  TimeMs issued_at = 0;
  std::optional<TimeMs> acknowledged_at;
  PartitionId partition{};  // kId, kSource.

  std::int64_t delta() const { return std::int64_t{1} << (2 * digit); }
};

/// The books of the clients: what they sent and were told, and so what may stand in the totals at the end. Each event
/// of a counter adds a power of 4, so that a digit says of each how often it counts.
class EventBooks {
 public:
  explicit EventBooks(std::uint16_t partitions) : partitions_(partitions) {}

  const std::vector<Event>& events() const { return events_; }
  const Event& event(std::size_t number) const { return events_[number]; }
  std::size_t digits_left(std::size_t counter) const { return kEventsPerCounter - digits_[counter]; }
  std::size_t resets() const { return resets_.size(); }

  /// Notes an event or a RESET (alone or with the value of a SET) that a client asks for; answers its number.
  std::size_t begin(std::size_t counter, Event::Mode mode, TimeMs now) {
    Event event;
    event.counter = counter;
    event.digit = digits_[counter]++;
    event.mode = mode;
    event.issued_at = now;
    if (mode == Event::Mode::kId) event.partition = home(event.counter * 7 + event.digit);
    if (mode == Event::Mode::kSource) {
      event.partition = home(counter);
      event.sequence = ++sequence_;
    }
    events_.push_back(event);
    return events_.size() - 1;
  }
  std::size_t begin_reset(std::size_t counter, TimeMs now) {
    resets_.push_back({counter, now, false});
    return resets_.size() - 1;
  }
  void acknowledge(const TestNode::Pending& pending, TimeMs now) {
    for (const auto number : pending.events) {
      if (!events_[number].acknowledged_at) events_[number].acknowledged_at = now;
    }
    for (const auto number : pending.resets) resets_[number].acknowledged = true;
  }
  /// The events of a mode that have no answer.
  std::vector<std::size_t> open(Event::Mode mode) const {
    std::vector<std::size_t> numbers;
    for (std::size_t i = 0; i < events_.size(); ++i) {
      if (events_[i].mode == mode && !events_[i].acknowledged_at) numbers.push_back(i);
    }
    return numbers;
  }

  Entry entry_of(std::size_t number) const {
    const Event& event = events_[number];
    Entry entry;
    entry.space = "default";
    entry.counter = kNames[event.counter];
    entry.delta = event.delta();
    entry.time = 1'000;
    const std::uint64_t id = (event.counter + 1) * 1'000 + event.digit;
    if (event.mode == Event::Mode::kId) {
      entry.group = GroupKind::kIds;
      entry.id = {{id * 0x9e3779b97f4a7c15, id}, 0};
    } else if (event.mode == Event::Mode::kSource) {
      entry.group = GroupKind::kSource;
      entry.source = {11, 12};
      entry.sequence = event.sequence;
    }
    return entry;
  }
  static Entry reset_of(std::size_t counter) {
    Entry entry;
    entry.kind = EntryKind::kReset;
    entry.events = 0;
    entry.space = "default";
    entry.counter = kNames[counter];
    return entry;
  }
  PartitionId home(std::size_t counter) const { return PartitionId(static_cast<std::uint16_t>(counter % partitions_)); }

  /// Holds the totals at the end against the log's own reading, and each event's digit against what its client knows.
  /// `held` counts the events that were held against their digit.
  void expect_totals(const std::map<std::string, std::int64_t>& totals, const LogOracle& oracle,
                     std::uint64_t& held) const {
    const auto total = [&](std::size_t counter) {
      const auto found = totals.find(kNames[counter]);
      return found == totals.end() ? 0 : found->second;
    };
    for (std::size_t counter = 0; counter < kNames.size(); ++counter) {
      ASSERT_EQ(total(counter), oracle.total(kNames[counter])) << kNames[counter];
    }
    // An id that came again beyond the window counts again, as documented, and may carry into the next digit.
    std::set<std::size_t> carried;
    for (std::size_t number = 0; number < events_.size(); ++number) {
      const bool again =
          events_[number].mode == Event::Mode::kId && oracle.beyond_window.contains(entry_of(number).id.id);
      if (again) carried.insert(events_[number].counter);
    }
    for (const Event& event : events_) {
      if (carried.contains(event.counter)) continue;
      ++held;
      const auto times = (total(event.counter) >> (2 * event.digit)) & 3;
      ASSERT_TRUE(may_count(event, times, oracle))
          << "event " << event.digit << " (mode " << static_cast<int>(event.mode) << ", acknowledged "
          << event.acknowledged_at.has_value() << ") of " << kNames[event.counter] << " counts " << times << " times";
    }
  }

 private:
  struct AskedReset {
    std::size_t counter = 0;
    TimeMs issued_at = 0;
    bool acknowledged = false;
  };

  bool may_count(const Event& event, std::int64_t times, const LogOracle& oracle) const {
    if (times == 1 && !surely_reset(event)) return true;
    return times == 0 && (!event.acknowledged_at || perhaps_reset(event, oracle));
  }
  /// It was acknowledged before a reset was asked for that happened.
  bool surely_reset(const Event& event) const {
    if (!event.acknowledged_at) return false;
    return std::any_of(resets_.begin(), resets_.end(), [&](const AskedReset& asked) {
      return asked.counter == event.counter && asked.acknowledged && asked.issued_at > *event.acknowledged_at;
    });
  }
  /// A reset was on its way at some time after it was issued.
  static bool perhaps_reset(const Event& event, const LogOracle& oracle) {
    return std::any_of(oracle.resets.begin(), oracle.resets.end(), [&](const LogOracle::Reset& reset) {
      return reset.counter == kNames[event.counter] && (!reset.done_at || *reset.done_at >= event.issued_at);
    });
  }

  const std::uint16_t partitions_;
  std::vector<Event> events_;
  std::array<std::size_t, kNames.size()> digits_{};
  std::uint64_t sequence_ = 0;
  std::vector<AskedReset> resets_;
};

}  // namespace quipu::testing_worker
