#include <algorithm>

#include "base/check.h"
#include "net/limits.h"
#include "net/session.h"

namespace quipu {
namespace {

/// What has left stays in front of the rest until it is worth moving the rest over it.
constexpr std::size_t kCompactBytes = std::size_t{64} << 10;

}  // namespace

void HeldOutput::hold(Offset durable_at, std::uint32_t replies) {
  const auto begin = marks_.empty() ? begin_ : marks_.back().end;
  if (bytes_.size() == begin && replies == 0) return;
  if (!marks_.empty() && marks_.back().durable_at >= durable_at) {
    // It can not leave before what stands in front of it.
    marks_.back().end = bytes_.size();
    marks_.back().replies += replies;
    return;
  }
  marks_.push_back({bytes_.size(), durable_at, replies});
}

std::string_view HeldOutput::releasable(Offset durable) const {
  auto end = begin_;
  for (const Mark& mark : marks_) {
    if (mark.durable_at > durable) break;
    end = mark.end;
  }
  return std::string_view(bytes_).substr(begin_, end - begin_);
}

void HeldOutput::consumed(std::size_t size) {
  QUIPU_CHECK(size <= this->size());
  begin_ += size;
  while (!marks_.empty() && marks_.front().end <= begin_) marks_.pop_front();
  if (begin_ == bytes_.size()) {
    begin_ = 0;
    bytes_.clear();
    // An idle connection keeps no more than its share.
    if (bytes_.capacity() > kClientShareBytes) std::string().swap(bytes_);
    return;
  }
  if (begin_ < kCompactBytes || begin_ * 2 < bytes_.size()) return;
  bytes_.erase(0, begin_);
  for (Mark& mark : marks_) mark.end -= begin_;
  begin_ = 0;
}

std::uint32_t HeldOutput::drop_held(Offset durable) {
  std::uint32_t replies = 0;
  while (!marks_.empty() && marks_.back().durable_at > durable) {
    replies += marks_.back().replies;
    marks_.pop_back();
  }
  bytes_.resize(marks_.empty() ? begin_ : marks_.back().end);
  return replies;
}

}  // namespace quipu
