#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "cache/totals_cache.h"

namespace quipu {

struct LocalCacheOptions {
  std::size_t bytes_max = std::size_t{64} << 20;  ///< Of names, rows and what holds them, as it is estimated.
  std::int64_t ttl_ms = 1'000;                    ///< Of a total: for so long a change that nobody told of is not seen.
  std::int64_t absent_ms = 500;                   ///< Of "there is none".
  std::int64_t lease_ms = 10'000;                 ///< A `fill` comes within this time after its miss, or is dropped.
  std::uint64_t hash_seed = 0;                    ///< Random, for names come from users.
};

/// Totals in the memory of the process: TotalsCache without a server.
///
///   get ─► found, or a place where updates gather ─► (store) ─► fill makes it whole
///
/// Promises of TotalsCache; what holds for RedisCache holds here: a fill counts only where its miss is not forgotten,
/// and joins the updates that came since; a fill for what was never missed counts only where the entry is whole. When
/// the bytes are used up, what was asked for longest ago goes. Pure: its time is the last `tick`. Thread: one.
class LocalCache final : public TotalsCache {
 public:
  explicit LocalCache(LocalCacheOptions options) : options_(options), index_(0, SeededHasher{options.hash_seed}) {}

  void get(CacheGet get) override;
  void take_answers(std::vector<CacheAnswer>& out) override;
  void fill(const std::vector<CounterKey>& keys, const RowBatch& rows, TimeMs as_of) override;
  void update(const RowBatch& rows) override;
  void tick(TimeMs now) override { now_ = now; }
  Stats stats() const override { return stats_; }

  std::size_t bytes() const { return bytes_; }
  /// How many entries went because the bytes were used up.
  std::uint64_t evicted() const { return evicted_; }

 private:
  struct Entry {
    std::string name;  // Of namespace and counter; the key of the index points into it.
    bool whole = false;
    TimeMs as_of = 0;
    TimeMs until = 0;
    std::vector<std::pair<ShardId, Row>> shards;  // In order.
  };
  using Entries = std::list<Entry>;  // Asked for longest ago first.

  static std::string name_of(std::string_view space, std::string_view counter);
  static std::size_t bytes_of(const Entry& entry);
  static void join(Entry& entry, ShardId shard, const Row& row);
  Entries::iterator find(const std::string& name);
  void erase(Entries::iterator entry);
  void make_room();

  LocalCacheOptions options_;
  TimeMs now_ = 0;
  Entries entries_;
  std::unordered_map<std::string_view, Entries::iterator, SeededHasher> index_;
  std::size_t bytes_ = 0;
  std::uint64_t evicted_ = 0;
  std::vector<CacheAnswer> answers_;
  Stats stats_;
};

}  // namespace quipu
