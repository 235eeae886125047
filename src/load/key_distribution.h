#pragma once

#include <cstdint>
#include <random>

namespace quipu {

/// How the load is spread over keys.
enum class Spread : std::uint8_t {
  kZipf,     ///< Key k is drawn in proportion to 1 / k: a few are hot, most are cold.
  kUniform,  ///< All alike.
  kOne,      ///< Key 1 alone: the hottest case.
  kEach,     ///< Each key once, in order, then from the beginning.
};

/// Draws keys, numbered from 1 to `keys`, the hottest first. The same seed draws the same keys. Constant memory: Zipf
/// by rejection-inversion (Hörmann and Derflinger, 1996).
class KeyDistribution {
 public:
  /// `keys`: 1 or more.
  KeyDistribution(Spread spread, std::uint64_t keys, std::uint64_t seed);

  std::uint64_t next();

 private:
  std::uint64_t next_zipf();
  /// Uniform in [0, 1), from the generator's upper 53 bits: the same with every library.
  double unit();

  Spread spread_;
  std::uint64_t last_ = 0;  // With kEach.
  std::uint64_t keys_;
  std::mt19937_64 random_;
  // The integral of 1/x is log x: of the first key's share, of all, and how near a draw must be to be taken at once.
  double integral_first_ = 0;
  double integral_all_ = 0;
  double near_ = 0;
};

}  // namespace quipu
