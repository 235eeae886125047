#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/distributed/adoption.h"
#include "sim/distributed/callers.h"
#include "sim/distributed/chain_records.h"
#include "sim/distributed/growth.h"
#include "sim/distributed/log_oracle.h"
#include "sim/distributed/processes.h"
#include "sim/distributed/wide_counters.h"
#include "sim/world.h"

namespace quipu::sim {

/// Some machines with API nodes and workers, a log, a store and a cache that they share, and everything that can go
/// wrong, all in one thread:
///
///   callers ─► ApiNode ─► log view ─► topic ─► log view ─► Worker ─► CassandraStore ─► driver ─► three nodes
///      ▲          └── TotalReader ─► cache, store                └─► cache
///      └── books: what may be shown           oracle: what the topic's records mean, told a second time
///
/// Of these the ApiNode, the Worker, the CassandraStore and all that is in them are the product. A run has a phase in
/// which anything happens; then faults stop, and all that was asked must be answered within a bounded time; then
/// everything is quiet, and the totals must be those of the log: in the store's rows, as shown by each node, and after
/// all processes were started anew.
class DistributedWorld {
 public:
  DistributedWorld(std::uint64_t seed, std::FILE* trace);
  ~DistributedWorld();

  /// `steps_max`: the phase with faults ends after so many; a shorter prefix of the same run.
  Report run(std::uint64_t steps_max);

 private:
  /// A place where a process runs, or is to run.
  template <class Process>
  struct Machine {
    std::unique_ptr<Process> process;
    std::uint32_t boot = 0;
    std::uint64_t stalled_until = 0;
    TimeMs clock_ahead = 0;
  };

  bool strong() const;
  bool enough();
  /// Who runs `quipu log grow`, again until it is through.
  struct Operator {
    std::unique_ptr<GrowthProcess> process;
    std::uint16_t goal = 0;  ///< How many partitions are to take events; 0: nothing is wanted.
    std::uint16_t open = 0;  ///< How many do.
    TimeMs clock_ahead = 0;
  };

  void step();
  void pass_time(TimeMs ms);
  void try_faults();
  TimeMs away_ms();
  void break_replicas();
  void jump_clocks();
  void crash_node(std::size_t number);
  void crash_worker(std::size_t number);
  void take_turn();
  void tick_nodes();
  void step_node(std::size_t number);
  void step_worker(std::size_t number);
  void start_node(std::size_t number);
  void start_worker(std::size_t number);
  template <class Process>
  bool goes(const Machine<Process>& machine) const {
    return machine.process != nullptr && steps_ >= machine.stalled_until;
  }
  TimeMs wall(TimeMs ahead = 0) const { return kBeginning + around_.steady + ahead; }

  // world_growth.cc
  void add_partition();
  void decide_on_growth();
  void start_growth();
  void step_growth(std::size_t store_requests);

  // world_adoption.cc
  void lose_topic();
  /// A topic that is to be adopted, as the world knows it.
  struct NewTopic {
    bool foreign = false;  ///< A frame of another log stands in it.
    bool put = false;      ///< The store may have been told to count from it.
  };
  void make_topic_anew(bool foreign);
  void add_foreign_frame();
  void sync_store();
  bool come_to_rest();
  bool all_refuse() const;
  void expect_refusal();
  void stop_all();
  RowBatch freeze(bool all);
  void adopt(const RowBatch& rows);
  bool refused(const AdoptionProcess& process, const std::string& what);
  RowBatch stored_rows();
  void add_row(const SimCassandra::Key& key, const SimCassandra::Cell& cell, RowBatch& rows);
  bool resets_under_way();
  void join_all();

  // world_quiet.cc
  void stop_faults();
  void settle();
  void prompt_turn(TimeMs ms);
  bool drive(const std::string& what, const std::function<bool()>& done);
  bool serving() const;
  bool at_rest() const;
  std::string state_text() const;
  void check_quiet();
  void check_store();
  void check_reads(const std::string& when);

  // world_damage.cc
  void damage_log();
  void look_at_log();
  bool cut_log(PartitionId partition, bool seen);
  bool remove_unread();
  bool noticed() const;
  bool has_read(PartitionId partition) const;
  bool counted_beyond(PartitionId partition) const;
  bool told_by_chains() const;
  void expect_detection();

  static constexpr TimeMs kBeginning = 1'700'000'000'000;

  Random random_;
  Trace trace_;
  DistributedSettings settings_;
  SimTopic topic_;
  LogOracle oracle_;
  SimCassandra cassandra_;
  SimCacheServer cache_;
  SimCoordinator coordinator_;
  Surroundings around_;
  Callers callers_;
  WideCounters wide_;
  std::vector<Machine<NodeProcess>> nodes_;
  std::vector<Machine<WorkerProcess>> workers_;
  Operator operator_;
  std::uint64_t processes_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t strong_at_ = 0;  // The step in which the run had seen enough.
  bool faulty_ = true;
  bool log_damaged_ = false;
  bool refusing_ = false;   // The topic is another one than the store counts from.
  bool injecting_ = false;  // What is appended is another log's.
  NewTopic new_topic_;
  std::vector<std::pair<PartitionId, Bytes>> old_frames_;  // Of the log before it, to be put into it.
  std::uint64_t adopted_at_ = 0;                           // The step of the last adoption; 0: none was.
  Generation generation_{1};
  ChainRecords records_;
  // Of a partition whose end went back unseen: what stood in it, and how much of that stayed.
  std::optional<PartitionId> cut_;
  std::vector<ChainRecord> before_cut_;
  std::size_t kept_by_cut_ = 0;
  // A partition whose end went back in a quiet time: nobody asks for anything until a worker must have noticed.
  std::optional<PartitionId> silent_;
};

/// Runs a seed from its beginning. `trace`: where its lines go, or null.
Report run_distributed_seed(std::uint64_t seed, std::uint64_t steps_max, std::FILE* trace);

}  // namespace quipu::sim
