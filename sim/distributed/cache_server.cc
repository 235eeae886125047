#include "sim/distributed/cache_server.h"

#include <iterator>
#include <utility>

namespace quipu::sim {

SimCacheServer::SimCacheServer(const DistributedSettings& settings, Random& random, Trace& trace)
    : settings_(settings),
      random_(random),
      trace_(trace),
      bytes_max_(settings.faults.cache_evicts > 0 ? random.between(300, 2'000) : std::size_t{1} << 20) {
  make();
}

void SimCacheServer::make() {
  LocalCacheOptions options;
  options.bytes_max = bytes_max_;
  options.ttl_ms = 2'000;
  options.absent_ms = 200;
  options.hash_seed = random_.peek();
  kept_ = std::make_unique<LocalCache>(options);
  evicted_ = 0;
}

void SimCacheServer::note_evictions() {
  if (kept_->evicted() == evicted_) return;
  trace_.fault(Fault::kCacheEvicts, std::to_string(kept_->evicted() - evicted_) + " counters");
  evicted_ = kept_->evicted();
}

void SimCacheServer::lose() {
  trace_.fault(Fault::kCacheLost);
  make();
}

void SimCacheServer::stall(TimeMs steady) {
  stalled_until_ = steady + static_cast<TimeMs>(random_.between(kStallMsMin, kStallMsMax));
  held_ = false;
}

void SimCacheServer::tick(TimeMs steady, TimeMs wall) {
  now_ = steady;
  kept_->tick(wall);
}

/// A stall in which nobody waits for a reply is none.
void SimCacheServer::note_held() {
  if (std::exchange(held_, true)) return;
  trace_.fault(Fault::kCacheStalls, "for " + std::to_string(stalled_until_ - now_) + " ms more");
}

void SimCacheServer::shows(const CacheGet& get, const CacheAnswer& answer) {
  std::map<std::string, std::map<ShardId, std::pair<Epoch, Offset>>> found;
  for (std::size_t i = 0; i < get.keys.size(); ++i) {
    if (answer.states[i] != CacheAnswer::State::kMiss) found[name_of(get.keys[i])];
  }
  for (const auto& item : answer.rows.items()) {
    const auto name = std::string(answer.rows.space(item)) + "/" + std::string(answer.rows.counter(item));
    found[name][item.shard] = {item.row.epoch, item.row.applied};
  }
  for (auto& [name, shards] : found) {
    for (const auto& [shard, newest] : shown_[name]) {
      const auto now = shards.find(shard);
      if (!trust_store_ || (now != shards.end() && now->second >= newest)) continue;
      trace_.violation("the cache shows " + name + " of partition " + std::to_string(shard.partition.value) +
                       " older than it was");
    }
    shown_[name] = std::move(shards);
  }
}

bool SimCache::dropped(const char* what) {
  if (!server_.faulty || !server_.random_.one_in(server_.settings_.faults.cache_drops_command)) return false;
  server_.trace_.fault(Fault::kCacheDropsCommand, what);
  return true;
}

void SimCache::perform(const CacheGet& get) {
  CacheAnswer miss;
  miss.token = get.token;
  miss.states.resize(get.keys.size());
  miss.as_of.resize(get.keys.size());
  if (dropped("a get")) {
    replies_.push_back({std::move(miss), {}});
    return;
  }
  server_.kept_->get(get);
  std::vector<CacheAnswer> answers;
  server_.kept_->take_answers(answers);
  server_.shows(get, answers.front());
  const auto& states = answers.front().states;
  Leases told;
  for (std::size_t i = 0; i < states.size(); ++i) {
    if (states[i] == CacheAnswer::State::kMiss) {
      told[SimCacheServer::name_of(get.keys[i])] = server_.leases_[SimCacheServer::name_of(get.keys[i])] =
          ++server_.lease_;
    }
  }
  if (server_.faulty && server_.random_.one_in(server_.settings_.faults.cache_drops_reply)) {
    server_.trace_.fault(Fault::kCacheDropsReply);
    answers = {std::move(miss)};
    told.clear();
  }
  replies_.push_back({std::move(answers.front()), std::move(told)});
}

/// Of a key the oldest lease that was told of: the store was asked under it.
void SimCache::fill(const std::vector<CounterKey>& keys, const RowBatch& rows, TimeMs as_of) {
  Fill fill{keys, {}, rows, as_of};
  for (const CounterKey& key : keys) {
    if (auto lease = leases_.extract(SimCacheServer::name_of(key))) fill.leases.insert(std::move(lease));
  }
  waiting_.emplace_back(std::move(fill));
}

void SimCache::perform(const Fill& fill) {
  std::vector<CounterKey> held;
  for (const CounterKey& key : fill.keys) {
    const auto lease = fill.leases.find(SimCacheServer::name_of(key));
    if (lease != fill.leases.end() && server_.leases_[lease->first] == lease->second) held.push_back(key);
  }
  if (!held.empty()) server_.kept_->fill(held, fill.rows, fill.as_of);
}

void SimCache::move() {
  for (auto left = server_.random_.below(waiting_.size() + 1); left > 0; --left) {
    const auto request = std::move(waiting_.front());
    waiting_.pop_front();
    if (const auto* get = std::get_if<CacheGet>(&request)) {
      perform(*get);
    } else if (const auto* fill = std::get_if<Fill>(&request)) {
      if (!dropped("a fill")) perform(*fill);
    } else if (!dropped("an update")) {
      server_.kept_->update(std::get<RowBatch>(request));
    }
    server_.note_evictions();
  }
}

void SimCache::take_answers(std::vector<CacheAnswer>& out) {
  if (replies_.empty()) return;
  if (server_.holds_replies()) return server_.note_held();
  for (Reply& reply : replies_) {
    leases_.merge(reply.told);
    out.push_back(std::move(reply.answer));
  }
  replies_.clear();
}

}  // namespace quipu::sim
