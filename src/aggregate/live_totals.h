#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "aggregate/counter_table.h"
#include "store/counter_store.h"

namespace quipu {

/// One shard of a counter in the table.
struct ShardRef {
  CounterIndex counter = kNoCounter;
  ShardId id;
};

/// The table with what must be kept in step with it: which shards changed, and how many counters exist. Everything that
/// changes a total goes through here, whether it comes from a client or from the log. Pure; one thread.
class LiveTotals {
 public:
  LiveTotals(std::uint64_t hash_seed, HashSecret routing_secret, Generation generation, std::uint16_t partitions);
  /// Of one partition alone.
  LiveTotals(std::uint64_t hash_seed, ShardId only) : table_(hash_seed, only) {}

  CounterTable& table() { return table_; }
  const CounterTable& table() const { return table_; }

  /// Adds to a shard at `offset`. Answers whether the shard's total just saturated.
  bool add(CounterIndex counter, ShardId id, std::int64_t delta, std::uint64_t events, Offset offset);
  /// The same for the home shard of a counter that exists and has no other, where nothing saturates.
  void add_at_home(Counter& counter, CounterIndex index, std::int64_t delta, Offset offset) {
    counter.home.add(delta, 1, offset);
    mark(counter.home, index, {table_.generation(), counter.home_partition});
  }
  /// A RESET reaches a shard at `offset`.
  void reset(CounterIndex counter, ShardId id, Epoch epoch, Offset offset);

  /// Puts a counter as the store has it into the table: the items of `rows` from `first` on, all of one counter. Leaves
  /// a counter that is there already alone, since what is in memory is newer. Answers its index.
  CounterIndex load(NamespaceId space, const RowBatch& rows, std::span<const RowBatch::Item> items);

  /// Counts a counter of the store that is not put into the table.
  void count_existing(NamespaceId space, std::span<const RowBatch::Item> items);

  /// How many counters of a namespace exist, in the table or not.
  std::uint64_t existing(NamespaceId space) const;
  std::uint64_t existing() const;

  /// The shards that changed since the last call, each once.
  std::vector<ShardRef> take_dirty();
  /// Copies a shard that `take_dirty` named into a batch for the store, as it is now. Its counter stays in the table
  /// until `copied_done`.
  void copy_dirty(const ShardRef& shard, std::string_view space_name, std::uint64_t routing, RowBatch& out);
  /// The copy is in the store (`stored`), or has to be made again.
  void copied_done(const ShardRef& shard, bool stored);
  /// Shards that `take_dirty` named and that were not copied: they are noted as changed again.
  void dirty_again(std::span<const ShardRef> shards);
  /// How many shards changed and are not in the store: noted, taken or copied.
  std::size_t dirty_shards() const { return dirty_shards_; }

  /// How many clean counters may be awake; above it those that are not used are put to rest.
  void set_awake_max(std::size_t counters) { awake_max_ = counters; }
  /// Puts counters to rest that are clean, not pinned and not used of late, until few enough are awake or `visits_max`
  /// were looked at. Whether there are still more than may be.
  bool rest(std::size_t visits_max);

  /// Takes out counters that are clean, not pinned and not used of late, until the table is within `bytes_max` or
  /// `visits_max` counters were looked at. Answers how many went.
  std::size_t evict(std::size_t bytes_max, std::size_t visits_max);
  /// Moves counters together where much of their memory is holes; looks at `visits_max` of them.
  void tidy(std::size_t visits_max);

  /// Whether every counter that has rows is in the table: then nothing is ever read from the store.
  bool complete() const { return complete_; }
  void set_complete(bool complete) { complete_ = complete; }

 private:
  void mark(Shard& shard, CounterIndex counter, ShardId id) {
    if (shard.dirty) return;
    shard.dirty = true;
    dirty_.push_back({counter, id});
    ++dirty_shards_;
  }
  void change_existing(NamespaceId space, bool before, bool after);
  /// Counters that are awake, and need not be.
  std::size_t idle() const;

  CounterTable table_;
  std::vector<ShardRef> dirty_;
  std::size_t dirty_shards_ = 0;
  std::vector<std::uint64_t> existing_;  // By namespace.
  CounterIndex hand_ = 0;
  std::size_t awake_max_ = 0xffffffff;  // Of the eviction clock.
  bool complete_ = false;
};

}  // namespace quipu
