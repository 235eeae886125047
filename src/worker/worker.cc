#include "worker/worker.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/planted.h"
#include "store/flushed_mark.h"

namespace quipu {
namespace {

/// Owner 0 is the worker itself.
constexpr Owner kWorker = 0;
/// What the table may be above its bound before reading pauses: so much may be loaded for stretches that are parked.
constexpr std::size_t kTableSlackBytes = std::size_t{32} << 20;

}  // namespace

Worker::Worker(const WorkerOptions& options, const WorkerParts& parts) : core_(options, parts) {}
Worker::~Worker() = default;

void Worker::step(TimeMs steady, TimeMs wall) {
  core_.steady = std::max(core_.steady, steady);
  core_.wall = wall;
  core_.parts.log.tick(wall);
  core_.parts.cache.tick(wall);
  // Before anything is written in this turn: what may have been forgotten must be known by then.
  core_.calls.take(core_.steady, wall, [this] { forgot(); });
  take_changes();
  if (const auto health = core_.parts.group.health();
      !health && alarm_.empty() && !QUIPU_PLANTED("group-health-ignored")) {
    alarm_ = health.error().what;
  }
  const bool reading = may_read();
  for (auto& [id, owned] : partitions_) {
    if (!alarm_.empty() && owned.partition->alarm().empty()) owned.partition->stop(alarm_);
    pause(id, owned, !reading || !owned.partition->alarm().empty() || owned.partition->releasing());
    owned.partition->step(reading);
  }
  begin_again();
  drop_released();
  bound_memory();
  tell_flushed();
}

// What the group and the store say.

void Worker::take_changes() {
  changes_.clear();
  core_.parts.group.take_changes(changes_);
  for (const LogGroup::Change& change : changes_) {
    const auto owned = partitions_.find(change.partition);
    switch (change.kind) {
      case LogGroup::Change::Kind::kAssigned:
        if (!draining_) assign(change.partition, std::nullopt);
        break;
      case LogGroup::Change::Kind::kRevoked:
        if (owned == partitions_.end()) {
          core_.parts.group.released(change.partition);
          break;
        }
        owned->second.revoked = true;
        owned->second.partition->release();
        break;
      case LogGroup::Change::Kind::kLost:
        if (owned != partitions_.end() && !QUIPU_PLANTED("rebalance-without-dropping")) partitions_.erase(owned);
        break;
    }
  }
}

/// Begins with nothing: what a former ownership had in memory is gone with it.
void Worker::assign(PartitionId partition, std::optional<RestoredPlace> trimmed_at) {
  Owned& owned = partitions_[partition];
  if (owned.partition && QUIPU_PLANTED("rebalance-without-dropping")) return;
  owned.partition.reset();
  owned.partition = std::make_unique<OwnedPartition>(core_, partition, next_owner_++, trimmed_at);
  owned.revoked = false;
}

/// Rows that were acknowledged may be gone: everything above the watermarks is read again.
void Worker::forgot() {
  QUIPU_MARK("worker: the store may have forgotten");
  if (QUIPU_PLANTED("store-start-ignored")) return;
  ++core_.stats.store_forgot;
  for (auto& [id, owned] : partitions_) {
    if (!owned.partition->alarm().empty()) continue;
    ++core_.stats.returns;
    const bool was_releasing = owned.partition->releasing();
    const bool revoked = owned.revoked;
    assign(id, std::nullopt);
    if (was_releasing) owned.partition->release();
    owned.revoked = revoked;
  }
}

void Worker::begin_again() {
  for (auto& [id, owned] : partitions_) {
    if (!owned.partition->begin_again() || owned.partition->releasing()) continue;
    ++core_.stats.returns;
    QUIPU_MARK("worker: its place was trimmed");
    assign(id, owned.partition->restored_from());
  }
}

void Worker::drop_released() {
  for (auto at = partitions_.begin(); at != partitions_.end();) {
    if (!at->second.partition->released()) {
      ++at;
      continue;
    }
    if (!at->second.partition->flush().clean()) {
      QUIPU_MARK("worker: released before it was flushed");
      ++core_.stats.forced_releases;
    }
    const auto [id, revoked] = std::pair(at->first, at->second.revoked);
    at = partitions_.erase(at);
    if (revoked) core_.parts.group.released(id);
  }
}

void Worker::drain() {
  draining_ = true;
  for (auto& [id, owned] : partitions_) owned.partition->release();
}

// Bounds.

/// Whether more may be read. What waits for the store has to fall to three quarters of its bound before reading goes
/// on.
bool Worker::may_read() {
  std::size_t dirty = 0;
  std::size_t table = 0;
  bool full = false;
  for (const auto& [id, owned] : partitions_) {
    dirty += owned.partition->dirty_bytes();
    table += owned.partition->table_bytes();
    full |= owned.partition->table_full();
  }
  const WorkerOptions& options = core_.options;
  core_.flush_early = dirty > options.dirty_bytes_max / 4;
  full |= table > options.table_bytes_max + options.table_bytes_max / 8 + kTableSlackBytes;
  const auto most = reading_ ? options.dirty_bytes_max : options.dirty_bytes_max / 4 * 3;
  const bool reading = dirty <= most && !full;
  if (reading_ && !reading) {
    QUIPU_MARK("worker: reading pauses");
    ++core_.stats.pauses;
  }
  reading_ = reading;
  return reading_;
}

void Worker::pause(PartitionId partition, Owned& owned, bool paused) {
  if (owned.paused == paused) return;
  owned.paused = paused;
  core_.parts.group.pause(partition, paused);
}

/// Above the bound each table gives up what is beyond an equal share of it.
void Worker::bound_memory() {
  std::size_t table = 0;
  for (const auto& [id, owned] : partitions_) table += owned.partition->table_bytes();
  if (table <= core_.options.table_bytes_max) return;
  const auto share = core_.options.table_bytes_max / partitions_.size();
  for (auto& [id, owned] : partitions_) {
    if (owned.partition->table_bytes() > share) core_.stats.rows_evicted += owned.partition->evict(share);
  }
}

// What others are told.

/// Readers are told after each flush, and at every interval while nothing happens: an old mark of a zombie does not
/// stay, and the age of a total is right where nothing is counted.
void Worker::tell_flushed() {
  const bool due = core_.steady - told_at_ >= core_.options.flush_interval_ms;
  bool moved = false;
  for (auto& [id, owned] : partitions_) moved |= owned.partition->flush().mark_moved();
  if (telling_ || !(due || moved)) return;
  StoreWrite write;
  for (auto& [id, owned] : partitions_) {
    PartitionFlush& flush = owned.partition->flush();
    if (!owned.partition->alarm().empty() || !(due || flush.mark_moved())) continue;
    flush.mark_told();
    if (const auto mark = flush.mark()) write.settings.emplace_back(flushed_setting(id), flushed_text(*mark));
  }
  if (due) told_at_ = core_.steady;
  if (write.settings.empty()) return;
  telling_ = true;
  // One that fails is not repeated: the next is never far.
  core_.calls.write(kWorker, std::move(write), [this](StoreCompletion&) { telling_ = false; });
}

std::vector<PartitionHealth> Worker::health() const {
  std::vector<PartitionHealth> all;
  all.reserve(partitions_.size());
  for (const auto& [id, owned] : partitions_) all.push_back(owned.partition->health(owned.paused));
  return all;
}

TimeMs Worker::due() const {
  if (partitions_.empty()) return std::numeric_limits<TimeMs>::max();
  auto due = told_at_ + core_.options.flush_interval_ms;
  for (const auto& [id, owned] : partitions_) due = std::min(due, owned.partition->due());
  return due;
}

}  // namespace quipu
