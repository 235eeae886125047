#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "cache/totals_cache.h"

namespace quipu::testing_contract {

/// A cache that a test can use without knowing what it is made of. Its times to live: a total 60 s, an absence 2 s, a
/// lease 10 s.
class CacheBench {
 public:
  virtual ~CacheBench() = default;
  virtual TotalsCache& cache() = 0;
  /// Returns when an answer may be there. Called only while one is awaited.
  virtual void wait() = 0;
  /// Lets time pass: what lives for less is gone.
  virtual void pass(TimeMs ms) = 0;
};

struct CacheUnderTest {
  std::string name;
  std::function<std::unique_ptr<CacheBench>()> make;
};
inline void PrintTo(const CacheUnderTest& cache, std::ostream* out) { *out << cache.name; }

/// What the suite runs against in this program: each program that it is built into says so for itself.
std::vector<CacheUnderTest> caches_under_test();

/// The rows of a batch as text, one a line.
std::string text_of_rows(const RowBatch& rows);

}  // namespace quipu::testing_contract
