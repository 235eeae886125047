#include "log/tail_cache.h"

#include <algorithm>
#include <cstring>

namespace quipu {

void TailCache::add(Offset first, std::uint32_t frames, ByteView bytes) {
  if (bytes.size() > bytes_max_) {
    groups_.clear();
    write_at_ = 0;
    return;
  }
  if (ring_.empty()) ring_.resize(bytes_max_);
  // Everything that the new group overwrites goes, and at the end of the ring what would be left alone behind it.
  if (write_at_ + bytes.size() > ring_.size()) {
    while (!groups_.empty() && groups_.front().at >= write_at_) groups_.pop_front();
    write_at_ = 0;
  }
  const auto end = write_at_ + bytes.size();
  while (!groups_.empty() && groups_.front().at >= write_at_ && groups_.front().at < end) groups_.pop_front();
  std::memcpy(ring_.data() + write_at_, bytes.data(), bytes.size());
  groups_.push_back({first, frames, write_at_, bytes.size()});
  write_at_ = end;
}

const TailCache::Group* TailCache::find(Offset offset) const {
  auto after = std::upper_bound(groups_.begin(), groups_.end(), offset,
                                [](Offset value, const Group& group) { return value < group.first; });
  if (after == groups_.begin()) return nullptr;
  const auto& group = *std::prev(after);
  return offset.value < group.first.value + group.frames ? &group : nullptr;
}

}  // namespace quipu
