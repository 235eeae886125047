#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/identifiers.h"
#include "ingest/namespaces.h"

namespace quipu {

/// One shard of a counter, as `?shards=1` and the page show it.
struct ShardView {
  Generation generation{};
  PartitionId partition{};
  std::int64_t total = 0;
  std::uint64_t events = 0;
  Epoch epoch{};
  Offset applied{};
  bool counts = true;  ///< False where an older epoch keeps it out of the sum.
};

/// A counter and its total.
struct NamedTotal {
  NamespaceId space{};
  std::string counter;
  std::int64_t value = 0;
};

/// Some of the counters that exist.
struct ScanPage {
  std::vector<NamedTotal> counters;  ///< Existing ones only. May be empty before the end.
  std::uint64_t next = 0;            ///< Where to go on; 0 at the end.
  Offset durable_at{};
  std::uint32_t lag_ms = 0;  ///< Events of the last so many milliseconds may be missing.
  bool exact = true;
};

}  // namespace quipu
