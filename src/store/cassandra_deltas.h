#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "store/cassandra_values.h"
#include "store/counter_store.h"

namespace quipu {

/// What must be added to counter columns so that they show the rows of a write. Pure.
///
/// A counter column takes differences alone, so what it shows has to be known: what was read, and what was added since
/// and acknowledged. Nothing tells whether an addition whose answer was lost is in it, and nothing which entries of the
/// log are: that is what makes this form count too much.
class CassandraDeltas {
 public:
  /// `hash_seed`: random, for names come from users.
  CassandraDeltas(std::size_t shards_max, std::uint64_t hash_seed)
      : shards_max_(shards_max), shown_(0, SeededHasher{hash_seed}) {}

  /// Forgets everything, to be read again, where that many shards more would be more than are remembered.
  void make_room(std::size_t shards);
  /// The counters that have to be read before those rows can be added, each once.
  std::vector<CounterKey> unknown(const RowBatch& rows) const;
  /// What columns show. Of `wanted`, a row whose shard was not found is new and shows 0.
  void note(const RowBatch& found);
  void note(const RowBatch& found, const RowBatch& wanted);

  /// Appends the executions of put_shard: what is added to views and events, then namespace, counter, routing hash,
  /// generation and partition. None for a row that is there already. Every row must be known.
  void put(CassandraValues& out, const RowBatch& rows) const;

 private:
  struct Shown {
    std::int64_t total = 0;
    std::uint64_t events = 0;
  };
  static std::string key_of(const RowBatch& rows, const RowBatch::Item& item);

  const std::size_t shards_max_;
  std::unordered_map<std::string, Shown, SeededHasher> shown_;
};

/// Adds a row of `SELECT namespace, counter, routing, generation, partition, views, events`. Its epoch and offset are
/// 0: counter columns can not keep them.
Result<void> read_counter_columns(CassandraReader& answer, RowBatch& rows);

}  // namespace quipu
