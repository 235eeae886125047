#pragma once

#include <cstdint>
#include <string>

#include "engine/engine_stats.h"
#include "net/connections_ended.h"

namespace quipu {

/// What the servers count, beside the engine.
struct ServerStats {
  std::uint64_t http_connections = 0;
  std::uint64_t resp_connections = 0;
  ConnectionsEnded http_ended;
  ConnectionsEnded resp_ended;
};

class MetricFamilies;

/// What the engine, or an API node in its place, counts.
void add_engine_metrics(MetricFamilies& out, const EngineStats& engine);
void add_server_metrics(MetricFamilies& out, const ServerStats& servers);

/// Everything that one process counts in the embedded form, in Prometheus's text format. Counters become doubles there:
/// for looking at, never an oracle.
std::string metrics_text(const EngineStats& engine, const ServerStats& servers);

}  // namespace quipu
