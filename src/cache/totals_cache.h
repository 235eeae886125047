#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "store/counter_store.h"

namespace quipu {

/// Asks for all shards of counters.
struct CacheGet {
  std::uint64_t token = 0;
  std::vector<CounterKey> keys;
};

/// What the cache knew. A counter is there with all its shards or not at all.
struct CacheAnswer {
  enum class State : std::uint8_t {
    kMiss,    ///< Nothing is known: ask the store, then `fill`.
    kAbsent,  ///< The store had no row of it a moment ago.
    kFound,   ///< Its shards are in `rows`.
  };
  std::uint64_t token = 0;
  std::vector<State> states;  ///< One for each key that was asked for, in that order.
  /// For each of them, but a miss: what the log had at this time is in it, as the fill said. Updates leave it as it is:
  /// that of another shard may have been dropped.
  std::vector<TimeMs> as_of;
  RowBatch rows;
};

/// Totals close to the readers. It is never the truth: losing all of it costs speed only, and an entry is never partial
/// and never older than it was.
///
///   reader:  get ─► miss ─► CounterStore::load ─► fill (all shards)
///   worker:  flush ─► CounterStore::write ─► update (a shard, only where the counter is there and the row is newer)
///
/// A row is newer when its (epoch, generation, offset) is; an older one loses, so repeats and late copies change
/// nothing. Thread: all calls on the owner's thread; none waits. Nothing fails: a cache that is slow, full or gone
/// answers kMiss in bounded time, drops fills and updates, counts that in `stats`, and heals by itself.
class TotalsCache {
 public:
  struct Stats {
    std::uint64_t hits = 0;      ///< Counters found, absent ones too.
    std::uint64_t misses = 0;    ///< Counters not found.
    std::uint64_t failures = 0;  ///< Requests that got no answer, or an error.
    std::uint64_t dropped = 0;   ///< Rows that were not sent because too many waited.
    bool reachable = true;       ///< Whether the last request got an answer.
  };

  virtual ~TotalsCache() = default;

  virtual void get(CacheGet get) = 0;
  virtual void take_answers(std::vector<CacheAnswer>& out) = 0;

  /// What a reader found in the store: all shards of each key; a key without rows is kept as absent for a short time.
  /// `as_of`: what the log had at this time was in the store before it was read. Of several fills the newest holds.
  virtual void fill(const std::vector<CounterKey>& keys, const RowBatch& rows, TimeMs as_of) = 0;
  /// What a worker flushed.
  virtual void update(const RowBatch& rows) = 0;

  /// The time, once a turn.
  virtual void tick(TimeMs now) = 0;
  virtual Stats stats() const = 0;
};

}  // namespace quipu
