#include "aggregate/record_arena.h"

#include <utility>

#include "base/check.h"

namespace quipu {

RecordRef RecordArena::append(std::size_t bytes) {
  QUIPU_CHECK(bytes % kUnit == 0 && bytes <= 4096);
  if (row_.empty() || kChunkBytes - used_ < bytes) {
    std::uint32_t slot;
    if (free_slots_.empty()) {
      QUIPU_CHECK(slots_.size() < kChunksMax);
      slot = static_cast<std::uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      slot = free_slots_.back();
      free_slots_.pop_back();
    }
    slots_[slot] = blocks_.take();
    row_.push_back({slot, 0});
    used_ = 0;
  }
  const auto ref = static_cast<RecordRef>(row_.back().slot << 16 | used_ / kUnit);
  used_ += bytes;
  row_.back().used = static_cast<std::uint32_t>(used_);
  return ref;
}

RecordRef RecordArena::record_at(Position& position) const {
  if (position.chunk < first_) position = {first_, 0};
  while (position.chunk - first_ < row_.size()) {
    const InRow& chunk = row_[position.chunk - first_];
    if (position.at < chunk.used) return static_cast<RecordRef>(chunk.slot << 16 | position.at / kUnit);
    if (position.chunk - first_ + 1 == row_.size()) break;
    position = {position.chunk + 1, 0};
  }
  return kNoRecord;
}

void RecordArena::drop_behind_hand() {
  while (first_ < hand_.chunk && !row_.empty()) {
    const auto slot = row_.front().slot;
    blocks_.give_back(std::exchange(slots_[slot], nullptr));
    free_slots_.push_back(slot);
    dead_bytes_ -= row_.front().used;
    row_.pop_front();
    ++first_;
  }
}

}  // namespace quipu
