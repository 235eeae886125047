#include <sstream>

#include "contract/counter_store_contract.h"

namespace quipu::testing_contract {

std::vector<StoreCompletion> take_all(StoreBench& bench) {
  std::vector<StoreCompletion> all;
  while (bench.store().pending() > 0) {
    bench.wait();
    bench.store().take_completions(all);
  }
  return all;
}

std::string text_of(const RowBatch& rows) {
  std::ostringstream text;
  for (const auto& item : rows.items()) {
    text << item.routing << ' ' << rows.space(item) << '/' << rows.counter(item) << " g" << item.shard.generation.value
         << " p" << item.shard.partition.value << " total " << item.row.total << " events " << item.row.events
         << " epoch " << item.row.epoch.value << " applied " << item.row.applied.value << " flags "
         << int{item.row.flags} << '\n';
  }
  return text.str();
}

}  // namespace quipu::testing_contract
