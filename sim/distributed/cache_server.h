#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "cache/local_cache.h"
#include "cache/totals_cache.h"
#include "sim/distributed/settings.h"
#include "sim/random.h"
#include "sim/trace.h"

namespace quipu::sim {

/// The cache that all processes share: what LocalCache (the product) keeps, behind connections that lose things. As in
/// Redis a miss leaves a lease with a name, and a fill counts only under the one that was given out last: who asked the
/// store before that may have missed what came since. What it shows of a counter must never be older than it was.
class SimCacheServer {
 public:
  SimCacheServer(const DistributedSettings& settings, Random& random, Trace& trace);

  /// Requests are dropped only while this is set.
  bool faulty = false;

  /// Everything that it has is gone.
  void lose();
  /// Replies of the time from now on wait for up to kStallMsMax.
  void stall(TimeMs steady);
  /// `steady`: the time, which only rises; `wall`: that of day.
  void tick(TimeMs steady, TimeMs wall);
  /// The store has forgotten something: what is read there may be older than what was shown before.
  void distrust_store() { trust_store_ = false; }

 private:
  friend class SimCache;
  static constexpr std::uint64_t kStallMsMin = 50;
  static constexpr std::uint64_t kStallMsMax = 2'000;
  bool holds_replies() const { return faulty && now_ < stalled_until_; }
  void note_held();
  static std::string name_of(const CounterKey& key) { return key.space + "/" + key.counter; }
  void make();
  void note_evictions();
  void shows(const CacheGet& get, const CacheAnswer& answer);

  const DistributedSettings& settings_;
  Random& random_;
  Trace& trace_;
  std::size_t bytes_max_;
  std::unique_ptr<LocalCache> kept_;
  std::uint64_t evicted_ = 0;                    // By it, that the trace knows of.
  std::map<std::string, std::uint64_t> leases_;  // By counter, the newest.
  std::uint64_t lease_ = 0;
  bool trust_store_ = true;
  TimeMs now_ = 0;
  TimeMs stalled_until_ = 0;
  bool held_ = false;  // A reply, in the stall that is or was last.
  std::map<std::string, std::map<ShardId, std::pair<Epoch, Offset>>> shown_;  // By counter, the newest.
};

/// One process's connection to it: requests in their order, some time later; a command or its reply may be dropped, and
/// then a get is answered as a miss. In a stall replies come when it is over.
class SimCache final : public TotalsCache {
 public:
  explicit SimCache(SimCacheServer& server) : server_(server) {}

  /// Some of what waits is done.
  void move();

  void get(CacheGet get) override { waiting_.emplace_back(std::move(get)); }
  void take_answers(std::vector<CacheAnswer>& out) override;
  void fill(const std::vector<CounterKey>& keys, const RowBatch& rows, TimeMs as_of) override;
  void update(const RowBatch& rows) override { waiting_.emplace_back(rows); }
  void tick(TimeMs) override {}
  Stats stats() const override { return {}; }

 private:
  using Leases = std::map<std::string, std::uint64_t>;
  struct Fill {
    std::vector<CounterKey> keys;
    Leases leases;
    RowBatch rows;
    TimeMs as_of = 0;
  };
  void perform(const CacheGet& get);
  void perform(const Fill& fill);
  bool dropped(const char* what);

  SimCacheServer& server_;
  std::deque<std::variant<CacheGet, Fill, RowBatch>> waiting_;
  struct Reply {
    CacheAnswer answer;
    Leases told;
  };
  std::vector<Reply> replies_;
  Leases leases_;  // That it was told of.
};

}  // namespace quipu::sim
