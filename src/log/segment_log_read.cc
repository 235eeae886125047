#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "log/segment_log.h"
#include "log/segment_reader.h"
#include "log/segment_scan.h"

/// Reading back: the tail from memory, everything else from the segments.
namespace quipu {

namespace {

/// Read at once while looking for a group, and while reading on.
constexpr std::size_t kSeekBytes = kBlockBytes;
constexpr std::size_t kWindowBytes = std::size_t{256} << 10;

}  // namespace

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
  SegmentScan::Place place;
  if (from < durable_end_) {
    const auto position = nearest_position(from);
    place = {position.first, position.at};
    for (auto i = position.segment; i < segments_.size(); ++i) {
      const auto end = i + 1 < segments_.size() ? segments_[i + 1].first : durable_end_;
      ahead.push_back({segments_[i].number, segments_[i].bytes, end});
    }
  }
  return std::make_unique<SegmentScan>(disk_, options_.identity, std::move(ahead), place, from, bytes_max);
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
  const auto place =
      std::prev(std::upper_bound(segment.places.begin(), segment.places.end(), from,
                                 [](Offset value, const LogSegment::Place& p) { return value < p.first; }));
  Position position{static_cast<std::size_t>(std::prev(after) - segments_.begin()), place->first, place->at};
  if (cursor_ && cursor_->segment == position.segment && cursor_->first <= from && cursor_->first > position.first) {
    position = *cursor_;
  }
  return position;
}

/// Reads groups of one segment, until there is enough, the tail begins or the segment ends.
Result<void> SegmentLog::read_disk(std::optional<PartitionId> partition, std::size_t bytes_max, LogRead& out) {
  ++stats_.reads_from_disk;
  auto position = nearest_position(out.next);
  auto& segment = segments_[position.segment];
  const auto end = position.segment + 1 < segments_.size() ? segments_[position.segment + 1].first : durable_end_;
  const auto seed = segment_seed(options_.identity, segment.number);
  SegmentReader seeker(disk_, segment.number, segment.bytes, kSeekBytes);
  SegmentReader reader(disk_, segment.number, segment.bytes, kWindowBytes, std::move(read_window_));
  // What is asked for and the rest of a group, so that it is not moved while it grows.
  out.bytes.reserve(std::min<std::uint64_t>(bytes_max, segment.bytes) + kWindowBytes);
  while (position.first < end && (out.frames.empty() || out.bytes.size() < bytes_max)) {
    const auto seeking = position.first < out.next;
    const auto header = (seeking ? seeker : reader).group_header(position.at, seed, position.first);
    if (!header) return std::unexpected(header.error());
    if (header->end() > end) {
      return segment_damaged(disk_, segment.number, position.at, "a group that passes the segment's last offset");
    }
    segment.remember(header->first, header->at);
    if (header->end() > out.next) {
      if (tail_.find(out.next) != nullptr) break;
      const auto group = reader.group(*header, seed);
      if (!group) return std::unexpected(group.error());
      take_frames(partition, header->first, group->subspan(kGroupHeaderBytes, header->bytes), out);
    }
    position.first = header->end();
    position.at += header->total_bytes();
  }
  if (position.first < end) {
    cursor_ = position;
    read_window_ = reader.take_memory();
  }
  return {};
}

}  // namespace quipu
