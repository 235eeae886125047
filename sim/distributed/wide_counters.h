#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "api/api_node.h"
#include "sim/distributed/log_oracle.h"
#include "sim/distributed/settings.h"
#include "sim/random.h"
#include "sim/trace.h"
#include "store/counter_store.h"

namespace quipu::sim {

/// Counters whose totals leave 64 bits, which those of the callers never do: a node refuses what it knows to be too
/// much, and what it does not know is held at the end of the range, in each shard and in their sum, and flagged there.
///
///   rising    only positive events: whatever a read shows of it is never below 0
///   falling   only negative ones: never above 0
///   mixed     both
///
/// When all is quiet, rows, flags and reads must be those of the log.
class WideCounters {
 public:
  WideCounters(const DistributedSettings& settings, Random& random, Trace& trace);
  ~WideCounters();

  /// A node serves, under that number; or its process has ended.
  void begin_process(std::size_t number, ApiNode& node) { nodes_[number] = &node; }
  void end_process(std::size_t number);

  /// Something is asked of some node.
  void act();
  /// Counting goes on in another log, and what the one before had is not counted any more.
  void new_log();
  /// Everything that was asked has its answer.
  bool settled() const;

  /// Asks a node for every counter, and compares the answers with what the log says, `asked_all` being true then.
  void ask_for_all(std::size_t number, bool fresh, const LogOracle& oracle);
  bool asked_all() const { return looks_ == 0; }
  /// The store's rows, and how many events the log holds, when nothing is under way.
  void check_store(const RowBatch& rows, const LogOracle& oracle);

 private:
  struct Request;
  enum class Kind : std::uint8_t { kRising, kFalling, kMixed };
  struct Counter {
    std::string name;
    Kind kind = Kind::kMixed;
    std::uint64_t acknowledged = 0;  // Plain events.
    std::uint64_t unknown = 0;
  };

  void ask(Request& request);
  void submit(std::unique_ptr<Request> request);
  void answered(Request& request);
  void answered(Request& request, std::size_t at);
  std::int64_t draw_delta(Kind kind);

  const DistributedSettings& settings_;
  Random& random_;
  Trace& trace_;
  std::vector<Counter> counters_;
  std::vector<ApiNode*> nodes_;  // Null: it does not serve.
  std::list<std::unique_ptr<Request>> requests_;
  const LogOracle* oracle_ = nullptr;  // While all is quiet.
  std::size_t looks_ = 0;
  std::uint64_t asked_ = 0;
};

}  // namespace quipu::sim
