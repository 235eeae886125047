#include "worker/reset_relay.h"

#include <algorithm>
#include <limits>

#include "base/planted.h"

namespace quipu {

void ResetRelay::owe(Offset offset, std::string_view space, std::string_view counter, Epoch epoch) {
  if (QUIPU_PLANTED("reset-not-passed-on")) return;
  owed_.push_back({offset, std::string(space), std::string(counter), epoch, core_.steady});
}

std::optional<Offset> ResetRelay::oldest() const {
  if (owed_.empty()) return std::nullopt;
  return owed_.front().offset;
}

void ResetRelay::step() {
  if (owed_.empty()) return;
  know_targets();
  for (std::uint16_t target = 0; target < core_.parts.log.partitions(); ++target) {
    if (target != home_.value) send(target);
  }
  drop_finished();
}

/// A log may have got more partitions: they are told of what is still owed, like the others.
void ResetRelay::know_targets() {
  while (targets_.size() < core_.parts.log.partitions()) targets_.push_back({finished_});
}

void ResetRelay::send(std::uint16_t number) {
  Target& target = targets_[number];
  target.has = std::max(target.has, finished_);
  const auto end = std::min(finished_ + owed_.size(), target.has + kEntriesPerFrame);
  if (target.sending || target.send_at > core_.steady || target.has == end) return;
  std::vector<Entry> entries;
  for (auto at = target.has; at < end; ++at) {
    const Owed& owed = owed_[at - finished_];
    Entry entry;
    entry.kind = EntryKind::kReset;
    entry.events = 0;
    entry.space = owed.space;
    entry.counter = owed.counter;
    entry.epoch = owed.epoch;
    entry.time = core_.wall;
    entries.push_back(entry);
  }
  target.sending = true;
  core_.calls.append(owner_, PartitionId{number}, entries, [this, number, end](const Result<Offset>& offset) {
    Target& told = targets_[number];
    told.sending = false;
    if (offset) {
      told.has = end;
      drop_finished();
    } else {
      told.send_at = core_.steady + core_.options.retry_ms;
    }
  });
}

void ResetRelay::drop_finished() {
  know_targets();
  auto all_have = finished_ + owed_.size();
  for (std::size_t target = 0; target < targets_.size(); ++target) {
    if (target != home_.value) all_have = std::min(all_have, targets_[target].has);
  }
  const auto as_of = partitions_as_of();
  for (; finished_ < all_have && owed_.front().since <= as_of; ++finished_) {
    owed_.pop_front();
    ++core_.stats.resets_passed_on;
  }
}

TimeMs ResetRelay::due() const {
  auto due = std::numeric_limits<TimeMs>::max();
  for (const Target& target : targets_) {
    if (!target.sending && target.has < finished_ + owed_.size()) due = std::min(due, target.send_at);
  }
  return due;
}

}  // namespace quipu
