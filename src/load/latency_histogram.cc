#include "load/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace quipu {

void LatencyHistogram::add(std::uint64_t ns, std::uint64_t times) {
  buckets_[bucket_of(ns)] += times;
  count_ += times;
  if (times > 0) max_ = std::max(max_, ns);
}

std::uint64_t LatencyHistogram::quantile_ns(double share) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
  std::uint64_t passed = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    passed += buckets_[bucket];
    if (passed >= wanted && passed > 0) return bucket + 1 == kBuckets ? max_ : std::min(last_of(bucket), max_);
  }
  return max_;
}

std::size_t LatencyHistogram::bucket_of(std::uint64_t ns) {
  // Below 2^kBits a bucket holds one value; above, the highest kBits + 1 bits choose it.
  if (ns < (1u << kBits)) return static_cast<std::size_t>(ns);
  const auto power = static_cast<unsigned>(std::bit_width(ns)) - 1;
  if (power >= kPowersMax) return kBuckets - 1;
  const auto within = (ns >> (power - kBits)) & ((1u << kBits) - 1);
  return (static_cast<std::size_t>(power - kBits + 1) << kBits) + static_cast<std::size_t>(within);
}

std::uint64_t LatencyHistogram::last_of(std::size_t bucket) {
  if (bucket < (1u << kBits)) return bucket;
  const auto shift = (bucket >> kBits) - 1;
  const auto top = (std::uint64_t{1} << kBits) + (bucket & ((1u << kBits) - 1));
  return ((top + 1) << shift) - 1;
}

}  // namespace quipu
