#include "aggregate/source_table.h"

#include <algorithm>

namespace quipu {

std::uint64_t SourceTable::last(const Hash128& source) const {
  const auto found = sources_.find(source);
  return found == sources_.end() ? 0 : found->second.sequence;
}

Offset SourceTable::touched(const Hash128& source) const {
  const auto found = sources_.find(source);
  return found == sources_.end() ? kNoOffset : found->second.touched;
}

bool SourceTable::advance(const Hash128& source, std::uint64_t sequence, Offset offset) {
  if (restored_) {
    std::sort(order_.begin(), order_.end());
    restored_ = false;
  }
  State& state = sources_[source];
  if (state.touched != offset) {
    state.touched = offset;
    order_.emplace_back(offset, source);
    if (ranked_ == offset) ranked_.reset();
  }
  if (!state.changed) {
    state.changed = true;
    changed_.push_back(source);
  }
  const bool fresh = sequence > state.sequence;
  if (fresh) state.sequence = sequence;
  forget_beyond_bound();
  return fresh;
}

void SourceTable::restore(const SourceRow& row) {
  sources_[row.source] = {row.sequence, row.touched, false};
  order_.emplace_back(row.touched, row.source);
  restored_ = true;
}

void SourceTable::forget_beyond_bound() {
  const auto stale = [this](const auto& entry) {
    const auto found = sources_.find(entry.second);
    return found == sources_.end() || found->second.touched != entry.first;
  };
  while (!order_.empty()) {
    const auto [oldest, source] = order_.front();
    if (!stale(order_.front())) {
      if (sources_.size() <= sources_max_) break;
      if (ranked_ != oldest) {
        const auto of_another = [oldest](const auto& entry) { return entry.first != oldest; };
        std::sort(order_.begin(), std::find_if(order_.begin(), order_.end(), of_another));
        ranked_ = oldest;
        continue;
      }
      const auto found = sources_.find(source);
      if (!found->second.changed) changed_.push_back(source);
      sources_.erase(found);
    }
    order_.pop_front();
  }
  if (order_.size() > 2 * sources_max_ + 64) std::erase_if(order_, stale);
}

void SourceTable::take_changes(std::vector<SourceRow>& out) {
  for (const Hash128& source : changed_) {
    const auto found = sources_.find(source);
    if (found == sources_.end()) {
      out.push_back({partition_, source, 0, Offset{}, true});
    } else {
      found->second.changed = false;
      out.push_back({partition_, source, found->second.sequence, found->second.touched, false});
    }
  }
  changed_.clear();
}

void SourceTable::changed_again(const std::vector<SourceRow>& rows) {
  for (const SourceRow& row : rows) {
    if (row.partition != partition_) continue;
    const auto found = sources_.find(row.source);
    if (found != sources_.end()) {
      if (found->second.changed) continue;
      found->second.changed = true;
    }
    changed_.push_back(row.source);
  }
}

}  // namespace quipu
