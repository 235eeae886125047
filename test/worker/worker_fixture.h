#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "worker/worker_world.h"

namespace quipu::testing_worker {

inline constexpr PartitionId kFirst{0};
inline constexpr PartitionId kSecond{1};
using State = PartitionHealth::State;
using Kind = LogGroup::Change::Kind;

inline Entry add(std::string_view counter, std::int64_t delta = 1) {
  Entry entry;
  entry.space = "default";
  entry.counter = counter;
  entry.delta = delta;
  entry.time = 1'000;
  return entry;
}
inline Entry with_id(std::string_view counter, std::uint64_t id) {
  Entry entry = add(counter);
  entry.group = GroupKind::kIds;
  entry.id = {{id * 0x9e3779b97f4a7c15, id}, 0};
  return entry;
}
inline Entry of_source(std::string_view counter, const Hash128& source, std::uint64_t sequence) {
  Entry entry = add(counter);
  entry.group = GroupKind::kSource;
  entry.source = source;
  entry.sequence = sequence;
  return entry;
}
inline Entry reset(std::string_view counter) {
  Entry entry = add(counter, 0);
  entry.kind = EntryKind::kReset;
  entry.events = 0;
  return entry;
}

/// One worker process after another over one shared log and one shared store, stepped by hand.
class WorkerTest : public testing::Test {
 protected:
  WorkerTest() : log_(2), store_(kSyncMs) {
    options_.secret = {1, 2};
    options_.ids_max = 100;
    options_.flush_interval_ms = 10;
    options_.commit_delay_ms = kSyncMs + kNewsMs;
    options_.retry_ms = 3;
    options_.release_ms_max = 1'000;
    options_.log_grace_ms = 50;
  }

  /// A process that owns these partitions, in place of the one before it.
  void start(std::vector<PartitionId> partitions = {kFirst, kSecond}) {
    process_ = std::make_unique<WorkerProcess>(log_, store_, late_, options_, ++processes_);
    process_->view.trim_asked = [this](PartitionId partition, Offset offset) { log_.trim(partition, offset); };
    for (const PartitionId partition : partitions) process_->group.change(Kind::kAssigned, partition);
  }
  Offset append(PartitionId partition, const std::vector<Entry>& entries) {
    return log_.append(partition, make_frame(partition, {50, 1}, ++numbers_[partition.value], entries));
  }
  void step(TimeMs later = 1) {
    store_.now += later;
    process_->worker.step(store_.now, kWall + store_.now);
  }
  void perform(StoreHandle::Fate fate = StoreHandle::Fate::kDone) {
    process_->store.perform(1'000, [fate] { return fate; });
  }
  void turns(int count, TimeMs later = 1) {
    for (int i = 0; i < count; ++i) {
      step(later);
      perform();
    }
  }
  /// Everything is read and in the store, but its watermark is not written.
  void flush() { turns(static_cast<int>(options_.flush_interval_ms) + 8); }
  /// ... and the watermark is.
  void mark() {
    flush();
    turns(static_cast<int>(options_.commit_delay_ms) + 8);
  }
  PartitionHealth health(PartitionId partition) const {
    for (const PartitionHealth& each : process_->worker.health()) {
      if (each.partition == partition) return each;
    }
    return {};
  }
  std::optional<Row> row(PartitionId partition, const std::string& counter) const {
    return store_.row({"default", counter, {Generation{1}, partition}});
  }
  Offset watermark(PartitionId partition) const {
    const auto mark = store_.watermark(partition);
    return mark ? mark->offset : kNoOffset;
  }
  void expect_alarm(const std::string& what) const {
    const auto now = health(kFirst);
    EXPECT_EQ(now.state, State::kStopped);
    EXPECT_NE(now.alarm.find("partition 0"), std::string::npos) << now.alarm;
    EXPECT_NE(now.alarm.find(what), std::string::npos) << now.alarm;
  }

  static constexpr TimeMs kWall = 1'700'000'000'000;
  WorkerOptions options_;
  SharedLog log_;
  SharedStore store_;
  StoreHandle::Late late_;
  std::unique_ptr<WorkerProcess> process_;
  std::uint64_t processes_ = 0;
  std::uint64_t numbers_[3] = {};
};

}  // namespace quipu::testing_worker
