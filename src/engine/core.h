#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "aggregate/aggregator.h"
#include "aggregate/live_totals.h"
#include "base/hash.h"
#include "base/identifiers.h"
#include "engine/engine_options.h"
#include "engine/engine_stats.h"
#include "engine/open_frames.h"
#include "ingest/namespaces.h"
#include "log/event_log.h"
#include "store/counter_store.h"

namespace quipu {

/// What the parts of the engine share: the tables, the open frames, how far the log is. Each part has one job and gets
/// this by reference; the engine owns it.
struct Core {
  Core(const EngineOptions& engine_options, EventLog& event_log, CounterStore& counter_store);

  EngineOptions options;
  EventLog& log;
  CounterStore& store;
  NamespaceRegistry spaces;
  LiveTotals totals;
  std::vector<Aggregator> partitions;
  OpenFrames frames;

  Offset newest{};   ///< The newest offset given out; at a frame edge, all rows are as of it.
  Offset durable{};  ///< The newest offset that a crash can not take back.
  TimeMs now = 0;    ///< The time of this step.
  EngineStats stats;

  /// Whether no frame is open: only then may rows be copied and counters evicted.
  bool at_edge() const { return frames.empty(); }

  /// What is called with the completion of a request to the store.
  using StoreDone = std::function<void(StoreCompletion&)>;
  void write(StoreWrite request, StoreDone done);
  void load(StoreLoad request, StoreDone done);
  void scan(StoreScan request, StoreDone done);
  void write_base(Base base, StoreDone done);
  /// Hands every completion of the store to who waits for it.
  void take_store_completions();

  /// Answers everyone who waits for the store with `error`: nothing is waited for any more.
  void abandon_store(const Error& error);

  /// Puts a page of loaded rows into the table, counter by counter.
  void load_rows(const RowBatch& rows);

  /// About how many bytes that which is not flushed yet would take on its way to the store.
  std::size_t dirty_bytes() const;

  /// Whether the table is so far above its bound that nothing may be added to it: what is new came faster than what is
  /// changed reached the store, and only what is in the store can be evicted.
  bool table_overfull() const;

 private:
  static constexpr std::size_t kDirtyShardBytes = 128;
  static constexpr std::size_t kDirtySourceBytes = 64;

  std::uint64_t expect(StoreDone done);

  std::uint64_t next_token_ = 1;
  std::unordered_map<std::uint64_t, StoreDone> waiting_;
  std::vector<StoreCompletion> completions_;
};

/// Calls `each(space name, counter name, items)` for every counter on a page, in the page's order.
void for_each_counter(
    const RowBatch& rows,
    const std::function<void(std::string_view, std::string_view, std::span<const RowBatch::Item>)>& each);

}  // namespace quipu
