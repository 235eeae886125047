#include "api/hot_counters.h"

#include "base/planted.h"

namespace quipu {
namespace {

constexpr std::int64_t kHalveMs = 1'000;

}  // namespace

void HotCounters::tick(TimeMs now) {
  if (now - halved_at_ < kHalveMs && now >= halved_at_) return;
  // After a long pause there is nothing to measure a rate by.
  const bool paused = now - halved_at_ >= 2 * kHalveMs || now < halved_at_;
  halved_at_ = now;
  hot_ = 0;
  // A count that is halved every second tends to the events of one second, right behind a halving.
  boost::unordered::erase_if(watched_, [&](auto& entry) {
    Watched& watched = entry.second;
    watched.count /= 2;
    const auto bar = watched.hot ? options_.events_per_second / 2 : options_.events_per_second;
    const bool was_hot = watched.hot;
    watched.hot = watched.count >= bar && !paused;
    if (watched.hot && !was_hot) QUIPU_MARK("node: a counter begins to be spread");
    hot_ += watched.hot ? 1 : 0;
    return watched.count == 0;
  });
}

bool HotCounters::count(std::uint64_t counter) {
  if (options_.partitions <= 1) return false;
  const auto known = watched_.find(counter);
  if (known != watched_.end()) {
    ++known->second.count;
    return known->second.hot;
  }
  if (watched_.size() < options_.counters_max) {
    watched_.emplace(counter, Watched{1, false});
    return false;
  }
  boost::unordered::erase_if(watched_, [&](auto& entry) {
    if (--entry.second.count > 0) return false;
    hot_ -= entry.second.hot ? 1 : 0;
    return true;
  });
  return false;
}

}  // namespace quipu
