#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/identifiers.h"
#include "base/result.h"
#include "node/config.h"

namespace quipu {

/// What growing a log came to.
struct GrownLog {
  std::string topic;
  Generation generation{};
  std::uint16_t before = 0;          ///< Partitions that took events.
  std::uint16_t partitions = 0;      ///< That take events from now on.
  std::uint64_t counters_reset = 0;  ///< Whose epochs the added partitions were told of.
};

/// `quipu log grow`: adds partitions to the topic, under API nodes and workers that go on, and has them take events.
///
///   topic grows ─► workers tell the new ones of each RESET from now on ─► LogGrowth: what was reset before, then open
///
/// A shard learns of resets from its log alone, and a total is the sum of the shards of the highest epoch: an event in
/// a partition that does not know of its counter's reset would not be counted. So the new ones are opened last. Ids,
/// sources and resets keep to the partitions that the log began with.
///
/// Promise: whatever ends it, nothing is lost or counted twice; it goes on where it was when it is called again with
/// the same number. Waits for workers, so some must run. kRefused where the number is not above what takes events, is
/// below what the topic has, or is above kPartitionsMax. kConflict where a partition that must
/// go on does not, for a minute and twice the flushes, whatever the others do. kNotFound
/// where nothing was ever started on the store. kTimeout too where `interrupted` says so.
Result<GrownLog> grow_log(const Config& config, std::uint16_t partitions, const std::function<bool()>& interrupted);

}  // namespace quipu
