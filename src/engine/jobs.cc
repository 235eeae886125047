#include "engine/jobs.h"

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>

#include "aggregate/shard.h"
#include "base/planted.h"

namespace quipu {
namespace {

constexpr std::size_t kVisitsPerStep = 20'000;
constexpr std::size_t kVisitsOfOneMin = 256;
constexpr std::size_t kVisitsAtOnce = 16;
constexpr std::size_t kResetsPerStep = 256;
constexpr std::int64_t kJobsWaitMs = 100;
/// A cursor with this bit walks the store by routing hash, the top 62 bits of it; one without counts through the table.
constexpr std::uint64_t kStoreCursor = std::uint64_t{1} << 62;

bool wanted(const std::vector<NamespaceId>& spaces, NamespaceId space) {
  return std::find(spaces.begin(), spaces.end(), space) != spaces.end();
}

/// A counter's total from its rows in the store.
Total total_of(std::span<const RowBatch::Item> items) {
  Total total;
  for (const auto& item : items) total.epoch = std::max(total.epoch, item.row.epoch);
  Wide sum = 0;
  for (const auto& item : items) {
    if (item.row.epoch != total.epoch) continue;
    sum += item.row.total;
    total.exists |= item.row.events > 0;
  }
  total.value = saturate(sum);
  return total;
}

}  // namespace

bool Jobs::step() {
  bool more = false;
  // One step takes as long with many walks as with one: whoever writes meanwhile waits for it.
  visits_of_one_ = std::max(kVisitsPerStep / std::max<std::size_t>(jobs_.size(), 1), kVisitsOfOneMin);
  for (auto job = jobs_.begin(); job != jobs_.end();) {
    const auto progress = job->step();
    more |= progress == Progress::kMore;
    job = progress == Progress::kDone ? jobs_.erase(job) : std::next(job);
  }
  return more;
}

void Jobs::stop(const Error& error) {
  for (const Job& job : std::exchange(jobs_, {})) job.fail(error);
}

void Jobs::scan(std::vector<NamespaceId> spaces, std::uint64_t cursor, std::size_t limit,
                std::function<void(Result<ScanPage>)> done) {
  if (full()) return done(busy("too many scans are under way", kJobsWaitMs));
  if (core_.totals.complete() && (cursor & kStoreCursor) == 0) return scan_table(spaces, cursor, limit, done);
  // A walk that began in the table and goes on in the store begins anew there: nothing is left out.
  scan_store(std::move(spaces), (cursor & kStoreCursor) != 0 ? (cursor ^ kStoreCursor) << 2 : 0, limit,
             std::move(done));
}

void Jobs::scan_table(const std::vector<NamespaceId>& spaces, std::uint64_t cursor, std::size_t limit,
                      const std::function<void(Result<ScanPage>)>& done) {
  const CounterTable& table = core_.totals.table();
  ScanPage page;
  const auto take = [&](NamespaceId space, std::string_view name, const Total& total) {
    if (!wanted(spaces, space)) return;
    page.durable_at = std::max(page.durable_at, total.newest);
    if (total.exists) page.counters.push_back({space, std::string(name), total.value});
  };
  page.next = cursor;
  for (std::size_t visits = 0; page.counters.size() < limit && visits < kVisitsPerStep; visits += kVisitsAtOnce) {
    page.next = table.scan(page.next, limit - page.counters.size(), kVisitsAtOnce, take);
    if (page.next == 0) break;
  }
  done(std::move(page));
}

void Jobs::scan_store(std::vector<NamespaceId> spaces, std::uint64_t cursor, std::size_t limit,
                      std::function<void(Result<ScanPage>)> done) {
  auto wanted_spaces = std::make_shared<std::vector<NamespaceId>>(std::move(spaces));
  const auto needed = cursor == 0 ? core_.newest : kNoOffset;
  if (flusher_.flushed() >= needed) return ask_store(wanted_spaces, cursor, limit, std::move(done));
  flusher_.request(false);
  const auto failed = [done](const Error& error) { done(std::unexpected(error)); };
  const auto step = [this, wanted_spaces, cursor, limit, needed, done = std::move(done)] {
    if (flusher_.flushed() < needed) {
      if (!flusher_.last_failure().empty()) {
        done(busy("the store does not take rows now: " + flusher_.last_failure(), core_.options.flush_interval_ms));
        return Progress::kDone;
      }
      flusher_.request(false);
      return Progress::kWaiting;
    }
    ask_store(wanted_spaces, cursor, limit, done);
    return Progress::kDone;
  };
  jobs_.push_back({step, failed});
}

void Jobs::ask_store(std::shared_ptr<std::vector<NamespaceId>> spaces, std::uint64_t from, std::size_t limit,
                     std::function<void(Result<ScanPage>)> done) {
  StoreScan scan;
  scan.from = from;
  scan.rows_max = std::max<std::size_t>(limit, 1);
  core_.scan(scan, [this, spaces, from, done = std::move(done)](StoreCompletion& completion) {
    if (!completion.result) return done(std::unexpected(completion.result.error()));
    ScanPage page;
    const CounterTable& table = core_.totals.table();
    for_each_counter(completion.rows,
                     [&](std::string_view space_name, std::string_view name, std::span<const RowBatch::Item> items) {
                       const auto space = core_.spaces.restore(space_name);
                       if (!wanted(*spaces, space)) return;
                       const auto known = table.total(space, name);
                       const Total total = known ? *known : total_of(items);
                       page.durable_at = std::max(page.durable_at, total.newest);
                       if (total.exists) page.counters.push_back({space, std::string(name), total.value});
                     });
    if (completion.next) {
      // The cursor has no room for the lowest two bits, so it may name a few counters again; it must move on all the
      // same.
      const auto next = std::max(*completion.next >> 2, (from >> 2) + 1) + (QUIPU_PLANTED("scan-skips-a-row") ? 1 : 0);
      page.next = next < kStoreCursor ? kStoreCursor | next : 0;
    }
    done(std::move(page));
  });
}

void Jobs::top(NamespaceId space, std::size_t limit, std::function<void(Result<ScanPage>)> done) {
  if (full()) return done(busy("too many scans are under way", kJobsWaitMs));
  struct Walk {
    RecordArena::Position next;
    RecordArena::Position end;  // Behind it, a counter may be one that was met before and moved.
    ScanPage page;
  };
  auto walk = std::make_shared<Walk>();
  walk->end = core_.totals.table().walk_end();
  const auto larger = [](const NamedTotal& a, const NamedTotal& b) {
    return a.value != b.value ? a.value > b.value : a.counter < b.counter;
  };
  const auto failed = [done](const Error& error) { done(std::unexpected(error)); };
  const auto step = [this, space, limit, walk, larger, done = std::move(done)] {
    const CounterTable& table = core_.totals.table();
    auto& best = walk->page.counters;  // A heap with the smallest of the best on top.
    const auto take = [&](NamespaceId of, std::string_view name, const Total& total) {
      if (of != space || !total.exists) return;
      if (best.size() == limit && (limit == 0 || total.value < best.front().value)) return;
      const auto same = [&](const NamedTotal& other) { return other.counter == name; };
      if (walk->next > walk->end && std::any_of(best.begin(), best.end(), same)) return;
      best.push_back({space, std::string(name), total.value});
      std::push_heap(best.begin(), best.end(), larger);
      if (best.size() > limit) {
        std::pop_heap(best.begin(), best.end(), larger);
        best.pop_back();
      }
      walk->page.durable_at = std::max(walk->page.durable_at, total.newest);
    };
    if (table.walk(walk->next, visits_of_one_, take)) return Progress::kMore;
    std::sort(best.begin(), best.end(), larger);
    done(std::move(walk->page));
    return Progress::kDone;
  };
  jobs_.push_back({step, failed});
}

void Jobs::reset_all(std::vector<NamespaceId> spaces, std::function<void(Result<Offset>)> done) {
  if (full()) return done(busy("too many scans are under way", kJobsWaitMs));
  struct Walk {
    std::uint64_t cursor = 0;
    bool asked = false;
    bool last = false;
    std::size_t next = 0;
    std::vector<NamedTotal> names;
    std::optional<Error> error;
    Offset newest{};
  };
  auto walk = std::make_shared<Walk>();
  auto ask = [this, spaces = std::move(spaces), walk] {
    walk->asked = true;
    scan(spaces, walk->cursor, kResetsPerStep, [walk](Result<ScanPage> page) {
      walk->asked = false;
      if (!page) {
        walk->error = page.error();
        return;
      }
      walk->names = std::move(page->counters);
      // One that is reset already may be so in a frame that is not durable yet: the answer relies on it.
      if (!QUIPU_PLANTED("reset-of-all-not-held")) walk->newest = std::max(walk->newest, page->durable_at);
      walk->next = 0;
      walk->cursor = page->next;
      walk->last = page->next == 0;
    });
  };
  ask();
  const auto failed = [done](const Error& error) { done(std::unexpected(error)); };
  const auto step = [this, walk, ask, done = std::move(done)] {
    if (walk->error) {
      done(std::unexpected(*walk->error));
      return Progress::kDone;
    }
    if (walk->asked) return Progress::kWaiting;
    for (; walk->next < walk->names.size(); ++walk->next) {
      const NamedTotal& named = walk->names[walk->next];
      const auto counter = core_.totals.table().find(named.space, named.counter);
      // Gone from the table since: it comes back by a load before it can be reset.
      if (counter == kNoCounter) {
        if (core_.totals.complete()) continue;
        QUIPU_MARK("reset of all reads a counter back");
        walk->asked = true;
        const auto space = core_.spaces.name(named.space);
        StoreLoad load;
        load.keys.push_back(
            {routing_hash(core_.options.secret, space, named.counter), std::string(space), named.counter});
        core_.load(std::move(load), [this, walk](StoreCompletion& completion) {
          walk->asked = false;
          if (!completion.result) {
            walk->error = completion.result.error();
            return;
          }
          core_.load_rows(completion.rows);
          const NamedTotal& loaded = walk->names[walk->next];
          if (core_.totals.table().find(loaded.space, loaded.counter) == kNoCounter) ++walk->next;
        });
        return Progress::kWaiting;
      }
      const Total total = core_.totals.table().total(core_.totals.table().at(counter));
      if (!total.exists) {
        walk->newest = std::max(walk->newest, total.newest);
        continue;
      }
      if (!applier_.reset_can_fit(named.counter.size())) {
        QUIPU_MARK("reset of all too large");
        done(failure(Code::kTooLarge, "the reset of a counter is larger than the log can take in one commit"));
        return Progress::kDone;
      }
      if (!applier_.room_for_resets(1, named.counter.size())) return Progress::kWaiting;
      walk->newest = std::max(walk->newest, applier_.reset(counter));
    }
    if (walk->last) {
      done(walk->newest);
      return Progress::kDone;
    }
    ask();
    return Progress::kMore;
  };
  jobs_.push_back({step, failed});
}

}  // namespace quipu
