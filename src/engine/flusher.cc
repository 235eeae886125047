#include "engine/flusher.h"

#include <algorithm>
#include <span>
#include <utility>

#include "aggregate/partition_state.h"
#include "base/check.h"
#include "base/phases.h"
#include "base/planted.h"
#include "ingest/policy_text.h"

namespace quipu {
namespace {

constexpr std::size_t kWindowBytesPerStep = std::size_t{1} << 20;
/// A base that failed is tried again after this, if the interval between bases is longer.
constexpr std::int64_t kBaseRetryMs = 60'000;

}  // namespace

void Flusher::request(bool sync) {
  requested_ = true;
  requested_sync_ |= sync;
}

void Flusher::policy_changed(NamespaceId space) {
  spaces_stored_ = std::min<std::size_t>(spaces_stored_, space.value);
  if (flight_) flight_->spaces_end = std::min<std::size_t>(flight_->spaces_end, space.value);
}

/// Whether there is something that the store does not have.
bool Flusher::changed() const {
  return core_.newest > flushed_ || core_.totals.dirty_shards() > 0 || core_.spaces.size() > spaces_stored_;
}

/// Whether so much was flushed since the last sync that the store should not keep it in its buffers when all is quiet.
bool Flusher::burst_unsynced() const {
  return flushed_ > synced_ && failure_.empty() &&
         core_.stats.rows_flushed - rows_at_sync_ >= core_.options.idle_sync_rows;
}

void Flusher::step() {
  // The clock may jump back; an interval then begins anew.
  last_start_ = std::min(last_start_, core_.now);
  last_sync_ = std::min(last_sync_, core_.now);
  last_base_ = std::min(last_base_, core_.now);
  if (!flight_ && core_.at_edge()) {
    // After a failure it waits, however much there is: a full disk would have it copy the same rows without a pause.
    const bool due = core_.now - last_start_ >= core_.options.flush_interval_ms ||
                     (failure_.empty() && core_.dirty_bytes() > core_.options.dirty_bytes_max / 4);
    // What is flushed is synced in time where nothing changes any more, too: a start then has less to read, and the
    // store's buffers are empty.
    const bool unsynced = flushed_ > synced_ && core_.now - last_sync_ >= core_.options.sync_interval_ms;
    const bool burst_over = due && !changed() && burst_unsynced();
    requested_sync_ |= burst_over;
    if (requested_ || (due && changed()) || unsynced || burst_over) start();
  }
  if (flight_) {
    if (core_.at_edge()) copy_chunk();
    give_chunks();
    give_last();
  }
  step_base();
}

void Flusher::start() {
  set_phase(Phase::kFlush, true);
  Flight flight;
  flight.watermark = core_.newest;
  flight.shards = core_.totals.take_dirty();
  for (Aggregator& partition : core_.partitions) {
    // A replay may still be below what the store has; a watermark never goes back.
    flight.marks.push_back(
        {partition.shard().partition, std::max(flight.watermark, partition.read()), watermark_chains(partition)});
    partition.sources().take_changes(flight.sources);
  }
  flight.sync = std::exchange(requested_sync_, false) || core_.now - last_sync_ >= core_.options.sync_interval_ms;
  const auto log_bytes = core_.stats.bytes_written - base_log_bytes_ + log_bytes_before_;
  const bool base_due = core_.newest > newest_base_ && (core_.now - last_base_ >= core_.options.base_interval_ms ||
                                                        log_bytes >= core_.options.base_log_bytes);
  if (base_due && makes_bases_ && !base_) {
    // The watermark must surely be there before the base is: where a crash took back a watermark, and the bases below
    // it were dropped, nothing would be left to begin at.
    flight.sync = true;
    base_.emplace(flight.watermark, BaseWindows(core_.partitions));
    last_base_ = core_.now;
    base_log_bytes_ = core_.stats.bytes_written;
    log_bytes_before_ = 0;
  }
  if (flight.sync) {
    last_sync_ = core_.now;
    rows_at_sync_ = core_.stats.rows_flushed;
  }
  last_start_ = core_.now;
  requested_ = false;
  flight_ = std::move(flight);
}

void Flusher::copy_chunk() {
  Flight& flight = *flight_;
  if (flight.failed || flight.copied == flight.shards.size() || flight.chunks.size() >= kChunksWaiting) return;
  const auto size = std::min(kChunkRows, flight.shards.size() - flight.copied);
  Chunk chunk;
  chunk.edge = core_.newest;
  chunk.shards.assign(flight.shards.begin() + static_cast<std::ptrdiff_t>(flight.copied),
                      flight.shards.begin() + static_cast<std::ptrdiff_t>(flight.copied + size));
  for (const ShardRef& shard : chunk.shards) {
    const Counter& counter = core_.totals.table().at(shard.counter);
    const auto space = core_.spaces.name(counter.space);
    core_.totals.copy_dirty(shard, space, routing_hash(core_.options.secret, space, core_.totals.table().name(counter)),
                            chunk.rows);
  }
  flight.copied += size;
  flight.chunks.push_back(std::move(chunk));
}

void Flusher::give_chunks() {
  Flight& flight = *flight_;
  if (QUIPU_PLANTED("commit-before-flush") && flight.in_store == 0 && !flight.chunks.empty() &&
      flight.watermark <= core_.durable) {
    StoreWrite early;
    early.watermarks = flight.marks;
    core_.write(std::move(early), [](StoreCompletion&) {});
  }
  while (!flight.chunks.empty() && flight.in_store < kChunksWaiting &&
         (flight.chunks.front().edge <= core_.durable || QUIPU_PLANTED("speculative-row-flushed"))) {
    Chunk chunk = std::move(flight.chunks.front());
    flight.chunks.pop_front();
    ++flight.in_store;
    core_.stats.rows_flushed += chunk.rows.size();
    StoreWrite write;
    write.rows = std::move(chunk.rows);
    core_.write(std::move(write), [this, shards = std::move(chunk.shards)](StoreCompletion& completion) {
      const bool stored = completion.result.has_value() || QUIPU_PLANTED("flush-error-swallowed");
      for (const ShardRef& shard : shards) core_.totals.copied_done(shard, stored);
      --flight_->in_store;
      if (!stored) {
        flight_->failed = true;
        failure_ = completion.result.error().what;
      }
    });
  }
}

void Flusher::give_last() {
  Flight& flight = *flight_;
  if (flight.in_store > 0 || flight.last_given) return;
  if (flight.failed) return finish(false);
  if (flight.copied < flight.shards.size() || !flight.chunks.empty() || flight.watermark > core_.durable) return;
  if (QUIPU_PLANTED("sources-newer-than-watermark")) {
    for (Aggregator& partition : core_.partitions) partition.sources().take_changes(flight.sources);
  }
  if (QUIPU_PLANTED("chains-newer-than-watermark")) {
    for (std::size_t i = 0; i < flight.marks.size(); ++i) {
      flight.marks[i].chains.resize(sizeof(std::uint32_t));
      put(flight.marks[i].chains, core_.partitions[i].chains().encode());
    }
  }
  StoreWrite write;
  write.sources = flight.sources;
  write.watermarks = flight.marks;
  // Policies as they are now: one that was changed since the start is on its way to the store before this.
  for (std::size_t i = spaces_stored_; i < core_.spaces.size(); ++i) {
    const NamespaceId space{static_cast<std::uint32_t>(i)};
    write.settings.emplace_back(namespace_setting(core_.spaces.name(space)), policy_text(core_.spaces.policy(space)));
  }
  flight.spaces_end = core_.spaces.size();
  write.sync = flight.sync;
  flight.last_given = true;
  core_.write(std::move(write), [this](StoreCompletion& completion) {
    if (!completion.result) failure_ = completion.result.error().what;
    finish(completion.result.has_value());
  });
}

void Flusher::finish(bool stored) {
  Flight flight = std::move(*flight_);
  flight_.reset();
  set_phase(Phase::kFlush, false);
  if (!stored) {
    // What was noted but never copied is still marked as dirty, and so is noted again; what was copied was marked
    // again.
    core_.totals.dirty_again(std::span<const ShardRef>(flight.shards).subspan(flight.copied));
    for (const Chunk& chunk : flight.chunks) {
      for (const ShardRef& shard : chunk.shards) core_.totals.copied_done(shard, false);
    }
    QUIPU_MARK("flush failed");
    for (Aggregator& partition : core_.partitions) {
      if (!QUIPU_PLANTED("failed-sources-forgotten")) partition.sources().changed_again(flight.sources);
    }
    requested_sync_ |= flight.sync;
    if (base_ && !base_->flushed) base_failed();  // A base of an earlier flush is not concerned.
    return;
  }
  failure_.clear();
  flushed_ = flight.watermark;
  spaces_stored_ = flight.spaces_end;
  ++core_.stats.flushes;
  if (base_ && base_->offset == flight.watermark) base_->flushed = true;
  if (!flight.sync) return;
  synced_ = flight.watermark;
  allow_trim();
}

void Flusher::step_base() {
  if (!base_ || base_->given) return;
  BaseInMaking& base = *base_;
  if (QUIPU_PLANTED("windows-newer-than-base")) {
    if (!base.flushed) return;
    base.windows = BaseWindows(core_.partitions);
  }
  if (!base.windows.copy(kWindowBytesPerStep) || !base.flushed) return;
  base.given = true;
  core_.write_base({base.offset, base.windows.take()}, [this](StoreCompletion& completion) {
    if (!completion.result) {
      failure_ = completion.result.error().what;
      return base_failed();
    }
    newest_base_ = base_->offset;
    base_.reset();
    allow_trim();
  });
}

void Flusher::base_failed() {
  QUIPU_MARK("base failed");
  base_.reset();
  last_base_ = core_.now - core_.options.base_interval_ms + std::min(core_.options.base_interval_ms, kBaseRetryMs);
}

void Flusher::allow_trim() {
  // A recovery begins at the newest base of this log that is not above a watermark: one must be there, whatever a crash
  // takes back. What stands behind the oldest base is kept too, for an audit.
  if (QUIPU_PLANTED("retention-eats-unflushed")) return core_.log.allow_trim(Offset{core_.durable.value + 1});
  if (QUIPU_PLANTED("trimmed-above-base")) return core_.log.allow_trim(Offset{synced_.value + 1});
  const auto oldest = core_.store.oldest_base();
  if (oldest == kNoOffset || newest_base_ == kNoOffset || oldest > newest_base_) return;
  for (const Aggregator& partition : core_.partitions) {
    if (core_.store.durable_watermark(partition.shard().partition) < newest_base_) return;
  }
  core_.log.allow_trim(Offset{oldest.value + 1});
}

}  // namespace quipu
