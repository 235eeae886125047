#include "node/servers_graph.h"

#include <utility>

namespace quipu {

void join_servers_to(LiveGraph& graph, const ServersGraph& crossings, const std::uint64_t& requests_beside,
                     std::function<ServerStats()> servers) {
  const EngineStats& counted = crossings.counted;
  graph.join({"CounterService.API", "container", crossings.technology, 1}, [&counted, servers = std::move(servers)] {
    const auto stats = servers();
    return LiveGraph::Figures{{"http_connections", stats.http_connections},
                              {"resp_connections", stats.resp_connections},
                              {"refused", counted.operations_refused},
                              {"busy", counted.operations_busy}};
  });
  graph.join({"Viewer", "CounterService.API"}, "operations", counted.operations);
  graph.join({"Operator", "CounterService.API"}, "requests", requests_beside);
  graph.join({"CounterService.API", "CounterService.EventLog"}, "frames", crossings.frames);
  graph.join({"CounterService.API", "CounterService.Cache"}, "reads", counted.reads);
  graph.join({"CounterService.API", "CounterService.DB"}, "misses", crossings.missed);
}

}  // namespace quipu
