#pragma once

#include <functional>
#include <memory>
#include <string>

#include "api/api_node.h"
#include "base/result.h"
#include "cache/totals_cache.h"
#include "cluster/shared_parts.h"
#include "cluster/store_questions.h"
#include "model/live_graph.h"
#include "node/config.h"
#include "node/metrics.h"

namespace quipu {

/// The parts of a process that serves clients in the distributed form, below the servers.
///
///   servers ─► ApiNode ─► Kafka
///                 └─────► Redis ─ miss ─► Cassandra or PostgreSQL ◄─ now and then ─ questions
///
/// It keeps nothing: any number of them may come and go. Thread: the one that opened it.
class ApiRole {
 public:
  /// Opens everything and starts the node; waits for the servers. `wake` is called on other threads when a step has
  /// something to do. Errors say what to do.
  static Result<std::unique_ptr<ApiRole>> open(const Config& config, const std::function<void()>& wake);

  ApiNode& node() { return *node_; }
  const ClusterIdentity& identity() const { return parts_.identity; }
  const ClusterConfig& config() const { return config_; }
  /// What is joined so far.
  LiveGraph& graph() { return graph_; }
  std::string metrics(const ServerStats& servers) const;

 private:
  explicit ApiRole(const ClusterConfig& config) : config_(config) {}

  void join_parts();

  const ClusterConfig& config_;
  SharedParts parts_;
  std::unique_ptr<TotalsCache> cache_;
  std::unique_ptr<StoreQuestions> questions_;
  std::unique_ptr<ApiNode> node_;
  LiveGraph graph_;
};

}  // namespace quipu
