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
  WaitingStore(CounterStore& store, Doorbell& bell) : store_(store), bell_(bell) {}

  /// Writes rows and settings; again, for a minute, where the store is busy.
  Result<void> write(const RowBatch& rows, const std::vector<std::pair<std::string, std::string>>& settings, bool sync);

  /// Calls `page` with all rows in pages, in the order of their routing hashes; all rows of a counter are in one page.
  /// Ends with the first error.
  Result<void> scan(std::size_t rows_max, const std::function<Result<void>(const RowBatch&)>& page);

 private:
  Result<StoreCompletion> wait_for(std::uint64_t token);

  CounterStore& store_;
  Doorbell& bell_;
  std::uint64_t next_token_ = 1;
};

}  // namespace quipu
