#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "aggregate/name_arena.h"
#include "aggregate/shard.h"
#include "base/hash.h"
#include "base/identifiers.h"
#include "ingest/namespaces.h"

namespace quipu {

/// Where a counter is in the table; stays the same until it is erased.
using CounterIndex = std::uint32_t;
inline constexpr CounterIndex kNoCounter = 0xffffffff;

/// A shard beside the home shard.
struct ExtraShard {
  ShardId id;
  Shard shard;
};

/// One counter: its home shard inline, since most counters have no other.
struct Counter {
  Shard home;  ///< In the current generation. A shard without a row has `applied` 0.
  const char* name = nullptr;
  std::uint32_t extras = kNoCounter;  ///< Where its other shards are; kNoCounter: it has none.
  NamespaceId space{};
  std::uint16_t name_size = 0;  ///< 0: this index is free.
  PartitionId home_partition{};
  std::uint16_t pins = 0;   ///< Above 0 it may not be evicted: a parked batch or a flush needs it.
  bool referenced = false;  ///< Used since the eviction hand passed.

  bool used() const { return name_size != 0; }
  std::string_view counter() const { return {name, name_size}; }
};

/// A counter's total: the sum over the shards of its highest epoch.
struct Total {
  std::int64_t value = 0;
  bool exists = false;     ///< A shard of the highest epoch has an event.
  bool saturated = false;  ///< The value is held at an end of 64 bits, or once was.
  Epoch epoch{};
  Offset newest{};  ///< The newest offset that any shard includes.
};

/// The counters in memory: (namespace, counter) -> shards, the live totals of the process.
///
///   index (32 bits of hash, number) ──► counters, in chunks that never move ──► names in an arena
///                                             └──► other shards, for the few that have any
///
/// Pure: the hash seed is given in, for names come from users. All calls on one thread.
class CounterTable {
 public:
  /// `partitions`: the log's; a counter's home partition is its routing hash modulo that.
  CounterTable(std::uint64_t hash_seed, HashSecret routing_secret, Generation generation, std::uint16_t partitions);

  /// The counter's index, or kNoCounter. Marks it as referenced.
  CounterIndex find(NamespaceId space, std::string_view counter) { return find(tag(space, counter), space, counter); }

  // The same in steps, for many at once: while memory brings what one needs, the steps of the others are taken.
  /// The hash that the other steps go by.
  std::uint32_t tag(NamespaceId space, std::string_view counter) const;
  /// Asks for the place in the index.
  void prefetch_slot(std::uint32_t tag) const { __builtin_prefetch(&slots_[tag & (slots_.size() - 1)]); }
  /// Asks for the counter that the index has there; its place should have come.
  void prefetch_counter(std::uint32_t tag) const;
  /// Asks for the counter's name; the counter should have come.
  void prefetch_name(std::uint32_t tag) const;
  /// `find`, by the tag of the name.
  CounterIndex find(std::uint32_t tag, NamespaceId space, std::string_view counter);

  /// Adds a counter that is not there, without rows. `space_name` goes into the routing hash.
  CounterIndex insert(NamespaceId space, std::string_view space_name, std::string_view counter);

  /// Takes a counter out. It must not be pinned or have a dirty shard.
  void erase(CounterIndex index);

  Counter& at(CounterIndex index) { return chunks_[index / kChunk][index % kChunk]; }
  const Counter& at(CounterIndex index) const { return chunks_[index / kChunk][index % kChunk]; }

  /// The counter's shard, made without a row if it has none.
  Shard& shard(CounterIndex index, ShardId id);

  /// The other shards of a counter.
  const std::vector<ExtraShard>& extras(const Counter& counter) const;
  std::vector<ExtraShard>& extras(Counter& counter);

  Total total(const Counter& counter) const;

  /// Whether a shard changed since it was last copied.
  bool dirty(const Counter& counter) const;

  Generation generation() const { return generation_; }
  /// Indexes run from 0 to below this; some may be free.
  CounterIndex end() const { return end_; }
  std::size_t size() const { return size_; }
  /// Memory that the table holds, in bytes.
  std::size_t bytes() const;
  /// How many more bytes a new counter with a name of this size takes, about.
  static std::size_t cost(std::size_t name_size) { return sizeof(Counter) + 12 + name_size; }
  /// What the counters in the table cost now: below `bytes` after many were erased. Eviction goes by this.
  std::size_t live_bytes() const { return live_bytes_; }

 private:
  static constexpr CounterIndex kChunk = 4096;
  struct Slot {
    std::uint32_t tag = 0;
    CounterIndex index = kNoCounter;
  };

  /// The first counter at or behind the place of a tag that has it, or kNoCounter: most likely the one meant.
  CounterIndex likely(std::uint32_t tag) const;
  void grow();
  std::size_t slot_of(CounterIndex index) const;

  std::uint64_t hash_seed_;
  HashSecret routing_secret_;
  Generation generation_;
  std::uint16_t partitions_;
  std::vector<Slot> slots_;  // A power of two, linear probing.
  std::size_t size_ = 0;
  std::size_t live_bytes_ = 0;
  std::vector<std::unique_ptr<Counter[]>> chunks_;
  CounterIndex end_ = 0;
  std::vector<CounterIndex> free_;
  std::vector<std::vector<ExtraShard>> extras_;
  std::vector<std::uint32_t> free_extras_;
  NameArena names_;
};

}  // namespace quipu
