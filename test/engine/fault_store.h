#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "store/memory_store.h"

namespace quipu {

/// A MemoryStore that can fail for as long as a test likes, and shows what it holds. Requests wait until `perform`.
class FaultStore final : public CounterStore {
 public:
  using RowKey = std::tuple<std::uint64_t, std::string, std::string, ShardId>;
  struct State {
    std::map<RowKey, Row> rows;
    std::map<std::pair<PartitionId, Hash128>, SourceRow> sources;
    std::map<PartitionId, Watermark> watermarks;
    std::map<std::string, std::string> settings;
  };

  FaultStore() { store_.hold(true); }

  /// While true every write and base fails, with the store as it was.
  bool fails = false;
  /// While true every load and scan fails.
  bool fails_reads = false;
  std::size_t writes_failed = 0;

  /// Does up to `count` of the requests that wait, in their order.
  void perform(std::size_t count = SIZE_MAX) {
    for (; count > 0 && !kinds_.empty(); --count) {
      const auto kind = kinds_.front();
      kinds_.pop_front();
      const bool read = kind == StoreCompletion::Kind::kLoad || kind == StoreCompletion::Kind::kScan;
      if (read ? fails_reads : fails) {
        store_.fail_next(kind, {Code::kBusy, "the disk is full", 100});
        writes_failed += read ? 0 : 1;
      }
      store_.perform(1);
    }
  }

  /// What waits is lost, and all but the first `kept` of the writes that no sync covers.
  void crash(std::size_t kept) {
    store_.crash(kept);
    kinds_.clear();
    fails = fails_reads = false;
  }
  std::size_t unsynced() const { return store_.unsynced(); }
  std::uint64_t older_rows() const { return store_.older_rows(); }

  /// What a reader sees now.
  State state() const {
    State state;
    MemoryStore copy = store_;
    copy.crash(copy.unsynced());  // What waits must not be done.
    copy.hold(false);
    copy.scan({0, 0, SIZE_MAX});
    std::vector<StoreCompletion> scanned;
    copy.take_completions(scanned);
    const RowBatch& rows = scanned.at(0).rows;
    for (const auto& item : rows.items()) {
      state.rows[{item.routing, std::string(rows.space(item)), std::string(rows.counter(item)), item.shard}] = item.row;
    }
    const auto sources = copy.sources();
    for (const SourceRow& row : *sources) state.sources[{row.partition, row.source}] = row;
    const auto watermarks = copy.watermarks();
    for (const Watermark& mark : *watermarks) state.watermarks[mark.partition] = mark;
    const auto settings = copy.settings();
    state.settings.insert(settings->begin(), settings->end());
    return state;
  }

  Result<std::vector<Watermark>> watermarks() override { return store_.watermarks(); }
  Result<std::vector<SourceRow>> sources() override { return store_.sources(); }
  Result<std::vector<std::pair<std::string, std::string>>> settings() override { return store_.settings(); }
  Result<std::optional<Base>> newest_base(Offset offset) override { return store_.newest_base(offset); }

  void write(StoreWrite request) override {
    kinds_.push_back(StoreCompletion::Kind::kWrite);
    store_.write(std::move(request));
  }
  void load(StoreLoad request) override {
    kinds_.push_back(StoreCompletion::Kind::kLoad);
    store_.load(std::move(request));
  }
  void scan(StoreScan request) override {
    kinds_.push_back(StoreCompletion::Kind::kScan);
    store_.scan(request);
  }
  void write_base(Base base, std::uint64_t token) override {
    kinds_.push_back(StoreCompletion::Kind::kBase);
    store_.write_base(std::move(base), token);
  }
  void take_completions(std::vector<StoreCompletion>& out) override { store_.take_completions(out); }
  std::size_t pending() const override { return store_.pending(); }
  Offset durable_watermark(PartitionId partition) const override { return store_.durable_watermark(partition); }
  Offset oldest_base() const override { return store_.oldest_base(); }

 private:
  MemoryStore store_;
  std::deque<StoreCompletion::Kind> kinds_;  // Of the requests that wait.
};

}  // namespace quipu
