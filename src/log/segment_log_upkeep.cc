#include <algorithm>

#include "base/check.h"
#include "base/planted.h"
#include "log/segment_log.h"

/// Segments that are made ahead, and those that go.
namespace quipu {

namespace {

constexpr std::int64_t kRetryMs = 1'000;
/// A clock that jumped makes a segment no dearer than that.
constexpr std::int64_t kCreateMsMax = 60'000;

}  // namespace

void SegmentLog::tick(TimeMs now) {
  if (now < now_ && !QUIPU_PLANTED("clock-back-stops-retries")) {
    // The clock jumped back. What is waited for is near all the same, and not when the clock is again where it was.
    create_retry_at_ = std::min(create_retry_at_, now + kRetryMs);
    remove_retry_at_ = std::min(remove_retry_at_, now + kRetryMs);
    create_begun_ = std::min(create_begun_, now);
    writing_begun_ = std::min(writing_begun_, now);
  }
  now_ = QUIPU_PLANTED("clock-back-stops-retries") ? std::max(now_, now) : now;
}

void SegmentLog::allow_trim(Offset offset) { trim_below_ = std::max(trim_below_, std::min(offset, durable_end_)); }

void SegmentLog::make_spare() {
  if (spare_ || creating_ || failure_ || now_ < create_retry_at_) return;
  creating_ = true;
  create_begun_ = now_;
  disk_.begin_create(next_number_, options_.segment_bytes);
}

void SegmentLog::finish_create(const DiskCompletion& done) {
  creating_ = false;
  if (!done.outcome) {
    // Nothing was acknowledged in it, so nothing is lost: it is tried again, whatever the reason.
    QUIPU_MARK("segment could not be made");
    create_error_ = done.outcome.error();
    create_retry_at_ = now_ + kRetryMs;
    return;
  }
  QUIPU_CHECK(done.segment == next_number_);
  create_error_.reset();
  create_ms_ = std::clamp<std::int64_t>(now_ - create_begun_, 1, kCreateMsMax);
  spare_ = next_number_;
  ++next_number_.value;
}

bool SegmentLog::may_go(const LogSegment& oldest) const {
  // All of its frames are below the segment behind it. The last one always stays: it tells where the log ends.
  if (segments_.size() < 2 || segments_[1].first > trim_below_) return false;
  // Before the first group of the one behind is durable, this one is all that tells it.
  if (segments_[1].first >= durable_end_) return false;
  std::uint64_t bytes = 0;
  for (const auto& segment : segments_) bytes += segment.bytes;
  return bytes > options_.retain_bytes || oldest.newest + options_.retain_ms < now_;
}

void SegmentLog::trim() {
  // One at a time and the oldest first, so that what a crash leaves has no gap.
  while (!segments_.empty() && may_go(segments_.front())) {
    remove_queue_.push_back(segments_.front().number);
    segments_.pop_front();
    cursor_.reset();
  }
  if (removing_ || remove_queue_.empty() || now_ < remove_retry_at_) return;
  removing_ = remove_queue_.front();
  disk_.begin_remove(*removing_);
}

void SegmentLog::finish_remove(const DiskCompletion& done) {
  QUIPU_CHECK(removing_ == done.segment);
  removing_.reset();
  if (!done.outcome) {
    QUIPU_MARK("segment could not be removed");
    remove_retry_at_ = now_ + kRetryMs;
    return;
  }
  QUIPU_MARK("segment removed");
  remove_queue_.pop_front();
  ++stats_.segments_removed;
  // There is room again: what failed for want of it is tried at once.
  create_retry_at_ = std::min(create_retry_at_, now_);
}

SegmentLogStats SegmentLog::stats() const {
  auto stats = stats_;
  stats.segments = segments_.size();
  for (const auto& segment : segments_) stats.retained_bytes += segment.bytes;
  stats.disk_full = create_error_.has_value();
  return stats;
}

}  // namespace quipu
