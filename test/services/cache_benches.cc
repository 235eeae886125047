#include "contract/totals_cache_contract.h"
#include "services/redis_place.h"
#include "services/shell.h"

/// The caches that need a server, for the suite of test/contract.
namespace quipu::testing_contract {
namespace {

using testing_services::OpenCache;
using testing_services::RedisServer;

class RedisBench final : public CacheBench {
 public:
  ~RedisBench() override { for_each_key("redis.call('DEL', key)"); }
  TotalsCache& cache() override { return *cache_; }
  void wait() override { cache_.wait(); }
  void pass(TimeMs ms) override {
    // Instead of waiting, every key lives so much less.
    for_each_key("redis.call('PEXPIRE', key, redis.call('PTTL', key) - " + std::to_string(ms) + ")");
  }

 private:
  void for_each_key(const std::string& lua) const {
    server_.run(
        {"EVAL", "for _, key in ipairs(redis.call('KEYS', ARGV[1])) do " + lua + " end", "0", cache_.prefix() + "*"});
  }

  RedisServer server_{testing_services::address("QUIPU_TEST_REDIS")};
  OpenCache cache_{server_.address()};
};

}  // namespace

std::vector<CacheUnderTest> caches_under_test() {
  return {{"Redis", [] { return std::make_unique<RedisBench>(); }}};
}

}  // namespace quipu::testing_contract
