#include "sim/store.h"

#include <algorithm>

namespace quipu::sim {

void SimStore::perform(std::size_t count) {
  for (; count > 0 && !waiting_.empty(); --count) {
    const auto request = waiting_.front();
    waiting_.pop_front();
    const bool failed = fails(request.kind);
    if (failed) store_.fail_next(request.kind, {Code::kBusy, "the store's disk is full", 100});
    store_.perform(1);
    if (request.kind != StoreCompletion::Kind::kBase || failed) continue;
    checkpoints_.insert_or_assign(request.base, copy());
    std::erase_if(checkpoints_, [&](const auto& kept) { return kept.first > request.base; });
    while (checkpoints_.size() > 2) checkpoints_.erase(checkpoints_.begin());
  }
}

bool SimStore::fails(StoreCompletion::Kind kind) {
  if (!faulty) return false;
  switch (kind) {
    case StoreCompletion::Kind::kWrite:
      if (!random_.one_in(rates_.store_write_fails)) return false;
      trace_.fault(Fault::kStoreWriteFails);
      return true;
    case StoreCompletion::Kind::kLoad:
    case StoreCompletion::Kind::kScan:
      if (!random_.one_in(rates_.store_read_fails)) return false;
      trace_.fault(Fault::kStoreReadFails);
      return true;
    case StoreCompletion::Kind::kBase:
      if (!random_.one_in(rates_.store_base_fails)) return false;
      trace_.fault(Fault::kStoreBaseFails);
      return true;
    case StoreCompletion::Kind::kForgot:
      break;
  }
  return false;
}

void SimStore::crash() {
  const auto unsynced = store_.unsynced();
  const auto kept = random_.below(unsynced + 1);
  if (kept < unsynced) trace_.fault(Fault::kStoreForgets, std::to_string(unsynced - kept) + " writes");
  store_.crash(kept);
  waiting_.clear();
}

std::optional<MemoryStore> SimStore::checkpoint(Offset offset) const {
  const auto found = checkpoints_.find(offset);
  if (found == checkpoints_.end()) return std::nullopt;
  return found->second;
}

std::optional<Offset> SimStore::base_from(Offset offset) const {
  const auto found = checkpoints_.lower_bound(offset);
  if (found == checkpoints_.end()) return std::nullopt;
  return found->first;
}

MemoryStore SimStore::copy() const {
  auto copy = store_;
  copy.crash(copy.unsynced());  // What waits must not be done.
  return copy;
}

RowBatch SimStore::rows() const {
  auto all = copy();
  all.hold(false);
  all.scan({0, 0, SIZE_MAX});
  std::vector<StoreCompletion> scanned;
  all.take_completions(scanned);
  return std::move(scanned.at(0).rows);
}

void SimStore::write(StoreWrite request) {
  waiting_.push_back({StoreCompletion::Kind::kWrite, {}});
  store_.write(std::move(request));
}

void SimStore::load(StoreLoad request) {
  waiting_.push_back({StoreCompletion::Kind::kLoad, {}});
  store_.load(std::move(request));
}

void SimStore::scan(StoreScan request) {
  waiting_.push_back({StoreCompletion::Kind::kScan, {}});
  store_.scan(request);
}

void SimStore::write_base(Base base, std::uint64_t token) {
  waiting_.push_back({StoreCompletion::Kind::kBase, base.offset});
  store_.write_base(std::move(base), token);
}

}  // namespace quipu::sim
