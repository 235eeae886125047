#include "store/postgres_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace quipu {

void PostgresQueue::give(PostgresRequest request) {
  ++pending_;
  if (request.kind == StoreCompletion::Kind::kWrite) request.number = ++writes_given_;
  request.given_at = std::chrono::steady_clock::now();
  const std::scoped_lock lock(mutex_);
  const bool full = requests_ >= options_.requests_max || (bytes_ > 0 && bytes_ + request.bytes > options_.bytes_max);
  if (full) {
    request.what = PostgresRequest::Refused{};
    request.bytes = 0;
  } else {
    ++requests_;
    bytes_ += request.bytes;
  }
  given_.push_back(std::move(request));
}

void PostgresQueue::take(std::vector<StoreCompletion>& out) {
  std::vector<StoreCompletion> taken;
  {
    const std::scoped_lock lock(mutex_);
    taken.swap(completions_);
  }
  pending_ -= static_cast<std::size_t>(std::count_if(taken.begin(), taken.end(), [](const StoreCompletion& done) {
    return done.kind != StoreCompletion::Kind::kForgot;
  }));
  std::move(taken.begin(), taken.end(), std::back_inserter(out));
}

void PostgresQueue::collect(std::deque<PostgresRequest>& out) {
  const std::scoped_lock lock(mutex_);
  std::move(given_.begin(), given_.end(), std::back_inserter(out));
  given_.clear();
}

void PostgresQueue::release(const PostgresRequest& request) {
  if (std::holds_alternative<PostgresRequest::Refused>(request.what)) return;
  const std::scoped_lock lock(mutex_);
  --requests_;
  bytes_ -= request.bytes;
}

void PostgresQueue::complete(std::vector<StoreCompletion> completions) {
  bool wake = false;
  {
    const std::scoped_lock lock(mutex_);
    wake = completions_.empty();  // The owner takes all at once: one call is enough.
    std::move(completions.begin(), completions.end(), std::back_inserter(completions_));
  }
  if (wake) options_.wake();
}

}  // namespace quipu
