#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "api/api_node.h"
#include "base/identifiers.h"
#include "sim/random.h"
#include "sim/settings.h"
#include "worker/worker_options.h"

namespace quipu::sim {

/// How often what goes wrong in the distributed form. About half of the kinds are off in a run.
struct DistributedRates {
  // Of the steps.
  Rate node_crash = 0;
  Rate worker_crash = 0;
  Rate process_stalls = 0;
  Rate rebalance = 0;
  Rate lost = 0;
  Rate producer_rebuilt = 0;
  Rate partition_added = 0;
  Rate partition_away = 0;
  Rate log_grown = 0;
  Rate growth_ends = 0;  // Of the steps in which one is under way.
  Rate replica_fails = 0;
  Rate power_shared = 0;   // Of the replicas that fail, how many take each other one with them.
  Rate replica_back = 60;  // One that is away.
  Rate replica_parts = 0;
  Rate cache_lost = 0;
  Rate cache_stalls = 0;
  Rate clock_back = 0;
  Rate clock_forward = 0;
  Rate log_damaged = 0;    ///< What must never happen to a log: the run ends with it.
  Rate topic_anew = 0;     ///< The topic is made anew, and adopted.
  Rate adoption_ends = 0;  ///< Of the steps of an adoption.
  // Of the log's reads and records.
  Rate fetch_late = 0;
  // Of the writes at one replica, and of reads.
  Rate write_missed = 0;
  Rate write_late = 0;
  Rate write_answer_lost = 0;
  Rate read_times_out = 0;
  // Of the cache's requests.
  Rate cache_drops_command = 0;
  Rate cache_drops_reply = 0;
  Rate cache_evicts = 0;
  // Of the requests and repeats of clients.
  Rate client_gives_up = 0;
  Rate client_repeats = 0;
  Rate client_moves = 0;
  Rate client_mistakes = 0;
};

/// Everything about a run of the distributed form that is drawn from its seed before it begins.
struct DistributedSettings {
  LogIdentity identity;
  std::uint16_t partitions = 1;  ///< That the log begins with.
  ApiNodeOptions node;
  WorkerOptions worker;
  DistributedRates faults;
  std::uint64_t steps_min = 0;
  std::size_t nodes = 1;
  std::size_t workers = 1;
  std::size_t clients = 1;
  std::size_t counters = 1;
  std::int64_t step_ms = 0;         ///< A step is up to so much later than the one before.
  std::int64_t sync_ms = 0;         ///< A store's node syncs what it acknowledged within this.
  std::uint64_t clock_ms = 0;       ///< How far a clock is from the others at most.
  std::uint32_t node_check_ms = 0;  ///< How often its nodes are asked whether they have started again.
  bool cache = false;               ///< There is one.
  Rate source_batches = 4;          ///< Of the requests, how many are of a source.

  /// In one line, for the trace.
  std::string text() const;
};

DistributedSettings draw_distributed_settings(Random& random);

}  // namespace quipu::sim
