#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "cache/totals_cache.h"
#include "node/config.h"
#include "worker/partition_health.h"
#include "worker/worker_core.h"

namespace quipu {

/// How a worker stands, for those who look at it from another thread.
struct WorkerReport {
  std::vector<PartitionHealth> partitions;
  WorkerStats stats;
  TotalsCache::Stats cache;
  std::uint64_t store_repeats = 0;  ///< Requests that the store made again by itself.
  std::string alarm;                ///< Why it reads nothing at all; empty if that is not so.
  /// How long ago the worker heard Kafka answer its log or its membership. One that waits for a store hears nothing:
  /// `report` adds how old the last turn is.
  TimeMs silent_ms = 0;
  TimeMs made_at = 0;  ///< By the steady clock.
};

/// One aggregator with a thread, connections and memory of its own.
///
///   group ─► partitions ─► Worker ─► store, cache
///                thread: step, then sleep until something was told or is due
///
/// Threads: any may call, but for the destructor. It ends the worker as a crash would: partitions go to others after
/// the group's session time, or at once where it was drained before.
class WorkerThread {
 public:
  /// Opens everything and begins to work. `number` names it in log lines, from 1. `ended` is called on its thread when
  /// it has drained. Waits for the servers; errors say what to do.
  static Result<std::unique_ptr<WorkerThread>> start(const Config& config, std::uint16_t number,
                                                     std::function<void()> ended);
  ~WorkerThread();

  /// Flushes and hands over every partition, and ends.
  void drain();
  bool drained() const;
  WorkerReport report() const;

 private:
  class Parts;
  explicit WorkerThread(std::unique_ptr<Parts> parts, std::function<void()> ended);

  void run();
  void wake();
  void tell_news(const WorkerReport& report);

  std::unique_ptr<Parts> parts_;
  std::function<void()> ended_;
  std::vector<std::string> told_;  // Of each partition, what was said of it last.
  std::uint64_t told_forgot_ = 0;  // How often was said that the store may have forgotten.

  mutable std::mutex mutex_;
  std::condition_variable rung_;
  // Under mutex_.
  bool bell_ = false;
  bool draining_ = false;
  bool stopping_ = false;
  bool drained_ = false;
  WorkerReport report_;

  std::thread thread_;  // Last: it uses everything above.
};

}  // namespace quipu
