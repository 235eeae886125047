#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "api/api_node.h"
#include "base/result.h"
#include "cluster/cluster_identity.h"
#include "sim/distributed/cache_server.h"
#include "sim/distributed/cassandra_driver.h"
#include "sim/distributed/group.h"
#include "sim/distributed/log_view.h"
#include "store/cassandra_store.h"
#include "store/settings_reader.h"
#include "store/source_reader.h"
#include "worker/in_order_appender.h"
#include "worker/start_partition_store.h"
#include "worker/worker.h"

namespace quipu::sim {

/// Operators' numbers in the log begin here; those of nodes and workers are smaller.
inline constexpr std::uint64_t kOperatorNodes = 1'000'000;

/// What all processes of a world share.
struct Surroundings {
  const DistributedSettings& settings;
  Random& random;
  Trace& trace;
  SimTopic& topic;
  SimCassandra& cassandra;
  SimCacheServer& cache;
  SimCoordinator& coordinator;
  TimeMs steady = 0;
  std::int64_t stores = 0;  ///< How many processes have opened the store.
};

/// The store of one process: the product's, over a simulated driver.
struct StoreProcess {
  std::unique_ptr<CassandraStore> store;
  SimCassandraSession* driver = nullptr;

  /// Opens it; waits for the store, and may fail. `scan_all_replicas`: as an adoption scans.
  static Result<StoreProcess> open(Surroundings& around, const TimeMs& wall, bool scan_all_replicas = false);
};

/// What a process that counts begins with, as the product's has it: a store, and by what it says the log that all count
/// from. The first process says so.
struct BegunProcess {
  StoreProcess store;
  ClusterIdentity identity;

  /// Waits for the store, and may fail; kDamaged where the topic is another one.
  static Result<BegunProcess> begin(Surroundings& around, const TimeMs& wall);
};

/// A process with an API node.
class NodeProcess {
 public:
  /// `boot`: which start of it this is.
  static Result<std::unique_ptr<NodeProcess>> start(Surroundings& around, std::uint64_t number, std::uint32_t boot,
                                                    TimeMs wall);
  ~NodeProcess();
  NodeProcess(const NodeProcess&) = delete;
  NodeProcess& operator=(const NodeProcess&) = delete;

  void step(TimeMs wall);
  /// What it has asked of others goes on.
  void move(std::size_t store_requests);

  ApiNode& node() { return *node_; }
  SimLogView& view() { return *view_; }

 private:
  NodeProcess(Surroundings& around, TimeMs wall);

  Surroundings& around_;
  TimeMs wall_;
  std::optional<SimLogView> view_;
  SimCache cache_;
  StoreProcess store_;
  std::unique_ptr<DirectSettingsReader> settings_;
  std::unique_ptr<DirectSourceReader> sources_;
  std::unique_ptr<ApiNode> node_;
};

/// A process with a worker.
class WorkerProcess {
 public:
  static Result<std::unique_ptr<WorkerProcess>> start(Surroundings& around, std::uint64_t number, TimeMs wall);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  void step(TimeMs wall);
  void move(std::size_t store_requests);

  Worker& worker() { return *worker_; }
  const SimCassandraSession& driver() const { return *store_.driver; }
  SimLogView& view() { return *view_; }

 private:
  WorkerProcess(Surroundings& around, TimeMs wall);

  Surroundings& around_;
  TimeMs wall_;
  std::optional<SimLogView> view_;
  std::optional<SimGroup> group_;
  SimCache cache_;
  StoreProcess store_;
  std::unique_ptr<StartPartitionStore> partitions_;
  std::optional<InOrderAppender> appender_;
  std::unique_ptr<Worker> worker_;
};

}  // namespace quipu::sim
