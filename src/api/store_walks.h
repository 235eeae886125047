#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "api/store_calls.h"
#include "base/result.h"
#include "engine/views.h"
#include "ingest/namespaces.h"

namespace quipu {

/// Walks over all counters of the store, page by page. Pure; one thread.
class StoreWalks {
 public:
  /// Walks under way at a time, and resets of all, each of which walks. Beyond: busy. docs/configuration.md has it.
  static constexpr std::size_t kWalksMax = 16;

  using Done = std::function<void(Result<ScanPage>)>;

  StoreWalks(StoreCalls& calls, NamespaceRegistry& spaces) : calls_(calls), spaces_(spaces) {}

  /// A page of the counters that exist, from `cursor` (0 = the beginning). What exists from the first page to the last
  /// is named at least once.
  void scan(std::vector<NamespaceId> spaces, std::uint64_t cursor, std::size_t limit, Done done);
  /// The largest totals of a namespace.
  void top(NamespaceId space, std::size_t limit, Done done);

  /// How many counters of these namespaces the last whole walk has met; asks for another one, every 10 s at most, and
  /// so seldom that walks take a twentieth of the time.
  std::uint64_t count(const std::vector<NamespaceId>& spaces);
  /// Begins that walk where it is due.
  void step(TimeMs now);

  bool idle() const { return walks_ == 0; }

 private:
  void ask(std::uint64_t from, std::size_t rows_max, std::function<void(StoreCompletion&)> done);
  struct Top;
  void go_on(const std::shared_ptr<Top>& top, std::uint64_t from);
  void go_on_counting(std::uint64_t from);

  StoreCalls& calls_;
  NamespaceRegistry& spaces_;
  std::size_t walks_ = 0;
  std::vector<std::uint64_t> counts_;    // By namespace, of the last whole walk ...
  std::vector<std::uint64_t> counting_;  // ... and of the one under way.
  bool count_wanted_ = true;
  bool count_runs_ = false;
  TimeMs counted_at_ = 0;
  std::int64_t count_took_ = 0;  // In ms, of the last walk.
};

}  // namespace quipu
