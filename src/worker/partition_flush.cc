#include "worker/partition_flush.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "aggregate/partition_state.h"
#include "base/check.h"
#include "base/failpoint.h"
#include "base/planted.h"

namespace quipu {
namespace {

/// Of several rows of one source the last.
std::vector<SourceRow> newest_each(const std::vector<SourceRow>& rows) {
  std::vector<SourceRow> kept;
  std::set<Hash128> met;
  for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
    if (met.insert(row->source).second) kept.push_back(*row);
  }
  return kept;
}

void append(std::vector<SourceRow>& to, const std::vector<SourceRow>& rows) {
  to.insert(to.end(), rows.begin(), rows.end());
}

}  // namespace

void PartitionFlush::restored(std::optional<Offset> base) {
  restored_ = true;
  watermark_ = flushed_ = core_.aggregator.read();
  // Who wrote it may have done so just now.
  if (watermark_ != kNoOffset) written_.push_back({watermark_, {}, core_.worker.steady});
  bases_.restored(base);
}

void PartitionFlush::step() {
  if (!restored_) return;
  const bool due = core_.worker.steady - last_start_ >= core_.worker.options.flush_interval_ms;
  if (!flight_ && changed() && (due || requested_ || core_.worker.flush_early)) start();
  if (flight_) {
    copy_chunks();
    give_chunks();
    if (flight_->chunks.empty()) finish();
  }
  if (!marking_ && allowed()) begin_marking();
  if (marking_ && !marking_->given && marking_->give_at <= core_.worker.steady) give_mark();
  forget_sure();
  bases_.step(watermark_, durable_);
}

void PartitionFlush::start() {
  requested_ = false;
  last_start_ = core_.worker.steady;
  Flight flight;
  const auto offset = core_.aggregator.read();
  flight.mark.watermark = {core_.shard.partition, offset, watermark_chains(core_.aggregator)};
  core_.aggregator.sources().take_changes(flight.mark.sources);
  flight.as_of = core_.caught_up() ? core_.bounds_as_of() : core_.newest_time;
  flight.shards = core_.totals.take_dirty();
  bases_.flush_begins(offset);
  if (QUIPU_PLANTED("watermark-before-rows")) {
    marks_.push_back(flight.mark);
    marks_.back().acknowledged_at = core_.worker.steady - core_.worker.options.commit_delay_ms;
  }
  flight_ = std::move(flight);
}

void PartitionFlush::copy_chunks() {
  Flight& flight = *flight_;
  while (flight.copied < flight.shards.size() && flight.chunks.size() < kChunksMax) {
    const auto size = std::min(kChunkRows, flight.shards.size() - flight.copied);
    const auto begin = flight.shards.begin() + static_cast<std::ptrdiff_t>(flight.copied);
    Chunk& chunk = flight.chunks[next_chunk_++];
    chunk.shards.assign(begin, begin + static_cast<std::ptrdiff_t>(size));
    for (const ShardRef& shard : chunk.shards) {
      QUIPU_CHECK(shard.id == core_.shard);
      const CounterTable& table = core_.totals.table();
      const Counter& counter = table.at(shard.counter);
      const auto space = core_.worker.spaces.name(counter.space);
      const auto routing = routing_hash(core_.worker.options.secret, space, table.name(counter));
      core_.totals.copy_dirty(shard, space, routing, chunk.rows);
    }
    flight.copied += size;
  }
}

void PartitionFlush::give_chunks() {
  for (auto& [number, chunk] : flight_->chunks) {
    if (chunk.given || chunk.give_at > core_.worker.steady) continue;
    QUIPU_FAILPOINT("worker.rows");
    chunk.given = true;
    StoreWrite write;
    write.rows = chunk.rows;
    core_.worker.calls.write(core_.owner, std::move(write), [this, number = number](StoreCompletion& completion) {
      chunk_done(number, completion.result);
    });
  }
}

void PartitionFlush::chunk_done(std::uint64_t number, const Result<void>& result) {
  const auto at = flight_->chunks.find(number);
  Chunk& chunk = at->second;
  if (!result && !QUIPU_PLANTED("flush-error-swallowed")) {
    QUIPU_MARK("worker: rows are given again");
    // As it is: the same rows again change nothing where they arrived.
    failure_ = result.error().what;
    ++core_.worker.stats.store_failures;
    chunk.given = QUIPU_PLANTED("rows-not-given-again");
    chunk.give_at = core_.worker.steady + core_.worker.options.retry_ms;
    return;
  }
  failure_.clear();
  core_.worker.parts.cache.update(chunk.rows);
  core_.worker.stats.rows_flushed += chunk.rows.size();
  for (const ShardRef& shard : chunk.shards) core_.totals.copied_done(shard, true);
  flight_->chunks.erase(at);
}

void PartitionFlush::finish() {
  Flight flight = std::move(*flight_);
  flight_.reset();
  ++core_.worker.stats.flushes;
  flushed_ = flight.mark.watermark.offset;
  as_of_ = flight.as_of;
  mark_known_ = mark_moved_ = true;
  flight.mark.acknowledged_at = core_.worker.steady;
  if (marks_.size() >= kMarksMax) {
    auto sources = std::move(marks_.back().sources);
    append(sources, flight.mark.sources);
    flight.mark.sources = std::move(sources);
    marks_.pop_back();
  }
  marks_.push_back(std::move(flight.mark));
}

std::optional<FlushedMark> PartitionFlush::mark() {
  if (restored_ && clean() && core_.caught_up()) {
    mark_known_ = true;
    as_of_ = core_.bounds_as_of();
  }
  if (!mark_known_) return std::nullopt;
  const auto reached = QUIPU_PLANTED("flushed-mark-too-early") ? core_.aggregator.read() : flushed_;
  return FlushedMark{core_.shard.partition, core_.shard.generation, reached, as_of_};
}

/// Whether a watermark may be written now.
bool PartitionFlush::allowed() const {
  if (marks_.empty()) return false;
  const Mark& oldest = marks_.front();
  const bool delayed = core_.worker.steady - oldest.acknowledged_at >= core_.worker.options.commit_delay_ms;
  if (!delayed && !QUIPU_PLANTED("watermark-without-delay")) return false;
  const auto owed = core_.relay.oldest();
  return !owed || oldest.watermark.offset < *owed || QUIPU_PLANTED("watermark-before-resets");
}

void PartitionFlush::begin_marking() {
  Marking marking;
  while (allowed()) {
    append(marking.changed, marks_.front().sources);
    marking.watermark = std::move(marks_.front().watermark);
    marks_.pop_front();
  }
  marking.changed = newest_each(marking.changed);
  marking_ = std::move(marking);
}

void PartitionFlush::give_mark() {
  QUIPU_FAILPOINT("worker.watermark");
  marking_->given = true;
  StoreWrite write;
  for (const Written& before : written_) append(write.sources, before.changed);
  append(write.sources, marking_->changed);
  if (QUIPU_PLANTED("sources-newer-than-watermark")) core_.aggregator.sources().take_changes(write.sources);
  write.sources = newest_each(write.sources);
  write.watermarks.push_back(marking_->watermark);
  if (QUIPU_PLANTED("chains-newer-than-watermark")) write.watermarks.back().chains = watermark_chains(core_.aggregator);
  core_.worker.calls.write(core_.owner, std::move(write),
                           [this](StoreCompletion& completion) { mark_done(completion.result); });
}

void PartitionFlush::mark_done(const Result<void>& result) {
  if (!result) {
    failure_ = result.error().what;
    ++core_.worker.stats.store_failures;
    marking_->given = false;
    marking_->give_at = core_.worker.steady + core_.worker.options.retry_ms;
    return;
  }
  ++core_.worker.stats.watermarks;
  watermark_ = marking_->watermark.offset;
  written_.push_back({watermark_, std::move(marking_->changed), core_.worker.steady});
  marking_.reset();
  QUIPU_FAILPOINT("worker.hint");
  core_.worker.parts.group.hint_committed(core_.shard.partition, watermark_);
}

void PartitionFlush::forget_sure() {
  const auto delay = core_.worker.options.commit_delay_ms;
  while (!written_.empty() && core_.worker.steady - written_.front().acknowledged_at >= delay) {
    durable_ = written_.front().offset;
    written_.pop_front();
  }
}

TimeMs PartitionFlush::due() const {
  auto due = std::numeric_limits<TimeMs>::max();
  if (!restored_) return due;
  const WorkerOptions& options = core_.worker.options;
  if (!flight_ && changed()) due = std::min(due, last_start_ + options.flush_interval_ms);
  if (flight_) {
    for (const auto& [number, chunk] : flight_->chunks) {
      if (!chunk.given) due = std::min(due, chunk.give_at);
    }
  }
  const auto owed = core_.relay.oldest();
  const bool held = !marks_.empty() && owed && marks_.front().watermark.offset >= *owed;
  if (!marks_.empty() && !marking_ && !held) {
    due = std::min(due, marks_.front().acknowledged_at + options.commit_delay_ms);
  }
  if (marking_ && !marking_->given) due = std::min(due, marking_->give_at);
  if (!written_.empty()) due = std::min(due, written_.front().acknowledged_at + options.commit_delay_ms);
  return due;
}

}  // namespace quipu
