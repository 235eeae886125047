#include "api/store_walks.h"

#include <algorithm>
#include <string>
#include <utility>

#include "engine/core.h"
#include "query/total_reader.h"

namespace quipu {
namespace {

constexpr std::size_t kPageRows = 512;  // Few: reads wait behind a page.
constexpr std::int64_t kBusyMs = 100;
constexpr std::int64_t kCountMs = 10'000;
constexpr std::int64_t kCountShare = 20;  // Counting takes a twentieth of the time at most.
/// A cursor has no room for the lowest two bits of a routing hash: Redis's clients take 63 bits at most.
constexpr unsigned kCursorShift = 2;

using Each = std::function<void(NamespaceId, std::string_view, const CounterTotal&)>;

void for_each_existing(const RowBatch& rows, NamespaceRegistry& spaces, const Each& each) {
  std::vector<CounterTotal::Shard> shards;
  for_each_counter(rows, [&](std::string_view space, std::string_view counter, std::span<const RowBatch::Item> items) {
    shards.clear();
    for (const auto& item : items) shards.push_back({item.shard, item.row});
    const auto total = total_of(shards);
    if (total.exists) each(spaces.restore(space), counter, total);
  });
}

bool larger(const NamedTotal& a, const NamedTotal& b) {
  return a.value != b.value ? a.value > b.value : a.counter < b.counter;
}

}  // namespace

struct StoreWalks::Top {
  NamespaceId space{};
  std::size_t limit = 0;
  Done done;
  ScanPage page;  // A heap with the smallest of the best on top.
};

void StoreWalks::ask(std::uint64_t from, std::size_t rows_max, std::function<void(StoreCompletion&)> done) {
  StoreScan scan;
  scan.from = from;
  scan.rows_max = std::max<std::size_t>(rows_max, 1);
  calls_.scan(scan, std::move(done));
}

void StoreWalks::scan(std::vector<NamespaceId> spaces, std::uint64_t cursor, std::size_t limit, Done done) {
  if (walks_ >= kWalksMax) return done(busy("too many scans are under way", kBusyMs));
  ++walks_;
  const auto from = cursor << kCursorShift;
  ask(from, limit, [this, spaces = std::move(spaces), from, done = std::move(done)](StoreCompletion& completion) {
    --walks_;
    if (!completion.result) return done(std::unexpected(completion.result.error()));
    ScanPage page;
    for_each_existing(completion.rows, spaces_,
                      [&](NamespaceId space, std::string_view name, const CounterTotal& total) {
                        if (std::ranges::find(spaces, space) == spaces.end()) return;
                        page.counters.push_back({space, std::string(name), total.value});
                      });
    if (completion.next) {
      // A few counters may be named again; it must move on all the same.
      const auto next = std::max(*completion.next >> kCursorShift, (from >> kCursorShift) + 1);
      page.next = next < std::uint64_t{1} << (64 - kCursorShift) ? next : 0;
    }
    done(std::move(page));
  });
}

void StoreWalks::top(NamespaceId space, std::size_t limit, Done done) {
  if (walks_ >= kWalksMax) return done(busy("too many scans are under way", kBusyMs));
  ++walks_;
  auto top = std::make_shared<Top>();
  top->space = space;
  top->limit = limit;
  top->done = std::move(done);
  go_on(top, 0);
}

void StoreWalks::go_on(const std::shared_ptr<Top>& top, std::uint64_t from) {
  ask(from, kPageRows, [this, top](StoreCompletion& completion) {
    if (!completion.result) {
      --walks_;
      return top->done(std::unexpected(completion.result.error()));
    }
    auto& best = top->page.counters;
    for_each_existing(completion.rows, spaces_,
                      [&](NamespaceId space, std::string_view name, const CounterTotal& total) {
                        if (space != top->space || top->limit == 0) return;
                        if (best.size() == top->limit && total.value < best.front().value) return;
                        best.push_back({space, std::string(name), total.value});
                        std::ranges::push_heap(best, larger);
                        if (best.size() <= top->limit) return;
                        std::ranges::pop_heap(best, larger);
                        best.pop_back();
                      });
    if (completion.next) return go_on(top, *completion.next);
    --walks_;
    std::ranges::sort(best, larger);
    top->done(std::move(top->page));
  });
}

std::uint64_t StoreWalks::count(const std::vector<NamespaceId>& spaces) {
  count_wanted_ = true;
  std::uint64_t sum = 0;
  for (const auto space : spaces) sum += space.value < counts_.size() ? counts_[space.value] : 0;
  return sum;
}

void StoreWalks::step(TimeMs now) {
  if (count_runs_) {
    count_took_ = std::max<std::int64_t>(now - counted_at_, 0);
    return;
  }
  const auto pause = std::max(kCountMs, kCountShare * count_took_);
  if (!count_wanted_ || (counted_at_ != 0 && now - counted_at_ < pause && now >= counted_at_)) return;
  count_wanted_ = false;
  count_runs_ = true;
  counted_at_ = now;
  counting_.clear();
  go_on_counting(0);
}

void StoreWalks::go_on_counting(std::uint64_t from) {
  ask(from, kPageRows, [this](StoreCompletion& completion) {
    if (!completion.result) {
      count_runs_ = false;
      count_wanted_ = true;
      return;
    }
    for_each_existing(completion.rows, spaces_, [&](NamespaceId space, std::string_view, const CounterTotal&) {
      if (counting_.size() <= space.value) counting_.resize(space.value + 1);
      ++counting_[space.value];
    });
    if (completion.next) return go_on_counting(*completion.next);
    count_runs_ = false;
    counts_ = counting_;
  });
}

}  // namespace quipu
