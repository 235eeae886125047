#pragma once

#include <cstdint>
#include <initializer_list>
#include <random>

namespace quipu::sim {

/// All chance of a run, from its seed. The standard's distributions differ between libraries, so none is used: a seed
/// means the same run everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t next() { return engine_(); }
  /// What `next` will give, which stays to be given: for what must change nothing of a run, such as the seed of a hash.
  std::uint64_t peek() const { return std::mt19937_64(engine_)(); }
  /// 0 to `bound` - 1; `bound` is at least 1.
  std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }
  /// `low` to `high`, both included.
  std::uint64_t between(std::uint64_t low, std::uint64_t high) { return low + below(high - low + 1); }
  /// True once in `times`; never for 0.
  bool one_in(std::uint64_t times) { return times != 0 && below(times) == 0; }
  template <class T>
  T pick(std::initializer_list<T> from) {
    return *(from.begin() + static_cast<std::ptrdiff_t>(below(from.size())));
  }
  std::mt19937_64& engine() { return engine_; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace quipu::sim
