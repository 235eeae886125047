#pragma once

#include <cstdint>
#include <functional>

#include "engine/engine.h"
#include "model/live_graph.h"
#include "node/metrics.h"

namespace quipu {

/// Joins the servers, which together are the API of the model, to what stands behind them. `requests_beside`: requests
/// that ask of no counter. All that is named must outlive the graph.
void join_servers_to(LiveGraph& graph, const Engine& engine, const std::uint64_t& requests_beside,
                     std::function<ServerStats()> servers);

}  // namespace quipu
