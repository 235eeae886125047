#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "node/doorbell.h"
#include "store/counter_store.h"

namespace quipu {

/// A counter store for who has nothing else to do: each call waits for its answer. `bell` is rung by the store. Thread:
/// the store's owner.
class WaitingStore {
 public:
  static constexpr std::int64_t kAnswerMsMax = 60'000;

  /// Every answer is waited for so long, or until `interrupted` says so: then with kTimeout.
  WaitingStore(
      CounterStore& store, Doorbell& bell, std::int64_t answer_ms_max = kAnswerMsMax,
      std::function<bool()> interrupted = [] { return false; })
      : store_(store), bell_(bell), answer_ms_max_(answer_ms_max), interrupted_(std::move(interrupted)) {}

  /// Writes rows and settings; again, for a minute, where the store is busy.
  Result<void> write(const RowBatch& rows, const std::vector<std::pair<std::string, std::string>>& settings, bool sync);

  /// Calls `page` with all rows in pages, in the store's own order; all rows of a counter are in one page.
  /// Ends with the first error.
  Result<void> scan(std::size_t rows_max, const std::function<Result<void>(const RowBatch&)>& page);
  /// One page of that, from the position `from` on: its rows, and where the next begins.
  Result<StoreCompletion> page(std::uint64_t from, std::size_t rows_max);

  /// How often the store may have forgotten what it acknowledged, until the last call returned.
  std::uint64_t forgot() const { return forgot_; }

 private:
  Result<StoreCompletion> wait_for(std::uint64_t token);

  CounterStore& store_;
  Doorbell& bell_;
  const std::int64_t answer_ms_max_;
  const std::function<bool()> interrupted_;
  std::uint64_t next_token_ = 1;
  std::uint64_t forgot_ = 0;
};

}  // namespace quipu
