#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>

#include "base/identifiers.h"

namespace quipu {

struct HotCounterOptions {
  /// Events a second of one counter at this node from which on it is spread; below half of it, it no longer is.
  std::uint64_t events_per_second = 20'000;
  std::uint16_t partitions = 4;      ///< Over how many it is spread. 1: none is.
  std::size_t counters_max = 4'096;  ///< Candidates that are watched at a time.
};

/// Which counters are so hot that one partition should not take all of their events.
///
/// Misra and Gries ("Finding repeated elements", 1982): of the counters that are watched each has a count; one that
/// finds no place takes one off all of them. So whatever makes more than 1 in `counters_max + 1` of the events is among
/// them, and a count is too low by at most that share. Counts are halved once a second, so that they stand for the last
/// seconds. Pure; one thread.
class HotCounters {
 public:
  explicit HotCounters(const HotCounterOptions& options) : options_(options) {}

  /// Takes the time, once a turn.
  void tick(TimeMs now);

  /// Counts an event of a counter, named by its routing hash. Whether the counter is hot.
  bool count(std::uint64_t counter);

  /// How many counters are hot.
  std::size_t hot() const { return hot_; }

 private:
  struct Watched {
    std::uint64_t count = 0;
    bool hot = false;
  };

  HotCounterOptions options_;
  boost::unordered_flat_map<std::uint64_t, Watched> watched_;
  TimeMs halved_at_ = 0;
  std::size_t hot_ = 0;
};

}  // namespace quipu
