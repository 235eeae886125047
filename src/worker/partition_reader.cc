#include "worker/partition_reader.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <span>
#include <utility>

#include "aggregate/base_windows.h"
#include "aggregate/partition_state.h"
#include "base/planted.h"

namespace quipu {

std::string PartitionReader::named() const { return "partition " + std::to_string(core_.shard.partition.value); }

Result<void> PartitionReader::step(bool may_read) {
  if (alarm_) return std::unexpected(*alarm_);
  if (begin_again_) return {};
  if (state_ == State::kRestoring) {
    // A group may know of an added partition before the log does.
    if (!known()) return {};
    if (!asked_ && ask_at_ <= core_.worker.steady) restore();
    return {};
  }
  if (parked()) {
    send_loads();
    return loaded() ? apply() : Result<void>();
  }
  if (state_ == State::kRebuilding && next_ > core_.aggregator.read()) {
    rebuild();
    return {};
  }
  const bool relay_full = core_.relay.owed() >= core_.worker.options.resets_owed_max;
  if (!may_read || relay_full || ask_at_ > core_.worker.steady) return {};
  const auto there = place_is_there();
  if (!there) return std::unexpected(there.error());
  if (!*there) return {};
  return read_stretch();
}

// Taking over.

void PartitionReader::restore() {
  asked_ = true;
  core_.worker.calls.restore(core_.owner, core_.shard.partition, [this](Result<PartitionRestored>& restored) {
    asked_ = false;
    if (!restored && restored.error().code != Code::kDamaged) {
      failure_ = restored.error().what;
      ++core_.worker.stats.store_failures;
      ask_at_ = core_.worker.steady + core_.worker.options.retry_ms;
      return;
    }
    failure_.clear();
    auto taken = restored ? take_over(*restored) : Result<void>(std::unexpected(restored.error()));
    if (!taken) alarm_ = Error{taken.error().code, named() + ": " + taken.error().what, 0};
  });
}

Result<void> PartitionReader::take_over(PartitionRestored& restored) {
  Aggregator& aggregator = core_.aggregator;
  if (restored.watermark) {
    if (auto at = restore_watermark(*restored.watermark, aggregator); !at) return at;
    // Sources are written with a watermark. Where that is of an older log, so are they: what this log gets of a source
    // may come into another partition, and what the older one lost of it must count.
    if (generation_of(*restored.watermark) == core_.shard.generation) {
      restore_sources(restored.sources, aggregator);
    }
  }
  restored_at_ = aggregator.read();
  state_ = State::kRebuilding;
  if (!restored.base || restored.base->offset > restored_at_) {
    seek_back(core_.worker.options.read_back_frames);
    return {};
  }
  const auto generation = generation_of_windows(restored.base->windows);
  if (!generation) return std::unexpected(generation.error());
  if (*generation != core_.shard.generation) {  // Of another log: its offsets mean nothing here.
    seek_back(core_.worker.options.read_back_frames);
    return {};
  }
  QUIPU_MARK("worker: ids from a base");
  base_ = restored.base->offset;
  base_sure_ = restored.base_sure;
  next_ = Offset{base_->value + 1};
  core_.worker.parts.group.seek(core_.shard.partition, next_);
  return restore_windows(restored.base->windows, std::span(&aggregator, 1));
}

/// Rebuilds the window from so many frames before the watermark, or from the beginning of the log.
void PartitionReader::seek_back(std::uint64_t frames) {
  back_ = frames;
  core_.aggregator.ids() = IdWindow(core_.worker.options.ids_max);
  const Offset after{restored_at_.value + 1};
  const Offset wanted{after.value - std::min(frames, restored_at_.value)};
  next_ = first_ = std::min(std::max(wanted, core_.worker.parts.log.bounds(core_.shard.partition).begin), after);
  core_.worker.parts.group.seek(core_.shard.partition, next_);
}

/// The ids up to the watermark are seen. What is in the window depends on the last ids_max distinct ids alone, so it is
/// whole when it is full, or when the log was read from its very beginning.
void PartitionReader::rebuild() {
  const bool full = core_.aggregator.ids().size() == core_.worker.options.ids_max;
  if (base_ || full || first_ == Offset{1}) {
    state_ = State::kReading;
    if (read_beyond_) core_.worker.parts.group.seek(core_.shard.partition, next_);
    return;
  }
  const auto begin = core_.worker.parts.log.bounds(core_.shard.partition).begin;
  if (first_ > begin) {
    QUIPU_MARK("worker: ids from further back");
    return seek_back(back_ * 4);
  }
  if (trimmed_at_ != restored_from()) {
    begin_again_ = true;
    return;
  }
  alarm_ = Error{Code::kDamaged,
                 named() + ": the log begins at offset " + std::to_string(begin.value) +
                     ", and no base says which ids came before it: an id could be counted twice. Restore the records "
                     "or adopt the log as a new one",
                 0};
}

// Reading.

/// Whether `next_` can be read: not trimmed, and not behind an end that is before what was counted.
Result<bool> PartitionReader::place_is_there() {
  const auto bounds = core_.worker.parts.log.bounds(core_.shard.partition);
  if (bounds.end <= core_.aggregator.read()) {
    // What is known of a remote log's end may be old, for a while; longer where brokers do not answer.
    if (!end_missed_at_) {
      QUIPU_MARK("worker: the end of the log is missed");
      end_missed_at_ = core_.worker.steady;
    }
    const auto missed_for = core_.worker.steady - *end_missed_at_;
    if (missed_for < core_.worker.options.log_grace_ms) return false;
    if (core_.worker.parts.log.bounds_age_ms(core_.shard.partition) >= missed_for) return false;
    return failure(Code::kDamaged, named() + ": the log ends before offset " + std::to_string(bounds.end.value) +
                                       ", but it was counted up to offset " +
                                       std::to_string(core_.aggregator.read().value) +
                                       ": the log lost frames, or belongs to another store. Adopt it as a new log");
  }
  end_missed_at_.reset();
  if (next_ >= bounds.begin) return next_ < bounds.end;
  // Who has read on since may have lost the partition without knowing, and the log is trimmed behind its new owner.
  const bool read_on = core_.aggregator.read() > restored_at_;
  if (trimmed_at_ != restored_from() || read_on) {
    begin_again_ = true;
    return false;
  }
  return failure(Code::kDamaged, named() + ": the log begins at offset " + std::to_string(bounds.begin.value) +
                                     ", but offset " + std::to_string(next_.value) +
                                     " is still needed: frames were removed before they were read. Restore the "
                                     "records or adopt the log as a new one");
}

Result<void> PartitionReader::read_stretch() {
  auto read = core_.worker.parts.log.read(core_.shard.partition, next_, core_.worker.options.read_bytes);
  if (!read) {
    // Trimmed since the bounds were known: whether that is an alarm is decided as for every trimmed place.
    const bool trimmed = core_.worker.parts.log.bounds(core_.shard.partition).begin > next_;
    if (read.error().code == Code::kDamaged && !trimmed) {
      return failure(Code::kDamaged, named() + ": " + read.error().what);
    }
    ask_at_ = core_.worker.steady + core_.worker.options.retry_ms;
    return {};
  }
  if (read->frames.empty()) return {};
  stretch_ = std::move(*read);
  for (const LogRead::Item& item : stretch_.frames) {
    auto frame = decode_frame(stretch_.frame(item));
    if (!frame) {
      return failure(Code::kDamaged,
                     named() + ", offset " + std::to_string(item.offset.value) + ": " + frame.error().what);
    }
    if (auto sound = check(*frame, item); !sound) return sound;
    frames_.push_back(*frame);
  }
  ask_for_missing();
  return loaded() ? apply() : Result<void>();
}

/// A frame must be of this log and partition, and stand where the one before it ends.
Result<void> PartitionReader::check(const Frame& frame, const LogRead::Item& item) const {
  const auto wanted = next_.value + frames_.size();
  const auto place = named() + ", offset " + std::to_string(item.offset.value);
  if (item.offset.value != wanted) {
    return failure(Code::kDamaged,
                   place + " was read where offset " + std::to_string(wanted) + " is: frames are missing");
  }
  if (item.offset.value > kOffsetMax) return failure(Code::kDamaged, place + " is beyond what an offset can be");
  const FrameHeader& header = frame.header();
  if (header.identity != core_.worker.parts.log.identity()) {
    return failure(Code::kDamaged, place + " holds a frame of another log, of generation " +
                                       std::to_string(header.identity.generation.value) +
                                       ": the log was made anew or mixed up. Adopt it as a new log");
  }
  if (header.partition != core_.shard.partition) {
    return failure(Code::kDamaged, place + " holds a frame of partition " + std::to_string(header.partition.value));
  }
  return {};
}

// First touch.

void PartitionReader::ask_for_missing() {
  if (state_ == State::kRebuilding) return;
  MissingCounters missing(core_.worker.options.secret, core_.worker.options.table_hash_seed);
  for (const Frame& frame : frames_) missing.look(frame, core_.totals.table(), core_.worker.spaces);
  auto keys = missing.take();
  for (std::size_t at = 0; at < keys.size();) {
    const auto end = std::min(keys.size(), at + core_.worker.options.load_keys_max);
    loads_.emplace_back(std::make_move_iterator(keys.begin() + static_cast<std::ptrdiff_t>(at)),
                        std::make_move_iterator(keys.begin() + static_cast<std::ptrdiff_t>(end)));
    at = end;
  }
  send_loads();
}

void PartitionReader::send_loads() {
  while (!loads_.empty() && loading_ < kLoadsMax && load_at_ <= core_.worker.steady) {
    StoreLoad load;
    load.keys = std::move(loads_.back());
    loads_.pop_back();
    ++loading_;
    auto keys = load.keys;
    if (QUIPU_PLANTED("first-touch-trusts-cache")) core_.worker.parts.cache.get({0, keys});
    core_.worker.calls.load(core_.owner, std::move(load),
                            [this, keys = std::move(keys)](StoreCompletion& completion) mutable {
                              --loading_;
                              if (completion.result) return take_rows(completion.rows, keys);
                              failure_ = completion.result.error().what;
                              ++core_.worker.stats.store_failures;
                              load_at_ = core_.worker.steady + core_.worker.options.retry_ms;
                              loads_.push_back(std::move(keys));
                            });
  }
}

/// Of each counter the row of this shard alone; a counter without one is known to have none.
void PartitionReader::take_rows(const RowBatch& rows, const std::vector<CounterKey>& keys) {
  failure_.clear();
  NamespaceRegistry& spaces = core_.worker.spaces;
  if (QUIPU_PLANTED("first-touch-trusts-cache")) {
    std::vector<CacheAnswer> cached;
    core_.worker.parts.cache.take_answers(cached);
    for (const CacheAnswer& answer : cached) {
      for (const RowBatch::Item& item : answer.rows.items()) {
        if (item.shard != core_.shard) continue;
        core_.totals.load(spaces.restore(answer.rows.space(item)), answer.rows, std::span(&item, 1));
      }
    }
  }
  for (const RowBatch::Item& item : rows.items()) {
    if (item.shard != core_.shard) continue;
    const auto space = spaces.restore(rows.space(item));
    core_.totals.load(space, rows, std::span(&item, 1));
    core_.totals.count_existing(space, std::span(&item, 1));
    ++core_.worker.stats.rows_loaded;
  }
  CounterTable& table = core_.totals.table();
  for (const CounterKey& key : keys) {
    const auto space = spaces.restore(key.space);
    if (!table.contains(space, key.counter)) table.insert(space, key.space, key.counter);
  }
}

// Applying.

Result<void> PartitionReader::apply() {
  for (std::size_t i = 0; i < frames_.size(); ++i) {
    const auto offset = stretch_.frames[i].offset;
    if (state_ == State::kRebuilding) {
      // What stands behind the watermark is read again: the window may have to be rebuilt from further back.
      read_beyond_ = offset > restored_at_;
      if (read_beyond_) break;
      core_.aggregator.see_ids(frames_[i]);
    } else if (auto applied = apply(frames_[i], stretch_.frames[i]); !applied) {
      return applied;
    }
    next_ = Offset{offset.value + 1};
  }
  done_with_stretch();
  return {};
}

Result<void> PartitionReader::apply(const Frame& frame, const LogRead::Item& item) {
  resets_.clear();
  auto replayed = core_.aggregator.replay(frame, item.offset, core_.totals, core_.worker.spaces, resets_,
                                          core_.worker.stats.saturations);
  if (!replayed) return replayed;
  for (const Aggregator::Reset& reset : resets_) {
    const CounterTable& table = core_.totals.table();
    const Counter& counter = table.at(reset.counter);
    core_.relay.owe(item.offset, core_.worker.spaces.name(counter.space), table.name(counter), reset.epoch);
  }
  core_.newest_time = frame.header().base_time;
  core_.bytes_read += item.size;
  ++core_.worker.stats.frames;
  return {};
}

void PartitionReader::done_with_stretch() {
  frames_.clear();
  stretch_ = LogRead{};
  core_.totals.rest(kRestVisits);
}

TimeMs PartitionReader::due() const {
  if (state_ == State::kRestoring) return asked_ ? std::numeric_limits<TimeMs>::max() : ask_at_;
  if (parked()) return loads_.empty() || loading_ >= kLoadsMax ? std::numeric_limits<TimeMs>::max() : load_at_;
  if (end_missed_at_) {
    const auto believed = *end_missed_at_ + core_.worker.options.log_grace_ms;
    return believed > core_.worker.steady ? believed : core_.worker.steady + core_.worker.options.retry_ms;
  }
  if (state_ == State::kRebuilding) return ask_at_;
  return ask_at_ > core_.worker.steady ? ask_at_ : std::numeric_limits<TimeMs>::max();
}

}  // namespace quipu
