// What an API node itself needs for an event: routing, combining, frames, the producer session and the answer; the log
// and the store are in memory and cost little. 100,000 counters with names of 20 bytes, batches of 512 events.

#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "api/api_node.h"
#include "load/key_distribution.h"
#include "load/load_requests.h"
#include "log/memory_log.h"
#include "store/memory_store.h"

namespace quipu {
namespace {

constexpr std::size_t kBatch = 512;

class BenchClient final : public BatchClient {
 public:
  Batch batch;
  bool done = false;
  void batch_done(Batch&) override { done = true; }
};

/// `together`: one POST /v1/events; else a pipeline of INCR, each of which answers with a total.
void api_node(benchmark::State& state, bool together) {
  MemoryLogOptions log_options;
  log_options.identity.generation = Generation{1};
  log_options.partitions = 16;
  MemoryLog log(log_options);
  MemoryStore store;
  DirectSettingsReader settings(store);
  DirectSourceReader sources(store);
  ApiNodeOptions options;
  options.secret = {1, 2};
  ApiNode node(options, log, store, settings, sources, nullptr);
  TimeMs now = 1'700'000'000'000;
  if (!node.start(now)) return state.SkipWithError("the node does not start");
  const auto space = *node.namespaces().find("default");
  std::vector<std::string> names;
  for (std::size_t i = 0; i < 100'000; ++i) names.push_back(key_name(i, 20));
  KeyDistribution keys(Spread::kZipf, names.size(), 7);
  std::vector<std::uint32_t> order;
  for (std::size_t i = 0; i < kBatch * 512; ++i) order.push_back(static_cast<std::uint32_t>(keys.next() - 1));
  BenchClient client;
  std::size_t at = 0;
  for (auto _ : state) {
    client.batch.clear();
    client.done = false;
    for (std::size_t i = 0; i < kBatch; ++i) {
      Operation& operation = client.batch.operations.emplace_back();
      operation.kind = OperationKind::kAdd;
      operation.space = space;
      operation.counter = names[order[at++ % order.size()]];
    }
    if (together) client.batch.operations.front().together = kBatch;
    node.submit(client.batch, client);
    while (!client.done) node.step(++now);
    log.allow_trim(Offset{kOffsetMax});
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatch));
}

void api_node_events(benchmark::State& state) { api_node(state, true); }
BENCHMARK(api_node_events);

void api_node_incr(benchmark::State& state) { api_node(state, false); }
BENCHMARK(api_node_incr);

}  // namespace
}  // namespace quipu
