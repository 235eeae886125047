#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "cache/totals_cache.h"
#include "log/log_group.h"

namespace quipu::testing_worker {

/// A group whose changes the test decides.
class TestGroup final : public LogGroup {
 public:
  std::vector<Change> changes;
  std::vector<PartitionId> released_now;
  std::map<PartitionId, Offset> sought;
  std::set<PartitionId> paused;
  std::map<PartitionId, Offset> hinted;
  std::optional<Error> sick;

  void change(Change::Kind kind, PartitionId partition) { changes.push_back({kind, partition}); }

  void take_changes(std::vector<Change>& out) override {
    for (const Change& change : std::exchange(changes, {})) out.push_back(change);
  }
  void released(PartitionId partition) override { released_now.push_back(partition); }
  void seek(PartitionId partition, Offset next) override { sought[partition] = next; }
  void pause(PartitionId partition, bool pauses) override {
    if (pauses) {
      paused.insert(partition);
    } else {
      paused.erase(partition);
    }
  }
  void hint_committed(PartitionId partition, Offset offset) override { hinted[partition] = offset; }
  Result<void> health() const override {
    if (sick) return std::unexpected(*sick);
    return {};
  }
};

/// A cache that keeps what it is told, as rows.
class TestCache final : public TotalsCache {
 public:
  std::vector<std::pair<std::string, Row>> updated;

  void get(CacheGet) override {}
  void take_answers(std::vector<CacheAnswer>&) override {}
  void fill(const std::vector<CounterKey>&, const RowBatch&, TimeMs) override {}
  void update(const RowBatch& rows) override {
    for (const auto& item : rows.items()) updated.emplace_back(std::string(rows.counter(item)), item.row);
  }
  void tick(TimeMs) override {}
  Stats stats() const override { return {}; }
};

}  // namespace quipu::testing_worker
