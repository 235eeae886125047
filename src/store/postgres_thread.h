#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "store/postgres_bell.h"
#include "store/postgres_connection.h"
#include "store/postgres_options.h"
#include "store/postgres_pipeline.h"
#include "store/postgres_queue.h"

namespace quipu {

/// The thread of a PostgresStore, and what passes between it and the owner: a queue of requests, the one connection
/// that they go over in their order, and the completions. It connects anew when that breaks, and asks again what was
/// not answered; PostgresStore has the promises. Public calls on the owner's thread.
class PostgresThread {
 public:
  explicit PostgresThread(PostgresStoreOptions options);
  ~PostgresThread();
  PostgresThread(const PostgresThread&) = delete;
  PostgresThread& operator=(const PostgresThread&) = delete;

  /// Connects, checks the server, makes or migrates the tables, and begins the thread.
  Result<void> start();
  /// What a statement gives, for the calls "at start".
  Result<PostgresResult> ask(const std::string& sql, const std::vector<std::string>& parameters = {}) const;

  /// Queues a request; `bytes` is what it counts as against the bound.
  template <class What>
  void give(What what, StoreCompletion::Kind kind, std::uint64_t token, std::size_t bytes) {
    PostgresRequest request;
    request.kind = kind;
    request.token = token;
    request.bytes = bytes;
    request.what = std::move(what);
    queue_.give(std::move(request));
    asked_.ring();
  }
  void take(std::vector<StoreCompletion>& out) { queue_.take(out); }
  std::size_t pending() const { return queue_.pending(); }
  Offset durable(PartitionId partition) const {
    const std::scoped_lock lock(mutex_);
    const auto at = durable_.find(partition);
    return at == durable_.end() ? kNoOffset : at->second;
  }
  Offset oldest_base() const {
    const std::scoped_lock lock(mutex_);
    return oldest_base_;
  }
  PostgresStats stats() const {
    const std::scoped_lock lock(mutex_);
    return stats_;
  }

 private:
  using Answer = PostgresPipeline::Answer;

  PostgresDeadline start_deadline() const;
  /// A new connection, checked.
  Result<std::unique_ptr<PostgresConnection>> connect(PostgresDeadline deadline) const;
  void run();
  void reconnect();
  Result<void> meet(PostgresConnection& connection, PostgresDeadline deadline);
  Result<void> exchange();
  void wait(bool sending);
  void leave(const Error& why);
  void expire();
  void finish(std::vector<Answer> answers);
  void complete(StoreCompletion completion);

  const PostgresStoreOptions options_;
  const std::string writer_;
  PostgresBell asked_;
  PostgresBell stop_;
  PostgresQueue queue_;

  // Used by the store's thread, and before `start` has begun it.
  std::unique_ptr<PostgresPipeline> pipeline_;
  std::deque<PostgresRequest> ready_;      // Not with the server, oldest first.
  std::uint64_t writes_done_ = 0;          // The number of the last write that was completed well.
  std::map<PartitionId, Offset> written_;  // Watermarks in completed writes.
  std::int64_t backoff_ms_ = 0;
  PostgresDeadline next_try_;

  // Under mutex_.
  mutable std::mutex mutex_;
  std::map<PartitionId, Offset> durable_;
  Offset oldest_base_{};
  PostgresStats stats_;
  bool stopping_ = false;

  std::thread thread_;
};

}  // namespace quipu
