#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "engine/engine_stats.h"
#include "model/live_graph.h"
#include "node/metrics.h"

namespace quipu {

/// What crosses from the servers to what stands behind them, counted by who is there. All of it outlives the graph.
struct ServersGraph {
  std::string technology;       ///< What the servers are in this form.
  const EngineStats& counted;   ///< Operations, reads, what was refused.
  const std::uint64_t& frames;  ///< Given to the log.
  const std::uint64_t& missed;  ///< Counters read from the store.
};

/// Joins the servers, which together are the API of the model, to what stands behind them. `requests_beside`: requests
/// that ask of no counter. All that is named must outlive the graph.
void join_servers_to(LiveGraph& graph, const ServersGraph& crossings, const std::uint64_t& requests_beside,
                     std::function<ServerStats()> servers);

}  // namespace quipu
