#include "cache/redis_cache.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include "cache/redis_connection.h"
#include "contract/totals_cache_contract.h"
#include "services/redis_place.h"
#include "services/shell.h"

/// What only a cache behind a server can meet. Each costs speed alone: an answer is right or a miss, it comes in
/// bounded time, `stats` shows it, and it heals. What every cache must do is in test/contract.
namespace quipu::testing_services {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing_contract::text_of_rows;
using State = CacheAnswer::State;

constexpr TimeMs kNow = 1'700'000'000'000;

CounterKey key(int number) {
  return {static_cast<std::uint64_t>(number), "views", "counter " + std::to_string(number)};
}

RowBatch rows(int number, std::uint64_t applied) {
  RowBatch batch;
  batch.add(key(number).routing, key(number).space, key(number).counter, {Generation{1}, PartitionId{0}},
            {static_cast<std::int64_t>(applied * 10), applied, Epoch{}, Offset{applied}, 0});
  return batch;
}

/// Asks until it is answered by `wanted`; each miss is filled from the "store" as a reader does.
CacheAnswer get_until(OpenCache& cache, int number, State wanted, std::uint64_t applied) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (true) {
    auto answer = cache.get({key(number)});
    if (answer.states.at(0) == wanted || std::chrono::steady_clock::now() > end) return answer;
    if (answer.states.at(0) == State::kMiss) cache->fill({key(number)}, rows(number, applied), kNow);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void expect_found(const CacheAnswer& answer, int number, std::uint64_t applied) {
  ASSERT_EQ(answer.states.at(0), State::kFound);
  EXPECT_EQ(text_of_rows(answer.rows), text_of_rows(rows(number, applied)));
}

/// A socket that answers the first client whatever it is told to, for what no Redis says.
class FalseRedis {
 public:
  FalseRedis() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(place);
    auto* const general = reinterpret_cast<sockaddr*>(&place);
    if (listener_ < 0 || ::bind(listener_, general, size) != 0 || ::listen(listener_, 8) != 0 ||
        ::getsockname(listener_, general, &size) != 0) {
      throw std::runtime_error("no socket to listen at");
    }
    port_ = ntohs(place.sin_port);
  }
  ~FalseRedis() {
    if (client_ >= 0) ::close(client_);
    ::close(listener_);
  }
  FalseRedis(const FalseRedis&) = delete;
  FalseRedis& operator=(const FalseRedis&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  /// Waits for the client, and stays connected to it.
  void answer(std::string_view bytes) {
    client_ = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client_ < 0 || ::send(client_, bytes.data(), bytes.size(), MSG_NOSIGNAL) != std::ssize(bytes)) {
      throw std::runtime_error("the client does not take its answer");
    }
  }

 private:
  int listener_;
  int client_ = -1;
  std::uint16_t port_ = 0;
};

/// Why the cache is not reachable, once it says so.
std::string awaited_trouble(OpenCache& cache) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (cache->trouble().empty() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return cache->trouble();
}

TEST(RedisCache, AllocatesNothingForElementsThatAReplyOnlySaysItHas) {
  for (const std::uint64_t elements :
       {RedisConnection::kReplyElementsMax + 1, std::size_t{std::numeric_limits<int>::max()}}) {
    FalseRedis redis;
    OpenCache cache(redis.address());
    redis.answer("*" + std::to_string(elements) + "\r\n");
    EXPECT_THAT(awaited_trouble(cache), HasSubstr("more elements than any that was asked for")) << elements;
  }
  // Some versions of hiredis refuse by themselves what is beyond 31 bits.
  FalseRedis redis;
  OpenCache cache(redis.address());
  redis.answer("*4000000000\r\n");
  EXPECT_THAT(awaited_trouble(cache), AnyOf(HasSubstr("more elements"), HasSubstr("out of range")));
}

TEST(RedisCache, RefusesWhatIsNoAddressAndWaitsForNobody) {
  RedisCacheOptions options;
  options.address = "redis";
  const auto wrong = RedisCache::open(options);
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().what, HasSubstr("'redis'"));
  OpenCache nobody("127.0.0.1:1");
  nobody->update(rows(1, 1));
  EXPECT_EQ(nobody.get({key(1), key(2)}).states, (std::vector{State::kMiss, State::kMiss}));
  const auto stats = nobody->stats();
  EXPECT_FALSE(stats.reachable);
  EXPECT_EQ(stats.dropped, 1u);
  EXPECT_GE(stats.failures, 1u);
  EXPECT_THAT(nobody->trouble(), HasSubstr("127.0.0.1:1"));
}

TEST(RedisCache, AServerThatIsKilledIsMissedAndFoundAgain) {
  OwnRedis redis;
  OpenCache cache(redis.server().address());
  expect_found(get_until(cache, 1, State::kFound, 3), 1, 3);
  redis.kill();
  EXPECT_EQ(get_until(cache, 1, State::kMiss, 3).states.at(0), State::kMiss);
  for (int round = 0; round < 100; ++round) {
    cache->update(rows(1, 4));
    EXPECT_EQ(cache.get({key(1)}).states.at(0), State::kMiss);
  }
  EXPECT_FALSE(cache->stats().reachable);
  EXPECT_THAT(cache->trouble(), Not(IsEmpty()));
  EXPECT_GE(cache->stats().dropped, 100u);
  redis.up();
  expect_found(get_until(cache, 1, State::kFound, 4), 1, 4);
  EXPECT_TRUE(cache->stats().reachable);
  EXPECT_THAT(cache->trouble(), IsEmpty());
}

TEST(RedisCache, AServerThatIsStoppedAnswersMissesInBoundedTimeAndComesBack) {
  OwnRedis redis;
  RedisCacheOptions options;
  options.answer_timeout_ms = 20;
  options.stall_timeout_ms = 200;
  OpenCache cache(redis.server().address(), options);
  expect_found(get_until(cache, 1, State::kFound, 3), 1, 3);
  redis.stop();
  const auto failures = cache->stats().failures;
  for (int round = 0; round < 50; ++round) {
    cache->update(rows(1, 4 + static_cast<std::uint64_t>(round)));
    EXPECT_EQ(cache.get({key(1)}).states.at(0), State::kMiss);
  }
  EXPECT_GE(cache->stats().failures, failures + 50);
  EXPECT_FALSE(cache->stats().reachable);
  EXPECT_THAT(cache->trouble(), HasSubstr("silent"));
  redis.go_on();
  // It may have taken some of the updates or none: what it shows is one of them, never older than what it had.
  const auto answer = get_until(cache, 1, State::kFound, 53);
  ASSERT_EQ(answer.states.at(0), State::kFound);
  const auto applied = answer.rows.items().at(0).row.applied.value;
  expect_found(answer, 1, applied);
  EXPECT_GE(applied, 3u);
  EXPECT_LE(applied, 53u);
  // The next flush makes it whole.
  cache->update(rows(1, 54));
  expect_found(get_until(cache, 1, State::kFound, 54), 1, 54);
  EXPECT_TRUE(cache->stats().reachable);
}

TEST(RedisCache, WhatIsFlushedAwayIsMissedAndFilledAgain) {
  OwnRedis redis;
  OpenCache cache(redis.server().address());
  expect_found(get_until(cache, 1, State::kFound, 3), 1, 3);
  redis.server().run({"FLUSHALL"});
  EXPECT_EQ(cache.get({key(1)}).states.at(0), State::kMiss);
  expect_found(get_until(cache, 1, State::kFound, 4), 1, 4);
}

TEST(RedisCache, LostScriptsAreLoadedAgain) {
  OwnRedis redis;
  OpenCache cache(redis.server().address());
  expect_found(get_until(cache, 1, State::kFound, 3), 1, 3);
  const auto failures = cache->stats().failures;
  redis.server().run({"SCRIPT", "FLUSH"});
  cache->update(rows(1, 4));
  expect_found(get_until(cache, 2, State::kFound, 8), 2, 8);
  EXPECT_GT(cache->stats().failures, failures);
  cache->update(rows(1, 5));
  expect_found(get_until(cache, 1, State::kFound, 5), 1, 5);
}

TEST(RedisCache, UnderMemoryPressureWholeCountersGoAndTheRestIsRight) {
  OwnRedis redis;
  redis.server().run({"CONFIG", "SET", "maxmemory", "2mb"});
  OpenCache cache(redis.server().address());
  const auto keys_from = [](int number) {
    std::vector<CounterKey> keys;
    for (int at = number; at < number + 100; ++at) keys.push_back(key(at));
    return keys;
  };
  constexpr int kCounters = 20'000;
  for (int number = 0; number < kCounters; number += 100) {
    const auto keys = keys_from(number);
    RowBatch batch;
    for (const auto& one : keys) {
      for (std::uint16_t partition = 0; partition < 3; ++partition) {
        batch.add(one.routing, one.space, one.counter, {Generation{1}, PartitionId{partition}},
                  {static_cast<std::int64_t>(one.routing), 1, Epoch{}, Offset{1}, 0});
      }
    }
    cache.get(keys);
    cache->fill(keys, batch, kNow);
  }
  // The newest first: a miss takes room too, and would drive out what is still to be looked for.
  std::size_t found = 0;
  std::size_t missed = 0;
  for (int number = kCounters - 100; number >= 0; number -= 100) {
    const auto answer = cache.get(keys_from(number));
    const auto whole = std::count(answer.states.begin(), answer.states.end(), State::kFound);
    found += static_cast<std::size_t>(whole);
    missed += answer.states.size() - static_cast<std::size_t>(whole);
    EXPECT_EQ(answer.rows.size(), 3 * static_cast<std::size_t>(whole)) << "a part of a counter";
    for (const auto& item : answer.rows.items()) {
      EXPECT_EQ(item.row.total, static_cast<std::int64_t>(item.routing));
    }
  }
  EXPECT_GT(found, 0u);
  EXPECT_GT(missed, 0u) << "nothing was evicted";
  EXPECT_EQ(redis.server().run({"INFO", "stats"}).find("evicted_keys:0\r"), std::string::npos);
}

TEST(RedisCache, AFullServerThatEvictsNothingCostsUpdatesAlone) {
  OwnRedis redis;
  OpenCache cache(redis.server().address());
  expect_found(get_until(cache, 1, State::kFound, 3), 1, 3);
  redis.server().run({"CONFIG", "SET", "maxmemory-policy", "noeviction"});
  redis.server().run({"CONFIG", "SET", "maxmemory", "1"});
  const auto failures = cache->stats().failures;
  cache->update(rows(1, 4));
  expect_found(cache.get({key(1)}), 1, 3);
  EXPECT_EQ(cache.get({key(2)}).states.at(0), State::kMiss);
  EXPECT_GT(cache->stats().failures, failures);
  redis.server().run({"CONFIG", "SET", "maxmemory", "0"});
  cache->update(rows(1, 5));
  expect_found(get_until(cache, 1, State::kFound, 5), 1, 5);
}

TEST(RedisCache, WrongDataUnderAKeyIsAMissAndIsReplaced) {
  const RedisServer server(address("QUIPU_TEST_REDIS"));
  OpenCache cache(server.address());
  const std::vector<std::vector<std::string>> wrongs = {{"SET", "", "text"},
                                                        {"RPUSH", "", "list"},
                                                        {"HSET", "", "1:0", "rubbish"},
                                                        {"HSET", "", "rubbish", "1"},
                                                        {"HSET", "", "t", "yesterday"}};
  int number = 0;
  for (auto wrong : wrongs) {
    ++number;
    expect_found(get_until(cache, number, State::kFound, 3), number, 3);
    const auto name = cache.prefix() + "views:counter " + std::to_string(number);
    if (wrong[0] != "HSET") server.run({"DEL", name});
    wrong[1] = name;
    server.run(wrong);
    const auto failures = cache->stats().failures;
    if (wrong[2] != "t") cache->update(rows(number, 4));  // An update writes the time anew.
    EXPECT_EQ(cache.get({key(number)}).states.at(0), State::kMiss) << wrong[0] << " " << wrong[2];
    EXPECT_GT(cache->stats().failures, failures);
    expect_found(get_until(cache, number, State::kFound, 5), number, 5);
    server.run({"DEL", name});
  }
}

TEST(RedisCache, WhatWaitsIsBounded) {
  OwnRedis redis;
  RedisCacheOptions options;
  options.waiting_bytes_max = 10'000;
  options.answer_timeout_ms = 30'000;
  options.stall_timeout_ms = 30'000;
  OpenCache cache(redis.server().address(), options);
  expect_found(get_until(cache, 1, State::kFound, 3), 1, 3);
  redis.stop();
  RowBatch large;
  for (int at = 0; at < 50; ++at) {
    large.add(1, "views", std::string(1'000, 'x') + std::to_string(at), {Generation{1}, PartitionId{0}}, {});
  }
  for (int round = 0; round < 200; ++round) cache->update(large);
  EXPECT_GT(cache->stats().dropped, 0u);
  redis.go_on();
  // While it is still full, a flush is dropped as well; one of the next is taken.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  CacheAnswer answer;
  do {
    cache->update(rows(1, 9));
    answer = cache.get({key(1)});
  } while ((answer.rows.empty() || answer.rows.items()[0].row.applied != Offset{9}) &&
           std::chrono::steady_clock::now() < end);
  expect_found(answer, 1, 9);
}

TEST(RedisCache, APasswordIsNeededAndAWrongOneIsSeen) {
  OwnRedis redis;
  redis.server().run({"CONFIG", "SET", "requirepass", "secret"});
  RedisCacheOptions options;
  options.password = "wrong";
  {
    OpenCache cache(redis.server().address(), options);
    EXPECT_EQ(cache.get({key(1)}).states.at(0), State::kMiss);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (cache->trouble().empty() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    EXPECT_THAT(cache->trouble(), HasSubstr("WRONGPASS"));
    EXPECT_FALSE(cache->stats().reachable);
  }
  options.password = "secret";
  OpenCache cache(redis.server().address(), options);
  expect_found(get_until(cache, 1, State::kFound, 3), 1, 3);
}

}  // namespace
}  // namespace quipu::testing_services
