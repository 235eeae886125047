#include "worker/owned_partition.h"

#include <algorithm>

namespace quipu {

OwnedPartition::OwnedPartition(WorkerCore& worker, PartitionId partition, Owner owner,
                               std::optional<RestoredPlace> trimmed_at)
    : core_(worker, partition, owner), reader_(core_, trimmed_at), flush_(core_) {
  core_.totals.set_awake_max(worker.options.table_bytes_max / kAwakeShare / sizeof(Counter));
}

OwnedPartition::~OwnedPartition() { core_.worker.calls.drop(core_.owner); }

void OwnedPartition::step(bool may_read) {
  if (!alarm_.empty()) return;
  if (!releasing()) {
    if (auto read = reader_.step(may_read); !read) return stop(read.error().what);
  }
  if (!flush_restored_ && reader_.state() != PartitionReader::State::kRestoring) {
    flush_restored_ = true;
    flush_.restored(reader_.sure_base());
  }
  core_.relay.step();
  flush_.step();
  core_.totals.tidy(kEvictVisits);
}

void OwnedPartition::release() {
  if (releasing()) return;
  released_by_ = core_.worker.steady + core_.worker.options.release_ms_max;
  flush_.request();
}

bool OwnedPartition::released() const {
  if (!releasing()) return false;
  return !alarm_.empty() || !flush_restored_ || flush_.settled() || core_.worker.steady >= *released_by_;
}

void OwnedPartition::stop(const std::string& alarm) {
  alarm_ = alarm;
  core_.worker.calls.drop(core_.owner);
}

std::size_t OwnedPartition::evict(std::size_t bytes_max) {
  if (reader_.parked() || !alarm_.empty()) return 0;
  const auto evicted = core_.totals.evict(bytes_max, kEvictVisits);
  if (table_bytes() > bytes_max) flush_.request();  // What could not go can go when it is in the store.
  return evicted;
}

PartitionHealth::State OwnedPartition::state(bool paused) const {
  using State = PartitionHealth::State;
  if (!alarm_.empty()) return State::kStopped;
  if (releasing()) return State::kReleasing;
  if (reader_.state() == PartitionReader::State::kRestoring) return State::kRestoring;
  if (reader_.state() == PartitionReader::State::kRebuilding) return State::kRebuilding;
  if (reader_.parked()) return State::kParked;
  return paused ? State::kPaused : State::kReading;
}

PartitionHealth OwnedPartition::health(bool paused) const {
  PartitionHealth health;
  health.partition = core_.shard.partition;
  health.state = state(paused);
  health.read = core_.aggregator.read();
  health.flushed = flush_.flushed();
  health.watermark = flush_.watermark();
  if (reader_.known()) health.log_end = core_.worker.parts.log.bounds(core_.shard.partition).end;
  const auto next = health.read.value + 1;
  health.lag = health.log_end.value > next ? health.log_end.value - next : 0;
  if (health.lag > 0 && core_.newest_time > 0) {
    health.lag_ms = std::max<std::int64_t>(0, core_.worker.wall - core_.newest_time);
  }
  health.resets_owed = core_.relay.owed();
  if (const auto oldest = core_.aggregator.ids().oldest_time(); oldest > 0) {
    health.ids_cover_ms = std::max<std::int64_t>(0, core_.worker.wall - oldest);
  }
  health.alarm = alarm_;
  health.store_failure = flush_.last_failure().empty() ? reader_.last_failure() : flush_.last_failure();
  return health;
}

TimeMs OwnedPartition::due() const {
  if (!alarm_.empty()) return core_.worker.steady + core_.worker.options.flush_interval_ms;
  auto due = std::min({reader_.due(), flush_.due(), core_.relay.due()});
  if (released_by_) due = std::min(due, *released_by_);
  return due;
}

}  // namespace quipu
