#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "engine/counter_service.h"
#include "ingest/api_keys.h"
#include "net/limits.h"
#include "net/turn_pool.h"
#include "resp/turn.h"

namespace quipu {

/// What every RESP session of a process shares. The node fills it once and keeps it alive longer than the sessions.
struct RespContext {
  CounterService& service;
  NetLimits limits;
  /// resp.namespaces: a key `name:rest` is counter `rest` of namespace `name` if it is one of these; every other key is
  /// a counter of namespace `default`.
  std::vector<std::string> namespaces;
  std::string version;                         ///< Of the program, as HELLO and INFO show it.
  TimeMs started_at = 0;                       ///< For INFO.
  std::function<std::uint64_t()> connections;  ///< Open now, for INFO.
  std::uint64_t commands = 0;                  ///< Taken so far, counted by the sessions.
  TurnPool<RespTurn> turns{};
  std::uint64_t clients = 0;      ///< Sessions made so far; the number of the newest.
  const ApiKeys* keys = nullptr;  ///< Null, or without any key: everything is allowed.
};

}  // namespace quipu
