#include "worker/epoch_teller.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/planted.h"
#include "event/entry.h"

namespace quipu {
namespace {

/// The highest epoch of each counter of a page that was reset.
std::map<std::pair<std::string, std::string>, Epoch> epochs_of(const RowBatch& rows) {
  std::map<std::pair<std::string, std::string>, Epoch> epochs;
  for (const auto& item : rows.items()) {
    if (item.row.epoch == Epoch{}) continue;
    Epoch& newest = epochs[{std::string(rows.space(item)), std::string(rows.counter(item))}];
    newest = std::max(newest, item.row.epoch);
  }
  return epochs;
}

}  // namespace

Result<bool> EpochTeller::step(TimeMs steady, TimeMs wall) {
  if (!moved_at_) moved_at_ = steady;
  if (auto taken = take_page(steady); !taken) return std::unexpected(taken.error());
  if (page_) {
    tell(*std::exchange(page_, std::nullopt), wall);
    moved_at_ = steady;
  }
  if (auto taken = take_appended(steady, wall); !taken) return std::unexpected(taken.error());
  if (frames_under_way_ == 0) {
    if (!from_) return true;
    ask(steady);
  }
  if (steady - *moved_at_ < options_.stall_ms) return false;
  return failure(Code::kTimeout, (frames_under_way_ > 0 ? "the log has taken nothing" : why_) + " for " +
                                     std::to_string(options_.stall_ms / 1'000) + " s");
}

/// One page at a time, and none while the log has not all of the one before: that bounds what waits.
void EpochTeller::ask(TimeMs steady) {
  if (asked_ || steady < ask_at_) return;
  asked_ = true;
  store_.scan({++token_, *from_, options_.page_rows});
}

Result<void> EpochTeller::take_page(TimeMs steady) {
  completions_.clear();
  store_.take_completions(completions_);
  for (StoreCompletion& completion : completions_) {
    const bool page = completion.kind == StoreCompletion::Kind::kScan && completion.token == token_;
    if (!asked_ || !page) continue;
    asked_ = false;
    if (completion.result) {
      from_ = completion.next;
      page_ = std::move(completion.rows);
      continue;
    }
    const auto code = completion.result.error().code;
    if (code != Code::kBusy && code != Code::kUnknown) return std::unexpected(completion.result.error());
    why_ = completion.result.error().what;
    ask_at_ = steady + options_.retry_ms;
  }
  return {};
}

void EpochTeller::tell(const RowBatch& rows, TimeMs wall) {
  const auto epochs = epochs_of(rows);
  counters_ += epochs.size();
  std::vector<Entry> entries;
  const auto send = [&] {
    for (auto at = options_.first; at < options_.end; ++at) appender_.append(PartitionId{at}, entries, at);
    frames_under_way_ += options_.end - options_.first;
    entries.clear();
  };
  for (const auto& [name, epoch] : epochs) {
    QUIPU_MARK("growth: tells of a reset");
    Entry& entry = entries.emplace_back();
    entry.kind = EntryKind::kReset;
    entry.events = 0;
    entry.space = name.first;
    entry.counter = name.second;
    entry.epoch = epoch;
    entry.time = wall;
    if (entries.size() == options_.entries_per_frame) send();
  }
  if (!entries.empty()) send();
}

Result<void> EpochTeller::take_appended(TimeMs steady, TimeMs wall) {
  appended_.clear();
  appender_.step(steady, wall, appended_);
  for (const auto& each : appended_) {
    if (!each.offset) return std::unexpected(each.offset.error());
    --frames_under_way_;
    moved_at_ = steady;
  }
  return {};
}

}  // namespace quipu
