#include "engine/recovery.h"

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "aggregate/base_windows.h"
#include "aggregate/missing_counters.h"
#include "aggregate/partition_state.h"
#include "base/check.h"
#include "base/failpoint.h"
#include "base/planted.h"
#include "event/frame.h"
#include "ingest/names.h"
#include "ingest/policy_text.h"
#include "log/decoding_scan.h"

namespace quipu {
namespace {

constexpr std::size_t kStretchBytes = std::size_t{1} << 20;
constexpr std::size_t kEvictVisits = 100'000;

}  // namespace

Result<void> Recovery::start() {
  if (!core_.log.commits_atomically()) {
    return failure(Code::kRefused, "this log can not be owned by one process: it does not commit as a whole");
  }
  if (auto restored = restore_settings(); !restored) return restored;
  if (auto restored = restore_watermarks(); !restored) return restored;
  return restore_base();
}

Result<void> Recovery::restore_settings() {
  const auto settings = core_.store.settings();
  if (!settings) return std::unexpected(settings.error());
  for (const auto& [name, text] : *settings) {
    const auto space = namespace_of_setting(name);
    if (space.empty()) continue;
    const auto policy = parse_policy(text);
    if (!policy) return std::unexpected(policy.error());
    if (!validate_namespace(space)) return failure(Code::kDamaged, "the store has a setting called " + name);
    core_.spaces.set_policy(core_.spaces.restore(space), *policy);
  }
  for (const auto& name : core_.options.namespaces_present) {
    if (auto valid = validate_namespace(name); !valid) return valid;
    core_.spaces.restore(name);
  }
  for (const auto& [name, policy] : core_.options.namespaces) {
    if (auto valid = validate_namespace(name); !valid) return valid;
    core_.spaces.set_policy(core_.spaces.restore(name), policy);
  }
  return {};
}

Result<void> Recovery::restore_watermarks() {
  const auto watermarks = core_.store.watermarks();
  if (!watermarks) return std::unexpected(watermarks.error());
  for (const Watermark& mark : *watermarks) {
    if (mark.partition.value >= core_.partitions.size()) {
      return failure(Code::kDamaged, "the store has a watermark of partition " + std::to_string(mark.partition.value) +
                                         ", the log only " + std::to_string(core_.partitions.size()) + " partitions");
    }
    if (auto restored = restore_watermark(mark, core_.partitions[mark.partition.value]); !restored) return restored;
  }
  const auto sources = core_.store.sources();
  if (!sources) return std::unexpected(sources.error());
  for (Aggregator& partition : core_.partitions) restore_sources(*sources, partition);
  watermark_ = core_.partitions.front().read();
  for (const Aggregator& partition : core_.partitions) watermark_ = std::min(watermark_, partition.read());
  return {};
}

Result<void> Recovery::restore_base() {
  for (auto limit = watermark_; limit != kNoOffset;) {
    const auto base = core_.store.newest_base(limit);
    if (!base) return std::unexpected(base.error());
    if (!*base) break;
    const auto generation = generation_of_windows((*base)->windows);
    if (!generation) return std::unexpected(generation.error());
    if (*generation == core_.log.identity().generation) {
      QUIPU_MARK("recovery from a base");
      base_ = (*base)->offset;
      if (auto restored = restore_windows((*base)->windows, core_.partitions); !restored) return restored;
      break;
    }
    limit = Offset{(*base)->offset.value - 1};  // Of another log: its offsets mean nothing here.
  }
  const auto bounds = core_.log.bounds(PartitionId{0});
  next_ = Offset{base_.value + 1};
  end_ = bounds.end;
  if (bounds.begin > next_) {
    return failure(Code::kDamaged, "the log begins at offset " + std::to_string(bounds.begin.value) + ", but offset " +
                                       std::to_string(next_.value) +
                                       " is still needed: frames were removed before they were read");
  }
  for (const Aggregator& partition : core_.partitions) {
    if (partition.read() >= end_) {
      return failure(Code::kDamaged, "the log ends before offset " + std::to_string(end_.value) +
                                         ", but the store has counted up to offset " +
                                         std::to_string(partition.read().value) + " of partition " +
                                         std::to_string(partition.shard().partition.value) +
                                         ": the log lost frames, or belongs to another store");
    }
  }
  core_.newest = core_.durable = watermark_;
  flusher_.set_flushed(watermark_);
  return {};
}

std::uint64_t Recovery::left() const { return stage_ == Stage::kDone ? 0 : end_.value - next_.value + 1; }

Result<bool> Recovery::step() {
  if (store_error_) return std::unexpected(*store_error_);
  if (waiting_) return false;
  switch (stage_) {
    case Stage::kScan:
      ask_for_page();
      return false;
    case Stage::kRead:
      if (auto read = read_stretch(); !read) return std::unexpected(read.error());
      return stage_ == Stage::kDone;
    case Stage::kDone:
      break;
  }
  return true;
}

void Recovery::ask_for_page() {
  StoreScan scan;
  scan.from = scan_from_;
  waiting_ = true;
  core_.scan(scan, [this](StoreCompletion& completion) {
    waiting_ = false;
    if (!completion.result) {
      store_error_ = completion.result.error();
      return;
    }
    take_page(completion.rows);
    if (completion.next) {
      scan_from_ = *completion.next;
      return;
    }
    core_.totals.set_complete(!table_full_);
    stage_ = Stage::kRead;
  });
}

void Recovery::take_page(const RowBatch& rows) {
  // The whole store is walked even when the table is full, since only so is the number of counters exact.
  for_each_counter(rows, [&](std::string_view space, std::string_view counter, std::span<const RowBatch::Item> items) {
    const auto id = core_.spaces.restore(space);
    core_.totals.count_existing(id, items);
    table_full_ |=
        core_.totals.table().live_bytes() + CounterTable::cost(counter.size()) > core_.options.table_bytes_max;
    if (!table_full_) core_.totals.table().rest(core_.totals.load(id, rows, items));
  });
}

Result<void> Recovery::read_stretch() {
  // Between two stretches only: what was loaded for one stays until it is applied.
  const bool overfull = stretch_.frames.empty() && core_.table_overfull();
  if (overfull) {
    core_.totals.tidy(kEvictVisits);
    core_.stats.rows_evicted += core_.totals.evict(core_.options.table_bytes_max, kEvictVisits);
  }
  if (overfull || core_.dirty_bytes() > core_.options.dirty_bytes_max) {
    // What is replayed goes to the store before more is read: memory stays within its bounds here, too.
    QUIPU_MARK("recovery flushes before it goes on");
    flusher_.request(false);
    flusher_.step();
    return {};
  }
  if (stretch_.frames.empty()) {
    if (!scan_) begin_scan();
    auto read = scan_->next();
    if (!read) return std::unexpected(read.error());
    stretch_ = std::move(*read);
    if (stretch_.frames.empty()) {
      core_.newest = core_.durable = Offset{end_.value - 1};
      for (Aggregator& partition : core_.partitions) partition.set_read(std::max(partition.read(), core_.newest));
      flusher_.set_base(base_, bytes_read_);
      stage_ = Stage::kDone;
      return {};
    }
    if (!load_missing()) return {};
  }
  QUIPU_FAILPOINT("recovery.stretch");
  return apply_stretch();
}

void Recovery::begin_scan() {
  scan_ = std::make_unique<DecodingScan>(core_.log.scan(next_, kStretchBytes));
  if (core_.options.read_ahead) scan_ = core_.options.read_ahead(std::move(scan_));
}

bool Recovery::load_missing() {
  if (core_.totals.complete()) return true;
  MissingCounters missing(core_.options.secret, core_.options.table_hash_seed);
  for (std::size_t at = 0; at < stretch_.frames.size(); ++at) {
    const LogRead::Item& item = stretch_.frames[at];
    if (item.offset <= core_.partitions[item.partition.value].read()) continue;
    missing.look(stretch_.decoded[at], core_.totals.table(), core_.spaces);
  }
  StoreLoad load;
  load.keys = missing.take();
  if (load.keys.empty()) return true;
  QUIPU_MARK("recovery reads counters back");
  waiting_ = true;
  auto keys = load.keys;
  core_.load(std::move(load), [this, keys = std::move(keys)](StoreCompletion& completion) {
    waiting_ = false;
    if (!completion.result) {
      store_error_ = completion.result.error();
      return;
    }
    core_.load_rows(completion.rows);
    for (const CounterKey& key : keys) {  // Those without rows are known to have none.
      const auto space = core_.spaces.restore(key.space);
      if (core_.totals.table().find(space, key.counter) == kNoCounter) {
        core_.totals.table().insert(space, key.space, key.counter);
      }
    }
  });
  return false;
}

Result<void> Recovery::apply_stretch() {
  for (std::size_t at = 0; at < stretch_.frames.size(); ++at) {
    const LogRead::Item& item = stretch_.frames[at];
    const Frame& frame = stretch_.decoded[at];
    if (frame.header().identity != core_.log.identity()) {
      return failure(Code::kDamaged, "offset " + std::to_string(item.offset.value) + " holds a frame of another log");
    }
    Aggregator& partition = core_.partitions[item.partition.value];
    if (item.offset <= partition.read()) {
      QUIPU_MARK("recovery sees ids alone");
      partition.see_ids(frame);
    } else {
      resets_.clear();  // They were passed on in the same commit.
      auto replayed =
          partition.replay(frame, item.offset, core_.totals, core_.spaces, resets_, core_.stats.saturations);
      if (!replayed) return replayed;
      core_.stats.replayed_frames += 1;
      core_.stats.frames_delivered += 1;
    }
    core_.newest = core_.durable = std::max(core_.newest, item.offset);
    bytes_read_ += item.size;
  }
  next_ = stretch_.next;
  scan_->give_back(std::exchange(stretch_, {}));
  core_.totals.rest(kEvictVisits);
  if (core_.totals.table().live_bytes() > core_.options.table_bytes_max) {
    core_.stats.rows_evicted += core_.totals.evict(core_.options.table_bytes_max, kEvictVisits);
    flusher_.request(false);
  }
  flusher_.step();
  return {};
}

}  // namespace quipu
