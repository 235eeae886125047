#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "engine/applier.h"
#include "engine/core.h"
#include "engine/flusher.h"
#include "engine/views.h"

namespace quipu {

/// What needs more than one turn: walks over all counters. A turn does a bounded part of each, so that nothing is held
/// up. At most kJobsMax jobs are under way; beyond it `busy`.
class Jobs {
 public:
  Jobs(Core& core, Applier& applier, Flusher& flusher) : core_(core), applier_(applier), flusher_(flusher) {}

  /// Does a bounded part of every job. Whether there is more to do without waiting.
  bool step();
  bool empty() const { return jobs_.empty(); }
  /// Ends every job with `error`: nothing goes on any more.
  void stop(const Error& error);

  /// A page of the counters that exist. While the table has every counter, the cursor counts through the table; else
  /// the counters are walked in the store, after a flush that takes there what began before.
  ///
  /// As in Redis: what exists from the first page to the last is named at least once; names may come twice.
  void scan(std::vector<NamespaceId> spaces, std::uint64_t cursor, std::size_t limit,
            std::function<void(Result<ScanPage>)> done);

  /// The largest totals of a namespace among the counters in memory.
  void top(NamespaceId space, std::size_t limit, std::function<void(Result<ScanPage>)> done);

  /// Resets every counter of these namespaces that exists.
  void reset_all(std::vector<NamespaceId> spaces, std::function<void(Result<Offset>)> done);

 private:
  enum class Progress : std::uint8_t { kMore, kWaiting, kDone };
  struct Job {
    std::function<Progress()> step;
    std::function<void(const Error&)> fail;  // Answers who asked for it.
  };

  bool full() const { return jobs_.size() >= kJobsMax; }
  void scan_table(const std::vector<NamespaceId>& spaces, std::uint64_t cursor, std::size_t limit,
                  const std::function<void(Result<ScanPage>)>& done);
  void scan_store(std::vector<NamespaceId> spaces, std::uint64_t cursor, std::size_t limit,
                  std::function<void(Result<ScanPage>)> done);
  void ask_store(std::shared_ptr<std::vector<NamespaceId>> spaces, std::uint64_t from, std::size_t limit,
                 std::function<void(Result<ScanPage>)> done);

  Core& core_;
  Applier& applier_;
  Flusher& flusher_;
  std::list<Job> jobs_;
  std::size_t visits_of_one_ = 0;  ///< How many counters each of them may look at in this step.
};

}  // namespace quipu
