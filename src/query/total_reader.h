#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/identifiers.h"
#include "base/result.h"
#include "cache/totals_cache.h"
#include "store/counter_store.h"

namespace quipu {

/// A counter as its rows say: the sum of the shards of the highest epoch, over all generations and partitions.
struct CounterTotal {
  struct Shard {
    ShardId id;
    Row row;
  };
  std::int64_t value = 0;
  bool exists = false;     ///< A shard of the highest epoch has an event.
  bool saturated = false;  ///< A shard was, or the sum is, held at an end of 64 bits.
  Epoch epoch{};
  std::vector<Shard> shards;
  TimeMs as_of = 0;  ///< What the log had at this time is in it.
};

/// The total that these rows, all of one counter, make.
CounterTotal total_of(std::span<const CounterTotal::Shard> shards);

struct TotalReaderOptions {
  HashSecret secret;
  std::size_t local_counters_max = 100'000;  ///< Kept in the process. Beyond: the one not used for longest goes.
  std::int64_t local_ms = 500;               ///< For how long a total is answered from the process ...
  std::int64_t absent_ms = 200;              ///< ... and for how long that there is none.
  std::size_t waiting_max = 100'000;         ///< Questions that wait. Beyond: busy.
  std::size_t keys_per_request = 256;        ///< Of one request to the cache or the store.
  std::int64_t retry_ms = 100;               ///< What `busy` tells, and a failed read of the store.
};

/// Finds counters' totals: in the process, then in the cache, then in the store.
///
///   known ─► (local) ─ else ask ─► one flight a counter ─► TotalsCache ─ miss ─► CounterStore ─► fill, local
///                          └── who asks meanwhile joins the flight
///
/// Promise: a total is never partial. One that is asked for as `fresh` was read from the store after the question. Its
/// `as_of` is never newer than what it includes. Pure: requests go out as values of `step`. Thread: one.
class TotalReader {
 public:
  using Total = std::shared_ptr<const CounterTotal>;
  struct Answer {
    std::uint64_t ticket = 0;
    Result<Total> total;
  };
  struct Stats {
    std::uint64_t local_hits = 0;
    std::uint64_t joined = 0;  ///< Questions that joined a flight.
    std::uint64_t flights = 0;
    std::uint64_t cache_hits = 0;   ///< Absent ones too.
    std::uint64_t store_loads = 0;  ///< Counters asked of the store.
    std::uint64_t store_failures = 0;
  };

  /// `cache` may be null, and must outlive this.
  TotalReader(const TotalReaderOptions& options, TotalsCache* cache)
      : options_(options),
        cache_(cache),
        joinable_(0, SeededHasher{options.secret.low}),
        joinable_fresh_(0, joinable_.hash_function()) {}

  /// The total, where it is in the process and young enough; else null.
  Total known(std::string_view space, std::string_view counter, TimeMs now);

  /// Asks for a total; `ticket` comes back with the answer. kBusy: too many questions wait.
  Result<void> ask(std::string_view space, std::string_view counter, bool fresh, std::uint64_t ticket);

  /// Takes what the cache knows, and gives out what is to be loaded from the store: each load is answered by one call
  /// of `loaded`. `as_of`: what the log had then is surely in the store now.
  void step(TimeMs now, TimeMs as_of, std::vector<StoreLoad>& loads, std::vector<Answer>& out);
  void loaded(StoreCompletion& completion, TimeMs now, std::vector<Answer>& out);

  /// Something of this counter was changed here: what is known locally is not shown any more.
  void forget(std::string_view space, std::string_view counter);

  std::size_t waiting() const { return waiting_; }
  const Stats& stats() const { return stats_; }

 private:
  struct Flight {
    CounterKey key;
    bool fresh = false;
    bool forgotten = false;  // Changed meanwhile: not kept.
    TimeMs as_of = 0;
    std::vector<std::uint64_t> tickets;
  };
  using Flights = std::list<Flight>;
  struct Local {
    std::string name;
    Total total;
    TimeMs kept_at = 0;
    std::list<std::uint64_t>::iterator used;
  };

  static std::string name_of(std::string_view space, std::string_view counter);
  void keep(const Flight& flight, Total total, TimeMs now);
  void take_cache_answers(TimeMs now, std::vector<Answer>& out);
  void ask_cache();
  void ask_store(TimeMs as_of, std::vector<StoreLoad>& loads);
  void finish(Flights& flights, Flights::iterator flight, const Result<Total>& total, std::vector<Answer>& out);

  TotalReaderOptions options_;
  TotalsCache* cache_;
  std::unordered_map<std::uint64_t, Local> local_;  // By routing hash.
  std::list<std::uint64_t> used_;                   // Least recently used first.
  std::unordered_map<std::string, Flight*, SeededHasher> joinable_;
  std::unordered_map<std::string, Flight*, SeededHasher> joinable_fresh_;  // Those that were not given out yet.
  Flights gathered_;
  Flights to_store_;
  std::map<std::uint64_t, Flights> with_cache_;  // By token.
  std::map<std::uint64_t, Flights> with_store_;
  std::uint64_t next_token_ = 1;
  std::size_t waiting_ = 0;
  std::vector<CacheAnswer> cache_answers_;
  Stats stats_;
};

}  // namespace quipu
