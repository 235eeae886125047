#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/counter_service.h"
#include "http/turn.h"
#include "ingest/api_keys.h"
#include "model/live_graph.h"
#include "net/limits.h"
#include "net/turn_pool.h"

namespace quipu {

/// What every HTTP session of a process shares. The node fills it once and keeps it alive longer than the sessions.
struct HttpContext {
  CounterService& service;
  NetLimits limits;
  std::vector<std::string> cors_origins;  ///< http.cors_origins; `*` stands for all. Empty: CORS is off.
  std::int64_t future_ms_max = 300'000;   ///< limits.future
  std::string version;                    ///< Of the program, as `/healthz` and `/v1/stats` show it.
  std::function<std::string()> metrics;   ///< The body of `/metrics`.
  /// Names and values that `/v1/stats` shows under `server`: connections and the like.
  std::function<std::vector<std::pair<std::string, std::uint64_t>>()> server_figures;
  const LiveGraph* graph = nullptr;         ///< Shown by `/v1/stats`; null: without.
  std::string architecture{};               ///< The body of `/v1/architecture`.
  mutable std::uint64_t requests_beside{};  ///< Requests that ask of no counter: statistics, health, the page.
  const ApiKeys* keys = nullptr;            ///< Null, or without any key: everything is allowed.
  bool public_view = false;                 ///< http.public_view: POST /view needs no key.
  mutable TurnPool<HttpTurn> turns{};
};

}  // namespace quipu
