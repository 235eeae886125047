#include "cache/redis_requests.h"

#include <algorithm>

namespace quipu {

CacheAnswer answer_of(const RedisGet& get, TotalsCache::Stats& stats) {
  CacheAnswer answer;
  answer.token = get.asked.token;
  for (std::size_t at = 0; at < get.entries.size(); ++at) {
    const RedisEntry& entry = get.entries[at];
    const CounterKey& key = get.asked.keys[at];
    const bool known = entry.state == RedisEntry::State::kWhole || entry.state == RedisEntry::State::kAbsent;
    ++(known ? stats.hits : stats.misses);
    answer.as_of.push_back(known ? entry.as_of : 0);
    if (entry.state == RedisEntry::State::kWhole) {
      answer.states.push_back(CacheAnswer::State::kFound);
      for (const auto& [shard, row] : entry.shards) answer.rows.add(key.routing, key.space, key.counter, shard, row);
    } else {
      answer.states.push_back(known ? CacheAnswer::State::kAbsent : CacheAnswer::State::kMiss);
    }
  }
  return answer;
}

void RedisLeases::keep(std::string key, std::string lease, std::int64_t now_ms) {
  if (leases_.size() >= leases_max_) drop_old(now_ms);
  const auto at = leases_.find(key);
  if (at != leases_.end() && at->second.until_ms > now_ms) return;
  if (at == leases_.end() && leases_.size() >= leases_max_) return;
  leases_[std::move(key)] = {std::move(lease), now_ms + lease_ms_};
}

std::string RedisLeases::take(const std::string& key, std::int64_t now_ms) {
  const auto at = leases_.find(key);
  if (at == leases_.end()) return {};
  Lease lease = std::move(at->second);
  leases_.erase(at);
  return lease.until_ms > now_ms ? std::move(lease.name) : std::string();
}

void RedisLeases::drop_old(std::int64_t now_ms) {
  std::erase_if(leases_, [now_ms](const auto& lease) { return lease.second.until_ms <= now_ms; });
}

}  // namespace quipu
