#include <benchmark/benchmark.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "cache/redis_cache.h"
#include "store/postgres_store.h"

/// What the store in PostgreSQL and the cache in Redis carry, against the servers that the environment names.
namespace quipu {
namespace {

constexpr std::uint64_t kCounters = 100'000;

std::string address(const char* name) {
  const char* found = std::getenv(name);
  if (found == nullptr) throw std::runtime_error(std::string(name) + " is not set: bench/services/run.py sets it");
  return found;
}

class Bell {
 public:
  void ring() {
    {
      const std::scoped_lock lock(mutex_);
      rung_ = true;
    }
    woken_.notify_one();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    woken_.wait(lock, [this] { return rung_; });
    rung_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable woken_;
  bool rung_ = false;
};

CounterKey key_of(std::uint64_t number) {
  return {number * 0x9e3779b97f4a7c15, "views", "video-" + std::to_string(number)};
}

/// An offset above all that earlier runs wrote, which rows keep by: the milliseconds since 2024, for an offset has 40
/// bits.
std::uint64_t first_offset() {
  const std::chrono::sys_days since{std::chrono::January / 1 / 2024};
  return static_cast<std::uint64_t>((std::chrono::system_clock::now() - since) / std::chrono::milliseconds{1});
}

/// A flush's rows: `count` different counters, as far as the log has come.
RowBatch rows_of(std::mt19937_64& random, std::size_t count, std::uint64_t applied) {
  RowBatch rows;
  const auto first = random() % kCounters;
  for (std::size_t at = 0; at < count; ++at) {
    const auto key = key_of((first + at * 7) % kCounters);
    rows.add(key.routing, key.space, key.counter, {Generation{1}, PartitionId{0}},
             {static_cast<std::int64_t>(applied), applied, Epoch{}, Offset{applied}, 0});
  }
  return rows;
}

struct Postgres {
  Postgres() {
    PostgresStoreOptions options;
    options.url = address("QUIPU_TEST_POSTGRES");
    options.wake = [this] { bell.ring(); };
    auto opened = PostgresStore::open(options);
    if (!opened) throw std::runtime_error(opened.error().what);
    store = std::move(*opened);
  }
  /// Waits until at most `left` requests are without an answer, which must be good.
  void take(std::size_t left) {
    while (store->pending() > left) {
      bell.wait();
      store->take_completions(done);
      for (const auto& one : done) {
        if (!one.result) throw std::runtime_error(one.result.error().what);
      }
      done.clear();
    }
  }

  Bell bell;
  std::unique_ptr<PostgresStore> store;
  std::vector<StoreCompletion> done;
};

void postgres_rows(benchmark::State& state) {
  const auto each = static_cast<std::size_t>(state.range(0));
  Postgres postgres;
  std::mt19937_64 random(1);
  auto applied = first_offset();
  for (auto _ : state) {
    StoreWrite write;
    write.rows = rows_of(random, each, ++applied);
    write.watermarks.push_back({PartitionId{0}, Offset{applied}, Bytes(4)});
    write.sync = true;
    postgres.store->write(std::move(write));
    postgres.take(7);
  }
  postgres.take(0);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(postgres_rows)->Arg(100)->Arg(1'000)->Arg(10'000)->UseRealTime()->MinTime(4);

void postgres_loads(benchmark::State& state) {
  Postgres postgres;
  std::mt19937_64 random(2);
  for (auto _ : state) {
    StoreLoad load;
    for (std::int64_t at = 0; at < state.range(0); ++at) load.keys.push_back(key_of(random() % kCounters));
    postgres.store->load(std::move(load));
    postgres.take(15);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(postgres_loads)->Arg(1)->Arg(100)->UseRealTime()->MinTime(3);

struct Cache {
  Cache() {
    RedisCacheOptions options;
    options.address = address("QUIPU_TEST_REDIS");
    options.wake = [this] { bell.ring(); };
    options.answer_timeout_ms = 10'000;
    auto opened = RedisCache::open(options);
    if (!opened) throw std::runtime_error(opened.error().what);
    redis = std::move(*opened);
    redis->tick(1'700'000'000'000);
  }
  /// Waits until at most `left` gets are without an answer.
  void take(std::size_t left) {
    while (asked > left) {
      redis->take_answers(answers);
      asked -= answers.size();
      answers.clear();
      if (asked > left) bell.wait();
    }
  }
  void get(std::vector<CounterKey> keys) {
    ++asked;
    redis->get({0, std::move(keys)});
  }

  Bell bell;
  std::unique_ptr<RedisCache> redis;
  std::vector<CacheAnswer> answers;
  std::size_t asked = 0;
};

void redis_gets(benchmark::State& state) {
  Cache cache;
  for (std::uint64_t number = 0; number < kCounters; number += 1'000) {
    std::vector<CounterKey> keys;
    RowBatch rows;
    for (auto at = number; at < number + 1'000; ++at) {
      keys.push_back(key_of(at));
      rows.add(keys.back().routing, keys.back().space, keys.back().counter, {Generation{1}, PartitionId{0}},
               {1, 1, Epoch{}, Offset{1}, 0});
    }
    cache.get(keys);
    cache.take(0);
    cache.redis->fill(keys, rows, 1);
  }
  const auto before = cache.redis->stats();
  std::mt19937_64 random(3);
  const auto in_flight = static_cast<std::size_t>(512 / state.range(0));
  for (auto _ : state) {
    std::vector<CounterKey> keys;
    for (std::int64_t at = 0; at < state.range(0); ++at) keys.push_back(key_of(random() % kCounters));
    cache.get(std::move(keys));
    cache.take(in_flight);
  }
  cache.take(0);
  const auto after = cache.redis->stats();
  state.counters["missed"] = static_cast<double>(after.misses - before.misses);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(redis_gets)->Arg(1)->Arg(64)->UseRealTime()->MinTime(3);

void redis_updates(benchmark::State& state) {
  // Of counters that are in the cache (1), or are not (0): a get behind each batch tells when it has been taken.
  Cache cache;
  std::mt19937_64 random(4);
  auto applied = first_offset();
  const auto space = state.range(0) == 1 ? "views" : "elsewhere";
  for (auto _ : state) {
    const auto found = rows_of(random, 1'000, ++applied);
    RowBatch rows;
    for (const auto& item : found.items()) rows.add(item.routing, space, found.counter(item), item.shard, item.row);
    cache.redis->update(rows);
    cache.get({key_of(0)});
    cache.take(2);
  }
  cache.take(0);
  if (cache.redis->stats().dropped > 0) state.SkipWithError("updates were dropped");
  state.SetItemsProcessed(state.iterations() * 1'000);
}
BENCHMARK(redis_updates)->Arg(1)->Arg(0)->UseRealTime()->MinTime(3);

}  // namespace
}  // namespace quipu

BENCHMARK_MAIN();
