#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace quipu {

/// How long the last writes of a disk took, so as to tell whether the next is worth waiting for. Pure.
class WriteTimes {
 public:
  /// So many writes are remembered: a very slow write keeps the disk from being taken for a quick one that long.
  static constexpr std::size_t kKept = 16;

  void add(std::int64_t us) {
    sum_ += us - times_[next_];
    times_[next_] = us;
    next_ = (next_ + 1) % kKept;
    seen_ = std::min(seen_ + 1, kKept);
  }

  /// Whether the last kKept writes took at most `us` microseconds on average. False before there were so many.
  bool within(std::int64_t us) const { return seen_ == kKept && sum_ <= us * static_cast<std::int64_t>(kKept); }

 private:
  std::array<std::int64_t, kKept> times_{};
  std::int64_t sum_ = 0;
  std::size_t next_ = 0;
  std::size_t seen_ = 0;
};

}  // namespace quipu
