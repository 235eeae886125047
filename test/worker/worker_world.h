#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "worker/in_order_appender.h"
#include "worker/shared_log.h"
#include "worker/shared_store.h"
#include "worker/test_group.h"
#include "worker/worker.h"

namespace quipu::testing_worker {

inline constexpr TimeMs kSyncMs = 20;  ///< The store syncs what it acknowledged within this.
inline constexpr TimeMs kNewsMs = 10;  ///< A worker hears of a restart of the store within this.

/// One worker's process: the real worker over what the test controls.
struct WorkerProcess {
  WorkerProcess(SharedLog& log, SharedStore& shared, StoreHandle::Late& late, const WorkerOptions& options,
                std::uint64_t node)
      : view(log),
        store(shared, late),
        appender(view, {node, 1}, options.retry_ms),
        worker(options, WorkerParts{view, group, store, store, cache, appender}) {}

  LogView view;
  TestGroup group;
  StoreHandle store;
  TestCache cache;
  InOrderAppender appender;
  Worker worker;
};

/// An ingest node: numbers its frames per partition, and sends those without an answer again, in order.
class TestNode {
 public:
  struct Pending {
    Bytes frame;
    std::vector<std::size_t> events;
    std::vector<std::size_t> resets;
  };

  explicit TestNode(std::uint64_t node) : identity_{node, 1} {}

  void offer(PartitionId partition, const std::vector<Entry>& entries, Pending pending) {
    pending.frame = make_frame(partition, identity_, ++numbers_[partition], entries);
    waiting_[partition].push_back(std::move(pending));
  }
  std::deque<Pending>& waiting(PartitionId partition) { return waiting_[partition]; }
  std::map<PartitionId, std::deque<Pending>>& all_waiting() { return waiting_; }
  bool idle() const {
    for (const auto& [partition, queue] : waiting_) {
      if (!queue.empty()) return false;
    }
    return true;
  }
  std::uint32_t boot() const { return identity_.boot; }
  void restart() {
    ++identity_.boot;
    numbers_.clear();
    waiting_.clear();
  }

 private:
  NodeIdentity identity_;
  std::map<PartitionId, std::uint64_t> numbers_;
  std::map<PartitionId, std::deque<Pending>> waiting_;
};

}  // namespace quipu::testing_worker
