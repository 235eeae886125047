#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "store/cassandra_marks.h"
#include "store/cassandra_scan.h"
#include "store/counter_store.h"

namespace quipu {

/// Answered as busy in its turn.
struct CassandraRefused {};

struct CassandraBaseTask {
  PartitionId partition{};
  Base base;
};

/// What the store's owner asked for, from when it is given to when it is completed.
struct CassandraTask {
  enum class Stage : std::uint8_t {
    kWaiting,
    kRunning,
    kStored,  ///< Rows and settings are acknowledged; marks wait until it is the oldest.
    kDone,
  };
  std::variant<CassandraRefused, StoreWrite, StoreLoad, CassandraScan, CassandraBaseTask> what;
  StoreCompletion completion;
  std::size_t bytes = 0;
  Stage stage = Stage::kWaiting;
  std::size_t outstanding = 0;  ///< Of what a write has to be acknowledged.
  std::uint64_t forgot = 0;     ///< How often the store may have forgotten when it was given.
  bool overtaken = false;       ///< By a failure before it, or a node's start: its marks may not be written.
  CassandraMarks::Plan plan;

  bool is_read() const {
    return std::holds_alternative<StoreLoad>(what) || std::holds_alternative<CassandraScan>(what);
  }
};
using CassandraTaskPtr = std::shared_ptr<CassandraTask>;

/// In which order tasks begin, wait for each other, and are completed.
///
///   give ─► [ waiting | running, stored, done, in any order ] ─► completions, in the order in which they were given
///                                 bases: taken out when they are the oldest, completed when they are made ─┘
///
/// Reads are under way together, and so are writes; reads wait for the writes before them, and writes for the reads.
/// The marks of a write wait until it is the oldest. Where a write has failed, all behind it are overtaken: they count
/// on it. Pure: what a task does comes in as functions, which may call `finish` before they return. One thread.
class CassandraTaskQueue {
 public:
  struct Options {
    std::size_t tasks_max = 0;  ///< That wait. Beyond it, or ...
    std::size_t bytes_max = 0;  ///< ... this, a task is refused in its turn, and nothing of it is kept.
    /// A write begins only when those before it are done.
    bool one_write = false;
    std::function<void(const CassandraTaskPtr&)> begin;
    /// A write that is stored has become the oldest.
    std::function<void(const CassandraTaskPtr&)> write_marks;
  };

  explicit CassandraTaskQueue(Options options) : options_(std::move(options)) {}

  /// A task that alone is beyond the bound of bytes has its turn when nothing else waits.
  void give(CassandraTask task, StoreCompletion::Kind kind, std::uint64_t token, std::size_t bytes);
  /// Begins and completes what can be.
  void advance();
  /// A write, load or scan is over.
  void finish(const CassandraTaskPtr& task, Result<void> result);
  /// A base is made, or is not.
  void finish_base(const CassandraTaskPtr& task, Result<void> result);
  /// The store may have forgotten: everything that is not completed is overtaken, and the owner is told.
  void forgot();

  void take_completions(std::vector<StoreCompletion>& out);
  bool completed_any() const { return !completions_.empty(); }
  /// Given and not taken yet.
  std::size_t pending() const { return pending_; }

 private:
  using Stage = CassandraTask::Stage;

  bool start_next();
  void complete(CassandraTask& task);

  const Options options_;
  std::size_t pending_ = 0;
  std::deque<CassandraTaskPtr> queue_;
  std::size_t started_ = 0;  // Of queue_, from its front.
  std::size_t running_reads_ = 0;
  std::size_t running_writes_ = 0;
  std::vector<CassandraTaskPtr> making_;  // Bases under way; they are not in queue_ any more.
  std::size_t waiting_bytes_ = 0;
  std::vector<StoreCompletion> completions_;
};

}  // namespace quipu
