#pragma once

#include <cstdint>
#include <string>
#include <unordered_set>
#include <vector>

#include "aggregate/counter_table.h"
#include "base/hash.h"
#include "event/frame.h"
#include "ingest/namespaces.h"
#include "store/counter_store.h"

namespace quipu {

/// The counters that frames name and the table does not have, each once: what must be read from the store before the
/// frames can be applied. Pure.
class MissingCounters {
 public:
  /// `hash_seed`: random, for names come from users.
  MissingCounters(HashSecret routing_secret, std::uint64_t hash_seed)
      : routing_secret_(routing_secret), asked_(0, SeededHasher{hash_seed}) {}

  /// Looks through a frame. Its namespaces are made known to `spaces`.
  void look(const Frame& frame, const CounterTable& table, NamespaceRegistry& spaces);

  std::size_t size() const { return keys_.size(); }
  std::vector<CounterKey> take() { return std::move(keys_); }

 private:
  HashSecret routing_secret_;
  std::unordered_set<std::string, SeededHasher> asked_;
  std::vector<CounterKey> keys_;
};

}  // namespace quipu
