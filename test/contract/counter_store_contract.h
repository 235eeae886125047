#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "store/counter_store.h"

namespace quipu::testing_contract {

/// A store that a test can use without knowing what it is made of.
class StoreBench {
 public:
  virtual ~StoreBench() = default;
  virtual CounterStore& store() = 0;
  /// Ends it in good order, and begins again with what it kept.
  virtual void reopen() = 0;
  /// Returns when at least one completion may be there. Called only while something is pending.
  virtual void wait() = 0;
};

struct StoreUnderTest {
  std::string name;
  std::function<std::unique_ptr<StoreBench>()> make;
  /// It has many writers, and keeps the bases of each generation apart: an older base of the same one is a zombie's.
  bool refuses_older_bases = false;
};

inline void PrintTo(const StoreUnderTest& store, std::ostream* out) { *out << store.name; }

/// What the suite runs against in this program: each program that it is built into says so for itself.
std::vector<StoreUnderTest> stores_under_test();

/// Takes completions until nothing is pending.
std::vector<StoreCompletion> take_all(StoreBench& bench);

/// A row for tests: each number differs from the others.
inline Row row(std::int64_t total, std::uint64_t applied) {
  return {total, static_cast<std::uint64_t>(total < 0 ? -total : total) + 1, Epoch{}, Offset{applied}, 0};
}

inline ShardId shard(std::uint32_t generation, std::uint16_t partition) {
  return {Generation{generation}, PartitionId{partition}};
}

/// The rows of a batch as text, one a line, for comparing and for reading.
std::string text_of(const RowBatch& rows);

}  // namespace quipu::testing_contract
