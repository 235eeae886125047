#include "cache/local_cache.h"

#include <algorithm>
#include <iterator>
#include <tuple>

#include "base/planted.h"

namespace quipu {
namespace {

constexpr std::size_t kEntryBytes = 160;  // Of the list, the index and the entry, measured with glibc's allocator.

}  // namespace

std::string LocalCache::name_of(std::string_view space, std::string_view counter) {
  std::string name(space);
  name.push_back('\0');  // No namespace has one in its name.
  return name.append(counter);
}

std::size_t LocalCache::bytes_of(const Entry& entry) {
  return kEntryBytes + entry.name.capacity() + entry.shards.capacity() * sizeof(entry.shards.front());
}

/// Puts the row in place of what is there, where it is newer.
void LocalCache::join(Entry& entry, ShardId shard, const Row& row) {
  const auto at = std::lower_bound(entry.shards.begin(), entry.shards.end(), shard,
                                   [](const auto& one, const ShardId& id) { return one.first < id; });
  if (at == entry.shards.end() || at->first != shard) {
    entry.shards.insert(at, {shard, row});
    return;
  }
  const bool newer = std::tie(row.epoch, row.applied) > std::tie(at->second.epoch, at->second.applied);
  if (newer || QUIPU_PLANTED("cache-set-without-guard")) {
    at->second = row;
  } else if (std::tie(row.epoch, row.applied) < std::tie(at->second.epoch, at->second.applied)) {
    QUIPU_MARK("cache: an older row loses");
  }
}

LocalCache::Entries::iterator LocalCache::find(const std::string& name) {
  const auto found = index_.find(name);
  if (found == index_.end()) return entries_.end();
  if (found->second->until > now_) return found->second;
  erase(found->second);
  return entries_.end();
}

void LocalCache::erase(Entries::iterator entry) {
  bytes_ -= bytes_of(*entry);
  index_.erase(entry->name);
  entries_.erase(entry);
}

void LocalCache::make_room() {
  for (; bytes_ > options_.bytes_max && !entries_.empty(); ++evicted_) erase(entries_.begin());
}

void LocalCache::get(CacheGet get) {
  CacheAnswer answer;
  answer.token = get.token;
  for (const CounterKey& key : get.keys) {
    auto name = name_of(key.space, key.counter);
    const auto at = find(name);
    if (at != entries_.end() && at->whole) {
      ++stats_.hits;
      entries_.splice(entries_.end(), entries_, at);
      answer.as_of.push_back(at->as_of);
      answer.states.push_back(at->shards.empty() ? CacheAnswer::State::kAbsent : CacheAnswer::State::kFound);
      for (const auto& [shard, row] : at->shards) answer.rows.add(key.routing, key.space, key.counter, shard, row);
      continue;
    }
    ++stats_.misses;
    answer.states.push_back(CacheAnswer::State::kMiss);
    answer.as_of.push_back(0);
    if (at != entries_.end()) continue;
    Entry fresh;
    fresh.name = std::move(name);
    fresh.until = now_ + options_.lease_ms;
    bytes_ += bytes_of(fresh);
    entries_.push_back(std::move(fresh));
    index_.emplace(entries_.back().name, std::prev(entries_.end()));
    make_room();
  }
  answers_.push_back(std::move(answer));
}

void LocalCache::take_answers(std::vector<CacheAnswer>& out) {
  std::move(answers_.begin(), answers_.end(), std::back_inserter(out));
  answers_.clear();
}

void LocalCache::fill(const std::vector<CounterKey>& keys, const RowBatch& rows, TimeMs as_of) {
  std::unordered_map<std::string, std::vector<const RowBatch::Item*>, SeededHasher> given(keys.size(),
                                                                                          index_.hash_function());
  for (const CounterKey& key : keys) given[name_of(key.space, key.counter)];
  for (const RowBatch::Item& item : rows.items()) {
    const auto at = given.find(name_of(rows.space(item), rows.counter(item)));
    if (at != given.end()) at->second.push_back(&item);
  }
  for (const auto& [name, items] : given) {
    const auto at = find(name);
    if (at == entries_.end()) {
      stats_.dropped += items.size();
      continue;
    }
    bytes_ -= bytes_of(*at);
    for (const auto* item : items) join(*at, item->shard, item->row);
    bytes_ += bytes_of(*at);
    // The rows of both fills are in it.
    at->as_of = at->whole ? std::max(at->as_of, as_of) : as_of;
    at->whole = true;
    at->until = now_ + (at->shards.empty() ? options_.absent_ms : options_.ttl_ms);
  }
  make_room();
}

void LocalCache::update(const RowBatch& rows) {
  for (const RowBatch::Item& item : rows.items()) {
    const auto at = find(name_of(rows.space(item), rows.counter(item)));
    if (at == entries_.end()) continue;
    bytes_ -= bytes_of(*at);
    join(*at, item.shard, item.row);
    bytes_ += bytes_of(*at);
  }
  make_room();
}

}  // namespace quipu
