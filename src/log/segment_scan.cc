#include "log/segment_scan.h"

#include <utility>

namespace quipu {

Result<LogRead> SegmentScan::next() {
  LogRead out = std::exchange(spent_, {});
  out.bytes.clear();
  out.frames.clear();
  out.next = next_;
  // With the rest of a group, so that it is not moved while it grows.
  out.bytes.reserve(bytes_max_ + SegmentWalk::kWindowBytes);
  while (!segments_.empty() && out.bytes.size() < bytes_max_) {
    const Segment& segment = segments_.front();
    if (!walk_) {
      walk_.emplace(disk_, segment.number, segment.bytes, segment_seed(identity_, segment.number), place_, segment.end,
                    std::move(window_));
    }
    while (!walk_->at_end() && out.bytes.size() < bytes_max_) {
      if (auto read = walk_->step(std::nullopt, out); !read) return std::unexpected(std::move(read.error()));
    }
    if (walk_->at_end()) {
      place_ = {walk_->place().first, kBlockBytes};
      window_ = walk_->take_memory();
      walk_.reset();
      segments_.pop_front();
    }
  }
  next_ = out.next;
  if (behind_ && !out.frames.empty()) {
    // Who applies the frames takes longer than who reads them: the rest is looked at meanwhile.
    if (auto sound = behind_->check_some(); !sound) return std::unexpected(std::move(sound.error()));
  } else if (behind_) {
    if (auto sound = behind_->check(); !sound) return std::unexpected(std::move(sound.error()));
  }
  return out;
}

}  // namespace quipu
