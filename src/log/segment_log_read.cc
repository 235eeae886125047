#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "log/segment_log.h"
#include "log/segment_reader.h"
#include "log/segment_scan.h"

/// Reading back: the tail from memory, everything else from the segments.
namespace quipu {

Result<LogRead> SegmentLog::read(std::optional<PartitionId> partition, Offset from, std::size_t bytes_max) {
  const auto [begin, end] = bounds(PartitionId{});
  if (from < begin) {
    return failure(Code::kRefused, "offset " + std::to_string(from.value) + " was trimmed, the log begins with " +
                                       std::to_string(begin.value));
  }
  if (from > end) {
    return failure(Code::kRefused,
                   "offset " + std::to_string(from.value) + " is beyond the log's end, " + std::to_string(end.value));
  }
  LogRead out;
  out.next = from;
  // A partition that has little in the log makes the search long; it goes on until there is something to give.
  while (out.next < end && (out.frames.empty() || out.bytes.size() < bytes_max)) {
    auto done =
        tail_.find(out.next) != nullptr ? read_tail(partition, bytes_max, out) : read_disk(partition, bytes_max, out);
    if (!done) return std::unexpected(std::move(done.error()));
  }
  return out;
}

std::unique_ptr<LogScan> SegmentLog::scan(Offset from, std::size_t bytes_max) {
  std::deque<SegmentScan::Segment> ahead;
  GroupPlace place;
  if (from < durable_end_) {
    const auto position = nearest_position(from);
    place = {position.first, position.at};
    for (auto i = position.segment; i < segments_.size(); ++i) {
      ahead.push_back({segments_[i].number, segments_[i].bytes, end_of(i)});
    }
  }
  return std::make_unique<SegmentScan>(disk_, options_.identity, std::move(ahead), place, from, bytes_max,
                                       tail_behind_);
}

Result<void> SegmentLog::read_tail(std::optional<PartitionId> partition, std::size_t bytes_max, LogRead& out) {
  ++stats_.reads_from_memory;
  while (out.frames.empty() || out.bytes.size() < bytes_max) {
    const auto* group = tail_.find(out.next);
    if (group == nullptr) break;
    take_frames(partition, group->first, tail_.frames(*group), out);
  }
  return {};
}

SegmentLog::Position SegmentLog::nearest_position(Offset from) const {
  const auto after = std::upper_bound(segments_.begin(), segments_.end(), from,
                                      [](Offset value, const LogSegment& segment) { return value < segment.first; });
  QUIPU_CHECK(after != segments_.begin());
  const auto& segment = *std::prev(after);
  const auto place = std::prev(std::upper_bound(segment.places.begin(), segment.places.end(), from,
                                                [](Offset value, const GroupPlace& p) { return value < p.first; }));
  Position position{static_cast<std::size_t>(std::prev(after) - segments_.begin()), place->first, place->at};
  if (cursor_ && cursor_->segment == position.segment && cursor_->first <= from && cursor_->first > position.first) {
    position = *cursor_;
  }
  return position;
}

/// Reads groups of one segment, until there is enough, the tail begins or the segment ends.
Result<void> SegmentLog::read_disk(std::optional<PartitionId> partition, std::size_t bytes_max, LogRead& out) {
  ++stats_.reads_from_disk;
  const auto position = nearest_position(out.next);
  auto& segment = segments_[position.segment];
  SegmentWalk walk(disk_, segment.number, segment.bytes, segment_seed(options_.identity, segment.number),
                   {position.first, position.at}, end_of(position.segment), std::move(read_window_));
  // What is asked for and the rest of a group, so that it is not moved while it grows.
  out.bytes.reserve(std::min<std::uint64_t>(bytes_max, segment.bytes) + SegmentWalk::kWindowBytes);
  while (!walk.at_end() && (out.frames.empty() || out.bytes.size() < bytes_max) && tail_.find(out.next) == nullptr) {
    const auto place = walk.place();
    if (auto read = walk.step(partition, out); !read) return read;
    segment.remember(place.first, place.at);
  }
  if (!walk.at_end()) {
    cursor_ = {position.segment, walk.place().first, walk.place().at};
    read_window_ = walk.take_memory();
  }
  return {};
}

/// One above the last offset of a segment.
Offset SegmentLog::end_of(std::size_t segment) const {
  return segment + 1 < segments_.size() ? segments_[segment + 1].first : durable_end_;
}

}  // namespace quipu
