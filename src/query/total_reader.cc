#include "query/total_reader.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/planted.h"

namespace quipu {
namespace {

__extension__ using Sum = __int128;

using Rows = std::unordered_map<std::string, std::vector<CounterTotal::Shard>, SeededHasher>;

/// The shards of each counter of `batch`, by its name.
Rows rows_of(const RowBatch& batch, const SeededHasher& hasher) {
  Rows rows(0, hasher);
  for (const auto& item : batch.items()) {
    auto name = std::string(batch.space(item)).append("/").append(batch.counter(item));
    rows[std::move(name)].push_back({item.shard, item.row});
  }
  return rows;
}

}  // namespace

CounterTotal total_of(std::span<const CounterTotal::Shard> shards) {
  CounterTotal total;
  total.shards.assign(shards.begin(), shards.end());
  std::ranges::sort(total.shards, {}, &CounterTotal::Shard::id);
  for (const auto& shard : shards) total.epoch = std::max(total.epoch, shard.row.epoch);
  Sum sum = 0;
  for (const auto& shard : shards) {
    if (shard.row.epoch != total.epoch && !QUIPU_PLANTED("epoch-ignored")) continue;
    sum += shard.row.total;
    total.exists |= shard.row.events > 0;
    total.saturated |= (shard.row.flags & kRowSaturated) != 0;
  }
  constexpr Sum kMax = std::numeric_limits<std::int64_t>::max();
  constexpr Sum kMin = std::numeric_limits<std::int64_t>::min();
  total.saturated |= (sum > kMax || sum < kMin) && !QUIPU_PLANTED("saturation-not-flagged");
  total.value = static_cast<std::int64_t>(QUIPU_PLANTED("saturation-lost") ? sum : std::clamp(sum, kMin, kMax));
  return total;
}

/// A namespace has no `/` in its name, so no two counters share one.
std::string TotalReader::name_of(std::string_view space, std::string_view counter) {
  return std::string(space).append("/").append(counter);
}

TotalReader::Total TotalReader::known(std::string_view space, std::string_view counter, TimeMs now) {
  const auto found = local_.find(routing_hash(options_.secret, space, counter));
  if (found == local_.end()) return nullptr;
  Local& local = found->second;
  const auto kept_ms = local.total->shards.empty() ? options_.absent_ms : options_.local_ms;
  if (now - local.kept_at >= kept_ms || now < local.kept_at) return nullptr;
  const std::string_view name = local.name;
  if (name.size() != space.size() + 1 + counter.size() || !name.starts_with(space) || !name.ends_with(counter)) {
    return nullptr;
  }
  used_.splice(used_.end(), used_, local.used);
  ++stats_.local_hits;
  return local.total;
}

void TotalReader::keep(const Flight& flight, Total total, TimeMs now) {
  const auto [entry, fresh] = local_.try_emplace(flight.key.routing);
  Local& local = entry->second;
  if (fresh) {
    local.used = used_.insert(used_.end(), flight.key.routing);
  } else {
    used_.splice(used_.end(), used_, local.used);
  }
  local.name = name_of(flight.key.space, flight.key.counter);
  local.total = std::move(total);
  local.kept_at = now;
  if (local_.size() <= options_.local_counters_max) return;
  local_.erase(used_.front());
  used_.pop_front();
}

void TotalReader::forget(std::string_view space, std::string_view counter) {
  const auto found = local_.find(routing_hash(options_.secret, space, counter));
  if (found != local_.end()) {
    used_.erase(found->second.used);
    local_.erase(found);
  }
  const auto flight = joinable_.find(name_of(space, counter));
  if (flight != joinable_.end()) flight->second->forgotten = true;
}

Result<void> TotalReader::ask(std::string_view space, std::string_view counter, bool fresh, std::uint64_t ticket) {
  if (waiting_ >= options_.waiting_max) return busy("too many reads wait for the store", options_.retry_ms);
  ++waiting_;
  auto& joinable = fresh ? joinable_fresh_ : joinable_;
  const auto [known, first] = joinable.try_emplace(name_of(space, counter), nullptr);
  if (!first) {
    known->second->tickets.push_back(ticket);
    ++stats_.joined;
    return {};
  }
  Flight& flight = gathered_.emplace_back();
  flight.key = {routing_hash(options_.secret, space, counter), std::string(space), std::string(counter)};
  flight.fresh = fresh;
  flight.tickets.push_back(ticket);
  known->second = &flight;
  ++stats_.flights;
  return {};
}

void TotalReader::step(TimeMs now, TimeMs as_of, std::vector<StoreLoad>& loads, std::vector<Answer>& out) {
  if (cache_ != nullptr) take_cache_answers(now, out);
  if (!gathered_.empty()) ask_cache();
  if (!to_store_.empty()) ask_store(as_of, loads);
}

void TotalReader::take_cache_answers(TimeMs now, std::vector<Answer>& out) {
  cache_answers_.clear();
  cache_->take_answers(cache_answers_);
  for (const CacheAnswer& answer : cache_answers_) {
    const auto asked = with_cache_.find(answer.token);
    if (asked == with_cache_.end()) continue;
    Flights flights = std::move(asked->second);
    with_cache_.erase(asked);
    const Rows rows = rows_of(answer.rows, joinable_.hash_function());
    std::size_t at = 0;
    while (!flights.empty()) {
      const auto flight = flights.begin();
      const auto state = at < answer.states.size() ? answer.states[at] : CacheAnswer::State::kMiss;
      const auto as_of = at < answer.as_of.size() ? answer.as_of[at] : 0;
      ++at;
      const auto found = rows.find(name_of(flight->key.space, flight->key.counter));
      if (state == CacheAnswer::State::kMiss || (state == CacheAnswer::State::kFound && found == rows.end())) {
        to_store_.splice(to_store_.end(), flights, flight);
        continue;
      }
      ++stats_.cache_hits;
      auto total = std::make_shared<CounterTotal>(found == rows.end() ? CounterTotal{} : total_of(found->second));
      total->as_of = as_of;
      if (!flight->forgotten) {
        keep(*flight, total, now);
      } else {
        QUIPU_MARK("reader: a total of the cache is forgotten under way");
      }
      finish(flights, flight, Total(std::move(total)), out);
    }
  }
}

/// Gives all that was gathered to the cache; what must be fresh goes past it.
void TotalReader::ask_cache() {
  while (!gathered_.empty()) {
    if (cache_ == nullptr || gathered_.front().fresh) {
      to_store_.splice(to_store_.end(), gathered_, gathered_.begin());
      continue;
    }
    CacheGet get;
    get.token = next_token_++;
    Flights& flights = with_cache_[get.token];
    while (!gathered_.empty() && !gathered_.front().fresh && get.keys.size() < options_.keys_per_request) {
      get.keys.push_back(gathered_.front().key);
      flights.splice(flights.end(), gathered_, gathered_.begin());
    }
    cache_->get(std::move(get));
  }
}

void TotalReader::ask_store(TimeMs as_of, std::vector<StoreLoad>& loads) {
  while (!to_store_.empty()) {
    StoreLoad load;
    load.token = next_token_++;
    Flights& flights = with_store_[load.token];
    std::set<std::string> named;
    while (!to_store_.empty() && load.keys.size() < options_.keys_per_request) {
      Flight& flight = to_store_.front();
      flight.as_of = as_of;
      // Who asks from now on for a fresh total may need a newer one than this.
      auto name = name_of(flight.key.space, flight.key.counter);
      if (flight.fresh) joinable_fresh_.erase(name);
      // One that must be fresh and one that need not be go by the same rows: asked for twice, they would come twice.
      if (named.insert(std::move(name)).second || QUIPU_PLANTED("counter-loaded-twice")) {
        load.keys.push_back(flight.key);
      }
      flights.splice(flights.end(), to_store_, to_store_.begin());
    }
    stats_.store_loads += load.keys.size();
    loads.push_back(std::move(load));
  }
}

void TotalReader::loaded(StoreCompletion& completion, TimeMs now, std::vector<Answer>& out) {
  const auto asked = with_store_.find(completion.token);
  QUIPU_CHECK(asked != with_store_.end());
  Flights flights = std::move(asked->second);
  with_store_.erase(asked);
  if (!completion.result) {
    ++stats_.store_failures;
    const Error error{Code::kBusy, "the store can not be read now: " + completion.result.error().what,
                      options_.retry_ms};
    while (!flights.empty()) finish(flights, flights.begin(), std::unexpected(error), out);
    return;
  }
  const Rows rows = rows_of(completion.rows, joinable_.hash_function());
  if (cache_ != nullptr && !flights.empty()) {
    std::vector<CounterKey> keys;
    for (const Flight& flight : flights) keys.push_back(flight.key);
    cache_->fill(keys, completion.rows, flights.front().as_of);  // All of a load were asked for at once.
  }
  while (!flights.empty()) {
    const auto flight = flights.begin();
    const auto found = rows.find(name_of(flight->key.space, flight->key.counter));
    auto total = std::make_shared<CounterTotal>(found == rows.end() ? CounterTotal{} : total_of(found->second));
    total->as_of = flight->as_of;
    if (!flight->forgotten) {
      keep(*flight, total, now);
    } else {
      QUIPU_MARK("reader: a total of the store is forgotten under way");
    }
    finish(flights, flight, Total(std::move(total)), out);
  }
}

void TotalReader::finish(Flights& flights, Flights::iterator flight, const Result<Total>& total,
                         std::vector<Answer>& out) {
  if (!flight->fresh) joinable_.erase(name_of(flight->key.space, flight->key.counter));
  waiting_ -= flight->tickets.size();
  for (const auto ticket : flight->tickets) out.push_back({ticket, total});
  flights.erase(flight);
}

}  // namespace quipu
