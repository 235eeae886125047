#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cache/totals_cache.h"

namespace quipu {

/// A cache in memory that answers at the next take_answers, and that a test can take away.
class MemoryCache final : public TotalsCache {
 public:
  bool gone = false;  ///< Answers kMiss, keeps nothing.

  void get(CacheGet get) override {
    CacheAnswer answer;
    answer.token = get.token;
    for (const auto& key : get.keys) {
      const auto found = counters_.find({key.space, key.counter});
      if (gone || found == counters_.end()) {
        answer.states.push_back(CacheAnswer::State::kMiss);
        answer.as_of.push_back(0);
        ++stats_.misses;
        continue;
      }
      ++stats_.hits;
      answer.as_of.push_back(found->second.as_of);
      answer.states.push_back(found->second.rows.empty() ? CacheAnswer::State::kAbsent : CacheAnswer::State::kFound);
      for (const auto& [shard, row] : found->second.rows) {
        answer.rows.add(key.routing, key.space, key.counter, shard, row);
      }
    }
    answers_.push_back(std::move(answer));
  }
  void take_answers(std::vector<CacheAnswer>& out) override {
    for (auto& answer : answers_) out.push_back(std::move(answer));
    answers_.clear();
  }
  void fill(const std::vector<CounterKey>& keys, const RowBatch& rows, TimeMs as_of) override {
    if (gone) return;
    for (const auto& key : keys) counters_[{key.space, key.counter}].as_of = as_of;
    for (const auto& item : rows.items()) put(rows, item);
  }
  void update(const RowBatch& rows) override {
    for (const auto& item : rows.items()) {
      if (!gone && counters_.contains(name(rows, item))) put(rows, item);
    }
  }
  void tick(TimeMs) override {}
  Stats stats() const override { return stats_; }

 private:
  struct Kept {
    std::map<ShardId, Row> rows;
    TimeMs as_of = 0;
  };
  using Name = std::pair<std::string, std::string>;

  static Name name(const RowBatch& rows, const RowBatch::Item& item) {
    return {std::string(rows.space(item)), std::string(rows.counter(item))};
  }
  void put(const RowBatch& rows, const RowBatch::Item& item) {
    Row& row = counters_[name(rows, item)].rows[item.shard];
    if (std::pair(item.row.epoch, item.row.applied) > std::pair(row.epoch, row.applied)) row = item.row;
  }

  std::map<Name, Kept> counters_;
  std::vector<CacheAnswer> answers_;
  Stats stats_;
};

}  // namespace quipu
