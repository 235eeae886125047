#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "store/counter_store.h"
#include "store/postgres_pipeline.h"

namespace quipu {

/// What is on its way between the owner of a PostgresStore and its thread: requests there, completions back.
///
///   owner ─ give ─► bounded ─ collect ─► the store's thread
///         ◄─ take, wake ◄───── complete ◄─┘
///
/// A request counts against the bounds from `give` until `release`. One that comes beyond them is kept as a refusal
/// without its content, so that it is answered in its turn; one that alone is beyond the bytes has its turn when
/// nothing else waits.
/// Threads: `give`, `take` and `pending` on the owner's; the others on the store's.
class PostgresQueue {
 public:
  struct Options {
    std::size_t requests_max = 0;
    std::size_t bytes_max = 0;
    std::function<void()> wake;  ///< Called on the store's thread when completions are there.
  };

  explicit PostgresQueue(Options options) : options_(std::move(options)) {}

  /// Notes when it was given and, of a write, its number: from 1.
  void give(PostgresRequest request);
  void take(std::vector<StoreCompletion>& out);
  /// Requests that were given and whose completion was not taken.
  std::size_t pending() const { return pending_; }

  /// Moves what was given behind the others.
  void collect(std::deque<PostgresRequest>& out);
  /// A request is answered: its room is free.
  void release(const PostgresRequest& request);
  void complete(std::vector<StoreCompletion> completions);

 private:
  const Options options_;

  // Used by the owner.
  std::size_t pending_ = 0;
  std::uint64_t writes_given_ = 0;

  // Under mutex_.
  std::mutex mutex_;
  std::deque<PostgresRequest> given_;
  std::size_t requests_ = 0;  // Given and not released, refused ones apart.
  std::size_t bytes_ = 0;
  std::vector<StoreCompletion> completions_;
};

}  // namespace quipu
