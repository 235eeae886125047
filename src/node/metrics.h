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

/// Everything that is counted, in Prometheus's text format. Counters become doubles there: for looking at, never an
/// oracle.
std::string metrics_text(const EngineStats& engine, const ServerStats& servers);

}  // namespace quipu
