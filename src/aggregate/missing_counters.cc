#include "aggregate/missing_counters.h"

namespace quipu {

void MissingCounters::look(const Frame& frame, const CounterTable& table, NamespaceRegistry& spaces) {
  auto entries = frame.entries();
  for (Entry entry; entries.next(entry);) {
    const auto space = spaces.restore(entry.space);
    if (table.contains(space, entry.counter)) continue;
    if (!asked_.insert(std::string(entry.space).append("/").append(entry.counter)).second) continue;
    keys_.push_back({routing_hash(routing_secret_, entry.space, entry.counter), std::string(entry.space),
                     std::string(entry.counter)});
  }
}

}  // namespace quipu
