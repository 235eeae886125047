#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "aggregate/counter_pool.h"
#include "aggregate/record.h"
#include "aggregate/record_arena.h"
#include "aggregate/record_index.h"
#include "aggregate/shard.h"
#include "base/hash.h"
#include "base/identifiers.h"
#include "ingest/namespaces.h"

namespace quipu {

/// A shard beside the home shard.
struct ExtraShard {
  ShardId id;
  Shard shard;
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
///   index (hash, record) ──► records in an arena: name, and the row at rest
///                                └──► counters that are being worked on, a line of the cache each
///                                         └──► other shards, for the few that have any
///
/// A counter at rest is its record alone. `find` wakes it: then it has a `Counter`, whose index stays the same until
/// `rest` or `erase`. A counter with other shards stays awake until it is erased. A record moves when the eviction's
/// hand passes it, so a name is looked at and not kept.
///
/// Pure: the hash seed is given in, for names come from users. All calls on one thread.
class CounterTable {
 public:
  /// `partitions`: the log's; a counter's home partition is its routing hash modulo that.
  CounterTable(std::uint64_t hash_seed, HashSecret routing_secret, Generation generation, std::uint16_t partitions);
  /// A table of one partition alone: every counter's home is there.
  CounterTable(std::uint64_t hash_seed, ShardId only);

  /// The counter's index, or kNoCounter. Wakes it, and marks it as referenced.
  CounterIndex find(NamespaceId space, std::string_view counter) {
    return find(tag(space, counter), kNoRecord, space, counter);
  }

  // The same in steps, for many at once: while memory brings what one needs, the steps of the others are taken.
  /// The hash that the other steps go by.
  std::uint32_t tag(NamespaceId space, std::string_view counter) const;
  /// Asks for the place in the index.
  void prefetch_slot(std::uint32_t tag) const { index_.prefetch(tag); }
  /// Asks for the record that the index has there, and answers which that is, or kNoRecord; its place should have come.
  RecordRef prefetch_record(std::uint32_t tag) const;
  /// Asks for the counter of a record, where it is awake; the record should have come.
  void prefetch_counter(RecordRef likely) const;
  /// `find`, by the tag of the name and what `prefetch_record` answered for it. Meanwhile counters may have been added
  /// or woken, but none put to rest, erased or moved.
  CounterIndex find(std::uint32_t tag, RecordRef likely, NamespaceId space, std::string_view counter);

  /// Whether a counter is there. Leaves it as it is.
  bool contains(NamespaceId space, std::string_view counter) const { return record_of(space, counter) != kNoRecord; }
  /// A counter's total, or none. Leaves it as it is.
  std::optional<Total> total(NamespaceId space, std::string_view counter) const;

  /// Adds a counter that is not there, without rows. `space_name` goes into the routing hash.
  CounterIndex insert(NamespaceId space, std::string_view space_name, std::string_view counter);

  /// Takes a counter out. It must not be pinned or have a dirty shard.
  void erase(CounterIndex index);

  /// Puts a counter to rest, and answers true, if it is not pinned, has no dirty shard and no shard but the home one.
  bool rest(CounterIndex index);

  Counter& at(CounterIndex index) { return pool_.at(index); }
  const Counter& at(CounterIndex index) const { return pool_.at(index); }
  /// A counter's name, until the table is changed.
  std::string_view name(const Counter& counter) const { return record_at(counter.record).name(); }

  /// The counter's shard, made without a row if it has none.
  Shard& shard(CounterIndex index, ShardId id);

  /// The other shards of a counter.
  const std::vector<ExtraShard>& extras(const Counter& counter) const;
  std::vector<ExtraShard>& extras(Counter& counter);

  Total total(const Counter& counter) const;

  /// Whether a shard changed since it was last copied.
  bool dirty(const Counter& counter) const;

  // Walks over all counters, a bounded part at a time. They wake nothing.
  /// Calls `each(space, name, total)` for some of the counters, and answers where the next call goes on; 0 at the end.
  /// Any cursor is a valid one. What is there from the first call to the last is met at least once.
  template <class Each>
  std::uint64_t scan(std::uint64_t cursor, std::size_t counters_min, std::size_t stretches_max, Each each) const {
    std::size_t met = 0;
    for (; stretches_max > 0 && met < counters_min && cursor < kScanEnd; --stretches_max) {
      cursor = index_.stretch(cursor, [&](RecordRef ref) {
        ++met;
        const Record record = record_at(ref);
        each(record.space(), record.name(), total(record));
      });
    }
    return cursor < kScanEnd ? cursor : 0;
  }
  /// Calls `each(space, name, total)` for at most `visits_max` counters from `position` on, in the order of memory, and
  /// moves it on. False at the end. The fast walk; what is moved meanwhile is met at its new place, too, which is not
  /// in front of `walk_end` as it was before.
  template <class Each>
  bool walk(RecordArena::Position& position, std::size_t visits_max, Each each) const {
    for (; visits_max > 0; --visits_max) {
      const auto ref = arena_.record_at(position);
      if (ref == kNoRecord) return false;
      const Record record = record_at(ref);
      position.at += static_cast<std::uint32_t>(record.bytes());
      if (!record.dead()) each(record.space(), record.name(), total(record));
    }
    return true;
  }

  RecordArena::Position walk_end() const { return arena_.end(); }

  /// Counters that are being worked on.
  const CounterPool& awake() const { return pool_; }
  /// How many of them have other shards, and can not be put to rest.
  std::size_t with_extras() const { return extras_.size() - free_extras_.size(); }

  /// What became of the record that the hand passed.
  enum class Swept : std::uint8_t { kNothingLeft, kKept, kEvicted };
  /// Passes the next record in the order in which they were appended. With `evict`, a counter goes if it is clean, not
  /// pinned and was not used of late; what stays is appended anew, and a chunk that the hand has passed is given back.
  Swept sweep(bool evict);
  /// Whether so much of the arena is dead that a sweep is worth it, although nothing has to be evicted.
  bool sparse() const {
    const auto least = arena_.bytes() > kArenaBytesTight ? 0 : arena_.bytes() / 4;
    return arena_.dead_bytes() > std::max(least, kSparseBytesMin);
  }
  /// Whether the arena is so near to what it can reach that no more may be added until it was swept.
  bool full() const { return arena_.bytes() > kArenaBytesTight + kArenaBytesTight / 32; }

  Generation generation() const { return generation_; }
  std::size_t size() const { return index_.size(); }
  /// Memory that the table holds, in bytes.
  std::size_t bytes() const;
  /// How many more bytes a new counter at rest with a name of this size takes, about.
  static std::size_t cost(std::size_t name_size) { return Record::bytes(false, name_size) + kIndexBytes; }
  /// What the counters in the table cost now: below `bytes` after many were erased. Eviction goes by this.
  std::size_t live_bytes() const {
    return record_bytes_ + index_.size() * kIndexBytes + pool_.size() * sizeof(Counter) + extra_bytes_;
  }

 private:
  static constexpr std::uint64_t kScanEnd = std::uint64_t{1} << 32;
  static constexpr std::size_t kIndexBytes = 10;  // A slot at the emptiest, just after the index grew.
  static constexpr std::size_t kSparseBytesMin = std::size_t{4} << 20;
  // Below 16 GiB by 1 GiB, and `full` by half of that: one batch and what is loaded for it take far less.
  static constexpr std::size_t kArenaBytesTight = RecordArena::kBytesMax / 16 * 15;
  static constexpr std::size_t kAhead = 16;

  Record record_at(RecordRef ref) const { return Record(const_cast<char*>(arena_.at(ref))); }
  bool names(RecordRef ref, NamespaceId space, std::string_view counter) const {
    const Record record = record_at(ref);
    return record.name() == counter && record.space() == space;
  }
  RecordRef record_of(NamespaceId space, std::string_view counter) const {
    return index_.find(tag(space, counter), [&](RecordRef ref) { return names(ref, space, counter); });
  }
  std::uint32_t tag(const Record& record) const { return tag(record.space(), record.name()); }
  Total total(const Record& record) const;
  static Total total(const Row& row);
  CounterIndex wake(RecordRef ref);
  RecordRef append(bool wide, NamespaceId space, PartitionId partition, std::string_view name);
  void kill(RecordRef ref);
  bool evictable(const Record& record);
  void move(RecordRef ref);
  void look_ahead();
  void drop_extras(Counter& counter);

  std::uint64_t hash_seed_;
  HashSecret routing_secret_;
  Generation generation_;
  std::uint16_t partitions_ = 0;
  std::optional<PartitionId> only_;
  RecordIndex index_;
  RecordArena arena_;
  CounterPool pool_;
  std::vector<std::vector<ExtraShard>> extras_;
  std::vector<std::uint32_t> free_extras_;
  std::size_t record_bytes_ = 0;  // Of those that are not dead.
  std::size_t extra_bytes_ = 0;
  std::size_t looked_ahead_ = 0;  // Records in front of the hand that memory was asked for.
};

}  // namespace quipu
