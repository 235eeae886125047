#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

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
  std::vector<std::string> lines;  // In an order that no store's scan decides.
  for (const auto& item : rows.items()) {
    std::ostringstream text;
    text << item.routing << ' ' << rows.space(item) << '/' << rows.counter(item) << " g" << item.shard.generation.value
         << " p" << item.shard.partition.value << " total " << item.row.total << " events " << item.row.events
         << " epoch " << item.row.epoch.value << " applied " << item.row.applied.value << " flags "
         << int{item.row.flags} << '\n';
    lines.push_back(text.str());
  }
  std::ranges::sort(lines);
  std::string all;
  for (const auto& line : lines) all += line;
  return all;
}

}  // namespace quipu::testing_contract
