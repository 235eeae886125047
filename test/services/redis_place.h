#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cache/redis_cache.h"

namespace quipu::testing_services {

/// A Redis, asked by redis-cli: the second opinion beside the cache's own words.
class RedisServer {
 public:
  explicit RedisServer(std::string address) : address_(std::move(address)) {}

  const std::string& address() const { return address_; }
  /// What redis-cli prints for these words; throws where it fails.
  std::string run(const std::vector<std::string>& words) const;

 private:
  std::string address_;
};

/// A Redis that a test may kill: one of its own, by deploy/local/services.
class OwnRedis {
 public:
  OwnRedis();
  ~OwnRedis();
  OwnRedis(const OwnRedis&) = delete;
  OwnRedis& operator=(const OwnRedis&) = delete;

  void up();
  void kill();
  void stop() const;  ///< SIGSTOP: it takes connections and says nothing.
  void go_on() const;
  const RedisServer& server() const { return *server_; }

 private:
  int pid() const;

  std::filesystem::path directory_;
  std::unique_ptr<RedisServer> server_;
};

/// Options under which no answer is late because a machine is slow.
RedisCacheOptions patient();

/// A cache with what is needed to wait for it, whose keys begin with a prefix of their own.
class OpenCache {
 public:
  explicit OpenCache(const std::string& address, RedisCacheOptions options = patient());

  RedisCache* operator->() { return cache_.get(); }
  RedisCache& operator*() { return *cache_; }
  const std::string& prefix() const { return prefix_; }
  void wait();
  CacheAnswer get(std::vector<CounterKey> keys);

 private:
  struct Wake {
    std::mutex mutex;
    std::condition_variable woken;
    bool rung = false;
  };
  std::shared_ptr<Wake> wake_ = std::make_shared<Wake>();
  std::string prefix_;
  std::unique_ptr<RedisCache> cache_;
};

}  // namespace quipu::testing_services
