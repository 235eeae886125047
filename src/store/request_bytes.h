#pragma once

#include <cstddef>

#include "store/counter_store.h"

namespace quipu {

/// What a request counts for in a store's queue: the memory that its size depends on.
inline std::size_t request_bytes(const StoreWrite& write) {
  std::size_t bytes = write.rows.bytes() + write.sources.size() * sizeof(SourceRow);
  for (const Watermark& mark : write.watermarks) bytes += mark.chains.size();
  for (const auto& [name, text] : write.settings) bytes += name.size() + text.size();
  return bytes;
}

inline std::size_t request_bytes(const StoreLoad& load) {
  std::size_t bytes = 0;
  for (const CounterKey& key : load.keys) bytes += sizeof(key) + key.space.size() + key.counter.size();
  return bytes;
}

}  // namespace quipu
