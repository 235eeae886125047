#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "base/result.h"
#include "store/cassandra_nodes.h"
#include "store/cassandra_requests.h"
#include "store/cassandra_schema.h"

namespace quipu {

/// What is known of the nodes: whether they may have forgotten what they acknowledged, and whether it is on their
/// disks. Thread: the owner's.
class CassandraHealth {
 public:
  struct Options {
    std::uint32_t check_ms = 1'000;  ///< How often the nodes are asked.
    std::uint32_t limit_ms = 5'000;  ///< How long one answer may take; a node is asked twice.
    std::uint32_t sync_wait_ms = 0;  ///< After that an acknowledged write is on disk, if writes are acknowledged still.
    std::int64_t timestamp_base = 0;         ///< Of the probe's row.
    std::function<void()> on_forgot;         ///< A node went down, or has started anew.
    std::function<void()> on_check = [] {};  ///< Before each check.
  };

  CassandraHealth(CassandraRequests& requests, const CassandraStatements& statements, Options options)
      : requests_(requests), statements_(statements), options_(std::move(options)) {}

  /// Notes which nodes there are, and asks them again every `check_ms`. Waits for the first answers.
  Result<void> start();

  /// Asks all nodes, from now on, and calls `then` with whether none has gone down or started anew since it was last
  /// asked. Calls while one is under way share the next.
  void check(std::function<void(bool)> then);
  /// Calls `then` with success when everything that was acknowledged up to now is surely on the nodes' disks.
  void settle(std::function<void(Result<void>)> then);
  /// The same; waits.
  Result<void> settle_now();

  std::size_t nodes() const { return nodes_.size(); }
  std::uint64_t forgot() const { return forgot_; }

 private:
  void ask();
  void observe(const std::vector<CassandraNodeAnswer>& answers);
  void asked(bool sound);
  void watch();

  CassandraRequests& requests_;
  const CassandraStatements statements_;
  const Options options_;
  CassandraNodes nodes_;
  std::uint64_t forgot_ = 0;
  std::vector<std::function<void(bool)>> asking_;   // Answered by the question that is under way.
  std::vector<std::function<void(bool)>> waiting_;  // By the next.
};

/// Why a write that covers others, or a base, is not believed.
Error forgotten();

}  // namespace quipu
