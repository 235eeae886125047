#include "api/known_totals.h"

#include <algorithm>
#include <utility>

#include "base/planted.h"

namespace quipu {
KnownTotals::KnownTotals(const KnownTotalsOptions& options, const EventLog& log)
    : options_(options), log_(log), generation_(log.identity().generation), fates_(kFatesKept) {}

KnownTotals::Known& KnownTotals::use(const Named& counter) {
  Known* const known = find(counter);
  Known& used = known != nullptr ? *known : make(counter.routing);
  used.used = true;
  return used;
}

/// A slot for a new counter: another one, or that of the first that the hand meets and that was not used since it
/// passed.
KnownTotals::Known& KnownTotals::make(std::uint64_t routing) {
  if (slots_.size() < options_.counters_max) {
    places_.emplace(routing, static_cast<std::uint32_t>(slots_.size()));
    Known& known = slots_.emplace_back();
    known.routing = routing;
    known.kept_as = ++kept_;
    return known;
  }
  while (std::exchange(slots_[hand_].used, false)) hand_ = (hand_ + 1) % slots_.size();
  Known& known = slots_[hand_];
  adds_ -= known.adds.size();
  places_.erase(known.routing);
  places_.emplace(routing, static_cast<std::uint32_t>(hand_));
  known = Known{};
  known.routing = routing;
  known.kept_as = ++kept_;
  hand_ = (hand_ + 1) % slots_.size();
  return known;
}

const KnownTotals::Fate* KnownTotals::fate(std::uint64_t serial) const {
  const Fate& fate = fates_[serial % kFatesKept];
  return fate.serial == serial ? &fate : nullptr;
}

KnownTotals::Added KnownTotals::add(const Named& counter, std::int64_t delta, PartitionId partition,
                                    std::uint64_t serial, std::uint64_t batch, TimeMs now) {
  Known& known = use(counter);
  Added added;
  added.based = known.based;
  added.existed = known.exists;
  if (known.based) {
    const Wide total = Wide{saturate(known.anchor + known.sum)} + delta;
    added.overflows = !fits(total);
    added.total = saturate(total);
    if (added.overflows) return added;
  }
  note(known, delta, partition, serial);
  added.place = {known.sum, known.kept_as};
  added.fresh = known.doubtful;
  added.wants_base = wants_base(known, batch, now);
  return added;
}

/// The first of a frame that is noted here; it was not given to the log yet.
void KnownTotals::begin(std::uint64_t serial, PartitionId partition) {
  Fate& fate = fates_[serial % kFatesKept];
  if (fate.serial != serial) fate = {serial, false, false, std::nullopt, log_.bounds(partition).end};
}

void KnownTotals::note(Known& known, std::int64_t delta, PartitionId partition, std::uint64_t serial) {
  known.sum += delta;
  known.exists = true;
  begin(serial, partition);
  std::int64_t both = 0;
  if (!known.adds.empty() && known.adds.back().serial == serial &&
      !__builtin_add_overflow(known.adds.back().delta, delta, &both)) {
    known.adds.back().delta = both;
  } else if (known.adds.size() < options_.adds_per_counter_max && adds_ < options_.adds_max) {
    known.adds.push_back({serial, delta, 0, partition});
    ++adds_;
  } else {
    known.full = true;
  }
}

void KnownTotals::set(const Named& counter, std::int64_t value, bool exists, PartitionId partition,
                      std::uint64_t serial) {
  Known& known = use(counter);
  adds_ -= known.adds.size();
  known.adds.clear();
  // The sums that were answered before go on meaning the totals that they meant.
  known.sum = value - known.anchor;
  known.based = true;
  known.exists = exists;
  known.saturated = false;
  known.full = false;
  known.reset = serial;
  begin(serial, partition);
}

std::optional<std::int64_t> KnownTotals::value(const Named& counter, std::optional<Place> place) const {
  const Known* const known = find(counter);
  if (known == nullptr || !known->based) return std::nullopt;
  if (place && place->kept_as != known->kept_as) return std::nullopt;
  // What a total was before it was held is not known: the events that came then may be in it or not.
  const Wide total = known->anchor + (place && !known->saturated ? place->sum : known->sum);
  return saturate(total);
}

std::optional<bool> KnownTotals::exists(const Named& counter) const {
  const Known* const known = find(counter);
  if (known == nullptr) return std::nullopt;
  if (known->exists || known->based) return known->exists;
  return std::nullopt;
}

bool KnownTotals::wants_base(Known& known, std::uint64_t batch, TimeMs now) const {
  if (!known.based) {
    const bool failed = known.failed_at != 0 && now - known.failed_at < options_.retry_ms && now >= known.failed_at;
    return !failed && std::exchange(known.asked_for, batch) != batch;
  }
  const auto due_ms = known.doubtful ? options_.retry_ms : options_.rebase_ms;
  if (now - known.based_at < due_ms && now >= known.based_at) return false;
  known.based_at = now;  // Asked for; until then it serves as it is.
  known.doubtful = false;
  return true;
}

bool KnownTotals::is_flushed(const Add& add, const FlushedMarks& marks) const {
  const Fate* const frame = fate(add.serial);
  if (frame == nullptr) return true;
  const auto flushed = marks.offset(add.partition);
  return frame->done && frame->offset && flushed != kNoOffset && flushed >= *frame->offset;
}

/// Whether these rows may have it, and nobody can say.
bool KnownTotals::may_be_in(const Add& add, const CounterTotal& total, std::uint32_t reading) const {
  const Fate* const frame = fate(add.serial);
  if (frame == nullptr || (add.flushed != 0 && add.flushed <= reading)) return false;
  if (frame->done && !(frame->offset && frame->resent)) return false;
  const auto row = std::ranges::find(total.shards, ShardId{generation_, add.partition}, &CounterTotal::Shard::id);
  if (row == total.shards.end() || row->row.applied < frame->least) return false;
  return !frame->done || row->row.applied < *frame->offset;
}

std::uint32_t KnownTotals::fresh_base_asked(const Named& counter, const FlushedMarks& marks) {
  if (++readings_ == 0) ++readings_;
  Known* const known = find(counter);
  if (known == nullptr) return readings_;
  for (Add& add : known->adds) {
    if (add.flushed == 0 && is_flushed(add, marks)) add.flushed = readings_;
  }
  return readings_;
}

void KnownTotals::base_failed(const Named& counter, TimeMs now) {
  if (Known* const known = find(counter)) known->failed_at = now;
}

void KnownTotals::rebase(const Named& counter, const CounterTotal& total, std::uint32_t reading,
                         const FlushedMarks& marks, TimeMs now) {
  Known* const known = find(counter);
  if (known == nullptr) return;
  if (known->reset != 0) {
    const Fate* const reset = fate(known->reset);
    if (reset != nullptr && !reset->done) return;
    if (reset != nullptr && reset->offset && total.epoch < epoch_of(generation_, *reset->offset)) {
      QUIPU_MARK("node: a base from before an own reset");
      return;
    }
    known->reset = 0;
  }
  if (known->based && known->full) return;
  if (std::ranges::any_of(known->adds, [&](const Add& add) { return may_be_in(add, total, reading); })) {
    QUIPU_MARK("node: a base may have an event of unknown place");
    known->failed_at = now;
    known->doubtful |= std::ranges::any_of(known->adds, [&](const Add& add) { return is_flushed(add, marks); });
    return;
  }
  // What of the own events the rows do not have yet.
  Wide lacking = 0;
  known->doubtful = false;
  std::erase_if(known->adds, [&](const Add& add) {
    const Fate* const frame = fate(add.serial);
    if (frame == nullptr || (frame->done && !frame->offset)) {
      --adds_;
      return true;
    }
    if (frame->done) {
      const auto row = std::ranges::find(total.shards, ShardId{generation_, add.partition}, &CounterTotal::Shard::id);
      const bool in_row = row != total.shards.end() && row->row.applied >= *frame->offset;
      if (in_row || (add.flushed != 0 && add.flushed <= reading)) {
        --adds_;
        return true;
      }
    }
    known->doubtful |= is_flushed(add, marks);
    lacking += add.delta;
    return false;
  });
  // Where it is too much, it will be held at the end of the range, too.
  if (known->doubtful) QUIPU_MARK("node: a base lacks what was flushed");
  known->saturated = total.saturated || !fits(total.value + lacking);
  known->anchor = saturate(total.value + lacking) - known->sum;
  known->exists = total.exists || !known->adds.empty();
  known->based = true;
  known->based_at = now;
  known->failed_at = 0;
}

void KnownTotals::frame_done(std::uint64_t serial, std::optional<Offset> offset, bool resent) {
  Fate& fate = fates_[serial % kFatesKept];
  if (fate.serial != serial) return;  // Nothing of it was noted.
  fate.done = true;
  fate.resent = resent;
  fate.offset = offset;
}

}  // namespace quipu
