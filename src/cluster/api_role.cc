#include "cluster/api_role.h"

#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <set>
#include <string>
#include <utility>

#include "cluster/cluster_metrics.h"
#include "node/metric_families.h"
#include "node/node_clock.h"

namespace quipu {
namespace {

ApiNodeOptions node_options(const Config& config, const ClusterIdentity& identity) {
  ApiNodeOptions options;
  options.secret = identity.secret;
  options.id_partitions = identity.id_partitions;
  // Partitions that were added know of no reset that was before them, so nothing that counts may go there.
  options.open_partitions = identity.id_partitions;
  options.namespaces_max = config.namespaces_max;
  options.namespaces_auto_create = config.namespaces_auto_create;
  options.namespaces_present = {"default", "views"};
  for (const auto& name : identity.resp_namespaces) options.namespaces_present.push_back(name);
  for (const auto& [name, policy] : config.namespaces) options.namespaces_present.push_back(name);
  options.producer.writer = new_node();
  options.producer.pending_bytes_max = config.log_pending_bytes;
  options.producer.give_up_ms = config.cluster.kafka_give_up_ms;
  options.frame_bytes = config.cluster.kafka_frame_bytes;
  options.linger_ms = config.cluster.kafka_linger_ms;
  options.hot.events_per_second = config.cluster.hot_events_per_second;
  options.hot.partitions = config.cluster.hot_partitions;
  // The store's nodes are asked every second, and one that does not answer a second time.
  options.store_news_ms = 1'000 + 2 * config.cluster.cassandra_request_timeout_ms;
  return options;
}

/// Policies of the configuration go into the store, where all nodes find them.
void put_policies(const Config& config, ApiNode& node) {
  for (const auto& [name, policy] : config.namespaces) {
    const auto known = node.namespaces().find(name);
    if (known && node.namespaces().policy(*known) == policy) continue;
    node.put_namespace(name, policy, [name = name](const Result<void>& put) {
      if (!put) spdlog::warn("the policy of namespace {} did not reach the store: {}", name, put.error().what);
    });
  }
}

/// What the first process said stays: else a counter would have two names, by the node that is asked.
void tell_other_namespaces(const Config& config, const ClusterIdentity& identity) {
  const std::set<std::string> here(config.resp_namespaces.begin(), config.resp_namespaces.end());
  const std::set<std::string> there(identity.resp_namespaces.begin(), identity.resp_namespaces.end());
  if (here == there) return;
  spdlog::warn(
      "resp.namespaces is {} in the configuration, and {} in the store, which wrote it down when its log was begun: "
      "keys "
      "of the Redis protocol are read by the store's",
      fmt::join(here, ","), fmt::join(there, ","));
}

}  // namespace

Result<std::unique_ptr<ApiRole>> ApiRole::open(const Config& config, const std::function<void()>& wake) {
  std::unique_ptr<ApiRole> role(new ApiRole(config.cluster));
  auto parts = SharedParts::open(config, wake);
  if (!parts) return std::unexpected(parts.error());
  role->parts_ = std::move(*parts);
  tell_findings(*role->parts_.log);
  tell_other_namespaces(config, role->identity());
  auto cache = open_cache(config.cluster, wake);
  if (!cache) return std::unexpected(cache.error());
  role->cache_ = std::move(*cache);
  auto asked = open_shared_store(config.cluster, [] {});
  if (!asked) return std::unexpected(asked.error());
  if (auto begun = asked->begin_generation(role->identity().log.generation); !begun) {
    return std::unexpected(begun.error());
  }
  role->questions_ = std::make_unique<StoreQuestions>(std::move(*asked), wake);
  role->node_ =
      std::make_unique<ApiNode>(node_options(config, role->identity()), *role->parts_.log, *role->parts_.store.store,
                                *role->questions_, *role->questions_, role->cache_.get());
  if (auto started = role->node_->start(wall_clock_ms()); !started) return std::unexpected(started.error());
  put_policies(config, *role->node_);
  role->join_parts();
  return role;
}

/// Beside the model (architecture.sruja).
void ApiRole::join_parts() {
  const ApiNode& node = *node_;
  const bool postgres = config_.store_kind == "postgres";
  graph_.join({"CounterService.DB", "database", postgres ? "PostgreSQL" : "Apache Cassandra", 1}, [&node] {
    return LiveGraph::Figures{{"counters_read", node.reader().stats().store_loads},
                              {"failures", node.reader().stats().store_failures}};
  });
  graph_.join({"CounterService.EventLog", "queue", "Apache Kafka", 1}, [&node] {
    const auto& producer = node.producer().stats();
    return LiveGraph::Figures{{"waiting_bytes", node.producer().pending_bytes()},
                              {"written_bytes", producer.bytes_sent},
                              {"frames_sent_again", producer.frames_resent}};
  });
  graph_.join({"CounterService.Cache", "container", config_.cache_kind == "redis" ? "Redis" : "memory of the node", 1},
              [&node] {
                return LiveGraph::Figures{{"hits", node.reader().stats().cache_hits},
                                          {"node_hits", node.reader().stats().local_hits}};
              });
}

std::string ApiRole::metrics(const ServerStats& servers) const {
  MetricFamilies out;
  add_engine_metrics(out, node_->stats());
  add_server_metrics(out, servers);
  add_api_metrics(out, *node_, parts_.log->stats(), cache_ ? cache_->stats() : TotalsCache::Stats{});
  return out.text();
}

}  // namespace quipu
