#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "engine/core.h"
#include "engine/operation.h"

namespace quipu {

/// Applies batches of operations to the tables and the open frames. Every counter that a batch names is in the table,
/// or the table is complete. Nothing here waits, allocates per event or fails half way: what can be refused is refused
/// before the first change of its group.
class Applier {
 public:
  explicit Applier(Core& core) : core_(core) {}

  /// Applies the batch. `counters` has the table index of each operation's counter, or kNoCounter.
  void apply(Batch& batch, std::span<CounterIndex> counters);

  /// Resets a counter as `DEL` does, without an outcome. There must be room (`room_for_resets`).
  Offset reset(CounterIndex counter);
  /// Whether `count` resets of counters with names of this size fit into the log now.
  bool room_for_resets(std::size_t count, std::size_t name_size) const;
  /// Whether there can ever be room for one.
  bool reset_can_fit(std::size_t name_size) const;

  /// The newest offset that was given to a source's entries; 0 when it is unknown.
  std::uint64_t last_sequence(const Hash128& source) const;

 private:
  struct ShardHasher {
    std::size_t operator()(const std::pair<CounterIndex, PartitionId>& shard) const {
      return std::hash<std::uint64_t>{}(std::uint64_t{shard.first} << 16 | shard.second.value);
    }
  };

  std::size_t bytes_needed(const Operation& operation) const;
  bool has_room(std::size_t bytes) const;
  std::size_t most_bytes() const;
  bool admit(std::span<const Operation> group, std::span<Outcome> outcomes);
  bool validate_group(std::span<const Operation> group, std::span<Outcome> outcomes, std::span<CounterIndex> counters);
  bool add_at_home(const Operation& operation, Outcome& outcome, CounterIndex index, Offset& durable_at);
  void apply_one(const Operation& operation, Outcome& outcome, CounterIndex& counter, Offset& durable_at);
  void add(const Operation& operation, Outcome& outcome, CounterIndex counter, const Total& before, Offset& durable_at);
  /// Lets a shard know of the counter's epoch before the first entry in it: one that began before this generation of
  /// the log did is in no frame of it, and the shard would be left out of the sum.
  void meet_epoch(CounterIndex counter, PartitionId partition, Epoch epoch);
  void add_plain(const Operation& operation, CounterIndex counter, PartitionId partition, Offset offset, TimeMs time);
  void read(Outcome& outcome, CounterIndex counter, Offset& durable_at) const;
  PartitionId partition_of(const Operation& operation, const Counter& counter) const;
  /// What a shard adds to a total of `epoch`: nothing when it has not met that epoch.
  Wide shard_total(CounterIndex counter, PartitionId partition, Epoch epoch);
  OpenFrames::Named named(CounterIndex counter) const;
  Offset open(PartitionId partition);

  Core& core_;
  boost::unordered_flat_map<CounterIndex, Wide> sums_;  // Of the group being validated: totals ...
  boost::unordered_flat_map<std::pair<CounterIndex, PartitionId>, Wide, ShardHasher> shard_sums_;  // ... and shards.
  boost::unordered_flat_map<Hash128, std::uint32_t, Hash128Hasher> group_ids_;  // Its ids, with their bodies.
};

}  // namespace quipu
