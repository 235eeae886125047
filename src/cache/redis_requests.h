#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "cache/redis_text.h"
#include "cache/totals_cache.h"

namespace quipu {

/// A get that is under way: what is known of each of its keys so far.
struct RedisGet {
  CacheGet asked;
  std::vector<RedisEntry> entries;
  std::size_t left = 0;  ///< Replies that are still to come.
  std::chrono::steady_clock::time_point given_at;
  bool answered = false;  ///< In time or not; replies that come later change nothing.
};

/// The answer to a get from what is known now; the rest is missed. Adds hits and misses to `stats`.
CacheAnswer answer_of(const RedisGet& get, TotalsCache::Stats& stats);

/// The leases under which this process asks the store, by key. The oldest of a key holds: where a later one differs,
/// the earlier reader's fill is dropped by Redis, and the later one's has none. Bounded in number and time.
class RedisLeases {
 public:
  /// `hash_seed`: random, for names come from users.
  RedisLeases(std::size_t leases_max, std::int64_t lease_ms, std::uint64_t hash_seed)
      : leases_max_(leases_max), lease_ms_(lease_ms), leases_(0, SeededHasher{hash_seed}) {}

  void keep(std::string key, std::string lease, std::int64_t now_ms);
  /// Takes out the lease of a key that is to be filled; empty where there is none.
  std::string take(const std::string& key, std::int64_t now_ms);
  std::size_t size() const { return leases_.size(); }
  SeededHasher hasher() const { return leases_.hash_function(); }

 private:
  struct Lease {
    std::string name;
    std::int64_t until_ms;
  };
  void drop_old(std::int64_t now_ms);

  std::size_t leases_max_;
  std::int64_t lease_ms_;
  std::unordered_map<std::string, Lease, SeededHasher> leases_;
};

}  // namespace quipu
