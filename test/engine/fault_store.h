#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "store/counter_store.h"

namespace quipu {

/// A counter store whose every step is in a test's hands: requests wait until `perform`, writes can be made to fail,
/// and a crash takes back any number of the newest writes that were not synced, as RocksDB without its own log does.
class FaultStore final : public CounterStore {
 public:
  using RowKey = std::tuple<std::uint64_t, std::string, std::string, ShardId>;
  struct State {
    std::map<RowKey, Row> rows;
    std::map<std::pair<PartitionId, Hash128>, SourceRow> sources;
    std::map<PartitionId, Watermark> watermarks;
    std::map<std::string, std::string> settings;
  };

  /// While true every write and base fails, with the store as it was.
  bool fails = false;
  /// While true every load and scan fails.
  bool fails_reads = false;
  /// Whether a base also syncs what stands beside it. Both are allowed.
  bool base_syncs = true;
  std::size_t writes_done = 0;
  std::size_t writes_failed = 0;
  std::size_t loads_done = 0;

  /// Does up to `count` of the requests that wait, in their order.
  void perform(std::size_t count = SIZE_MAX) {
    for (; count > 0 && !waiting_.empty(); --count) {
      const auto request = std::move(waiting_.front());
      waiting_.pop_front();
      completions_.push_back(request());
    }
  }

  /// What waits is lost, and all but the first `kept` of the writes that no sync covers.
  void crash(std::size_t kept) {
    waiting_.clear();
    completions_.clear();
    current_ = synced_;
    for (std::size_t i = 0; i < std::min(kept, unsynced_.size()); ++i) apply(current_, unsynced_[i]);
    synced_ = current_;
    unsynced_.clear();
    fails = fails_reads = false;
  }
  std::size_t unsynced() const { return unsynced_.size(); }

  const State& state() const { return current_; }
  std::size_t bases() const { return bases_.size(); }
  Offset newest_base_offset() const { return bases_.empty() ? kNoOffset : bases_.back().offset; }

  Result<std::vector<Watermark>> watermarks() override {
    std::vector<Watermark> all;
    for (const auto& [partition, mark] : current_.watermarks) all.push_back(mark);
    return all;
  }
  Result<std::vector<SourceRow>> sources() override {
    std::vector<SourceRow> all;
    for (const auto& [key, row] : current_.sources) all.push_back(row);
    return all;
  }
  Result<std::vector<std::pair<std::string, std::string>>> settings() override {
    return std::vector<std::pair<std::string, std::string>>(current_.settings.begin(), current_.settings.end());
  }
  Result<std::optional<Base>> newest_base(Offset offset) override {
    std::optional<Base> newest;
    for (const Base& base : bases_) {
      if (base.offset <= offset && (!newest || base.offset > newest->offset)) newest = base;
    }
    return newest;
  }

  void write(StoreWrite request) override {
    waiting_.emplace_back([this, request = std::move(request)] {
      StoreCompletion done{StoreCompletion::Kind::kWrite, request.token, {}, {}, {}};
      if (fails) {
        ++writes_failed;
        done.result = busy("the disk is full", 100);
        return done;
      }
      ++writes_done;
      apply(current_, request);
      unsynced_.push_back(request);
      if (request.sync) sync();
      return done;
    });
  }
  void load(StoreLoad request) override {
    waiting_.emplace_back([this, request = std::move(request)] {
      StoreCompletion done{StoreCompletion::Kind::kLoad, request.token, {}, {}, {}};
      if (fails_reads) {
        done.result = busy("the disk does not answer", 100);
        return done;
      }
      ++loads_done;
      for (const CounterKey& key : request.keys) {
        const RowKey first{key.routing, key.space, key.counter, ShardId{}};
        for (auto at = current_.rows.lower_bound(first); at != current_.rows.end(); ++at) {
          const auto& [routing, space, counter, shard] = at->first;
          if (routing != key.routing || space != key.space || counter != key.counter) break;
          done.rows.add(routing, space, counter, shard, at->second);
        }
      }
      return done;
    });
  }
  void scan(StoreScan request) override {
    waiting_.emplace_back([this, request] {
      StoreCompletion done{StoreCompletion::Kind::kScan, request.token, {}, {}, {}};
      if (fails_reads) {
        done.result = busy("the disk does not answer", 100);
        return done;
      }
      std::uint64_t last = 0;
      for (auto at = current_.rows.lower_bound({request.from, "", "", ShardId{}}); at != current_.rows.end(); ++at) {
        const auto& [routing, space, counter, shard] = at->first;
        if (done.rows.size() >= request.rows_max && routing != last) {
          done.next = routing;
          break;
        }
        last = routing;
        done.rows.add(routing, space, counter, shard, at->second);
      }
      return done;
    });
  }
  void write_base(Base base, std::uint64_t token) override {
    waiting_.emplace_back([this, base = std::move(base), token] {
      StoreCompletion done{StoreCompletion::Kind::kBase, token, {}, {}, {}};
      if (fails) {
        ++writes_failed;
        done.result = busy("the disk is full", 100);
        return done;
      }
      if (base_syncs) sync();
      bases_.push_back(base);
      std::sort(bases_.begin(), bases_.end(), [](const Base& a, const Base& b) { return a.offset < b.offset; });
      while (bases_.size() > 2) bases_.erase(bases_.begin());
      return done;
    });
  }
  void take_completions(std::vector<StoreCompletion>& out) override {
    std::move(completions_.begin(), completions_.end(), std::back_inserter(out));
    completions_.clear();
  }
  std::size_t pending() const override { return waiting_.size() + completions_.size(); }
  Offset durable_watermark(PartitionId partition) const override {
    const auto at = synced_.watermarks.find(partition);
    return at == synced_.watermarks.end() ? kNoOffset : at->second.offset;
  }
  Offset oldest_base() const override { return bases_.empty() ? kNoOffset : bases_.front().offset; }

 private:
  static void apply(State& state, const StoreWrite& write) {
    for (const auto& item : write.rows.items()) {
      const RowKey key{item.routing, std::string(write.rows.space(item)), std::string(write.rows.counter(item)),
                       item.shard};
      Row& row = state.rows[key];
      if (item.row.applied >= row.applied) row = item.row;
    }
    for (const SourceRow& row : write.sources) {
      if (row.forgotten) {
        state.sources.erase({row.partition, row.source});
      } else {
        state.sources[{row.partition, row.source}] = row;
      }
    }
    for (const Watermark& mark : write.watermarks) state.watermarks[mark.partition] = mark;
    for (const auto& [name, value] : write.settings) state.settings[name] = value;
  }
  void sync() {
    synced_ = current_;
    unsynced_.clear();
  }

  State current_;                     // As a reader sees it.
  State synced_;                      // As a crash leaves it at least ...
  std::vector<StoreWrite> unsynced_;  // ... and any number of these after it, in order.
  std::vector<Base> bases_;
  std::deque<std::function<StoreCompletion()>> waiting_;
  std::vector<StoreCompletion> completions_;
};

}  // namespace quipu
