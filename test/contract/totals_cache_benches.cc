#include "cache/local_cache.h"
#include "contract/totals_cache_contract.h"

namespace quipu::testing_contract {
namespace {

class LocalBench final : public CacheBench {
 public:
  LocalBench() { cache_.tick(now_); }
  TotalsCache& cache() override { return cache_; }
  void wait() override {}
  void pass(TimeMs ms) override {
    now_ += ms;
    cache_.tick(now_);
  }

 private:
  static LocalCacheOptions options() {
    LocalCacheOptions options;
    options.ttl_ms = 60'000;
    options.absent_ms = 2'000;
    return options;
  }
  LocalCache cache_{options()};
  TimeMs now_ = 1'700'000'000'000;
};

}  // namespace

std::vector<CacheUnderTest> caches_under_test() {
  return {{"Local", [] { return std::make_unique<LocalBench>(); }}};
}

}  // namespace quipu::testing_contract
