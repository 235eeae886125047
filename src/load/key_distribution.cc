#include "load/key_distribution.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace quipu {

KeyDistribution::KeyDistribution(Spread spread, std::uint64_t keys, std::uint64_t seed)
    : spread_(spread), keys_(keys), random_(seed) {
  QUIPU_CHECK(keys >= 1);
  integral_first_ = std::log(1.5) - 1;
  integral_all_ = std::log(static_cast<double>(keys) + 0.5);
  near_ = 2 - std::exp(std::log(2.5) - 0.5);
}

std::uint64_t KeyDistribution::next() {
  switch (spread_) {
    case Spread::kOne:
      return 1;
    case Spread::kEach:
      last_ = last_ == keys_ ? 1 : last_ + 1;
      return last_;
    case Spread::kUniform:
      return 1 + std::min(keys_ - 1, static_cast<std::uint64_t>(unit() * static_cast<double>(keys_)));
    case Spread::kZipf:
      break;
  }
  return next_zipf();
}

std::uint64_t KeyDistribution::next_zipf() {
  while (true) {
    const double drawn = integral_all_ + unit() * (integral_first_ - integral_all_);
    const double x = std::exp(drawn);
    const double k = std::clamp(std::floor(x + 0.5), 1.0, static_cast<double>(keys_));
    if (k - x <= near_ || drawn >= std::log(k + 0.5) - 1 / k) return static_cast<std::uint64_t>(k);
  }
}

double KeyDistribution::unit() { return static_cast<double>(random_() >> 11) * 0x1.0p-53; }

}  // namespace quipu
