#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "aggregate/huge_blocks.h"
#include "aggregate/record_index.h"
#include "aggregate/shard.h"
#include "base/identifiers.h"
#include "ingest/namespaces.h"

namespace quipu {

/// Where a counter that is being worked on is; stays the same until it is put to rest or erased.
using CounterIndex = std::uint32_t;
inline constexpr CounterIndex kNoCounter = 0xffffffff;

/// A counter that is being worked on: its home shard inline, since most counters have no other. One line of the cache.
struct alignas(64) Counter {
  static constexpr std::uint16_t kPinsMax = 0x3fff;

  Shard home;                         ///< In the current generation. A shard without a row has `applied` 0.
  RecordRef record = kNoRecord;       ///< Where its name is; kNoRecord: this index is free.
  std::uint32_t extras = kNoCounter;  ///< Where its other shards are; kNoCounter: it has none.
  NamespaceId space{};
  PartitionId home_partition{};
  std::uint16_t pins : 14 = 0;       ///< Above 0 it may not be evicted: a parked batch or a flush needs it.
  std::uint16_t referenced : 1 = 0;  ///< Used since a hand passed or it was copied for a flush.
  std::uint16_t came_again : 1 = 0;  ///< It was at rest before: the eviction passes it by once.

  bool used() const { return record != kNoRecord; }
};
static_assert(sizeof(Counter) == 64, "one line of the cache");

/// The counters that are being worked on, in chunks that never move. New ones go where chunks are fullest, and chunks
/// without any are given back, so that what a burst took does not stay. Pure; not thread-safe.
class CounterPool {
 public:
  CounterIndex take();
  void give_back(CounterIndex index);

  Counter& at(CounterIndex index) { return chunks_[index / kChunk].counters[index % kChunk]; }
  const Counter& at(CounterIndex index) const { return chunks_[index / kChunk].counters[index % kChunk]; }
  /// Whether there is memory at this index, free or not.
  bool has(CounterIndex index) const { return index < end() && chunks_[index / kChunk].counters != nullptr; }

  /// Indexes run from 0 to below this; some may be free, or have no memory.
  CounterIndex end() const { return static_cast<CounterIndex>(chunks_.size() * kChunk); }
  std::size_t size() const { return size_; }
  /// Memory that it holds.
  std::size_t bytes() const { return chunks_in_use_ * kChunk * sizeof(Counter); }

  /// Counters that are taken or given back together.
  static constexpr CounterIndex kChunk = 1024;

 private:
  struct Chunk {
    Counter* counters = nullptr;
    CounterIndex free = kNoCounter;  // The first free one; the others follow through `extras`.
    CounterIndex used = 0;
  };

  void make(CounterIndex chunk);

  HugeBlocks blocks_{kChunk * sizeof(Counter)};
  std::vector<Chunk> chunks_;
  std::size_t size_ = 0;
  std::size_t chunks_in_use_ = 0;
  CounterIndex lowest_ = 0;  // No chunk below it has a free one.
};

}  // namespace quipu
