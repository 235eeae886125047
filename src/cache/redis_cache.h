#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "cache/totals_cache.h"

namespace quipu {

struct RedisCacheOptions {
  std::string address;  ///< `host:port`.
  std::string user;     ///< Of Redis' access lists; empty for its default user.
  std::string password;
  int database = 0;
  std::string prefix = "quipu:";  ///< Of every key. Two logs that share a Redis must differ in it.
  /// Called on the cache's thread when answers are there. Must not block.
  std::function<void()> wake = [] {};
  std::int64_t ttl_ms = 60'000;           ///< Of a total: for so long a dropped update may be missed at most.
  std::int64_t absent_ms = 2'000;         ///< Of "there is none".
  std::int64_t lease_ms = 10'000;         ///< A `fill` comes within this time after its miss, or is dropped.
  std::int64_t answer_timeout_ms = 100;   ///< A get that is older is answered by kMiss.
  std::int64_t stall_timeout_ms = 1'000;  ///< A server that has been silent for so long is left, and connected to anew.
  std::size_t waiting_bytes_max = std::size_t{16} << 20;  ///< Of requests not sent; beyond, they are dropped.
  std::size_t in_flight_max = 4'096;                      ///< Commands without a reply.
  std::size_t leases_max = 100'000;                       ///< Misses whose fill is awaited; beyond, fills are dropped.
};

/// Totals in Redis, for many readers: TotalsCache over a connection of its own.
///
///   owner ─ get, fill, update ─► queue ─► the cache's thread ─ pipeline ─► Redis
///         ◄─ wake, take_answers ─────────────┘
///
/// Promises of TotalsCache, and how they are kept:
/// - Whole: a hash counts as an entry only when a fill has marked it; Redis evicts and expires whole keys.
/// - Never older than it was: a shard changes only by a newer (epoch, applied), compared in Redis. A miss leaves a
///   lease in the hash before it is answered, updates gather there, and a fill joins them; one whose lease is gone
///   changes nothing, since it may have been read before what was shown in the meantime.
/// - Damage (another type under the key, a value that nothing here writes) is a miss and a failure; the fill that
///   follows replaces it.
/// - Nothing fails: without a connection gets are answered by kMiss at once and the rest is dropped; it connects anew
///   after 50 ms to 2 s, longer each time. Scripts are loaded with each connection, and when Redis has lost them.
/// Threads: one of its own. All calls on the owner's thread.
class RedisCache final : public TotalsCache {
 public:
  /// Never waits: a server that is not there is a cache that knows nothing. kRefused when an option makes no sense.
  static Result<std::unique_ptr<RedisCache>> open(RedisCacheOptions options);
  ~RedisCache() override;

  void get(CacheGet get) override;
  void take_answers(std::vector<CacheAnswer>& out) override;
  void fill(const std::vector<CounterKey>& keys, const RowBatch& rows, TimeMs as_of) override;
  void update(const RowBatch& rows) override;
  void tick(TimeMs /*now*/) override {}  // Times are Redis' own.
  Stats stats() const override;

  /// Why it is not reachable; empty when it is.
  std::string trouble() const;

 private:
  class State;
  explicit RedisCache(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace quipu
