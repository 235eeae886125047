#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace quipu {

/// Counts durations in buckets that are never wider than a 32nd of what they hold, so a quantile is off by at most 3 %.
/// Nanoseconds, up to about 18 minutes; longer ones are counted in the last bucket. Fixed memory, no allocation.
class LatencyHistogram {
 public:
  void add(std::uint64_t ns, std::uint64_t times = 1);

  std::uint64_t count() const { return count_; }
  std::uint64_t max_ns() const { return max_; }

  /// The duration that this share of all did not pass, 0 < share <= 1; rounded up to its bucket's end, never above
  /// max_ns(). 0 when nothing was added.
  std::uint64_t quantile_ns(double share) const;

 private:
  static constexpr unsigned kBits = 5;  // 32 buckets for each power of two.
  static constexpr unsigned kPowersMax = 40;
  static constexpr std::size_t kBuckets = (kPowersMax - kBits + 1) << kBits;

  static std::size_t bucket_of(std::uint64_t ns);
  static std::uint64_t last_of(std::size_t bucket);

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace quipu
