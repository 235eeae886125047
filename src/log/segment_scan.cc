#include "log/segment_scan.h"

#include <utility>

namespace quipu {
namespace {

/// Read at once.
constexpr std::size_t kWindowBytes = std::size_t{256} << 10;

}  // namespace

Result<LogRead> SegmentScan::next() {
  LogRead out;
  out.next = next_;
  out.bytes.reserve(bytes_max_ + kWindowBytes);  // With the rest of a group, so that it is not moved while it grows.
  while (!segments_.empty() && out.bytes.size() < bytes_max_) {
    if (auto read = read_segment(out); !read) return std::unexpected(std::move(read.error()));
    if (place_.first >= segments_.front().end) {
      segments_.pop_front();
      place_.at = kBlockBytes;
    }
  }
  next_ = out.next;
  return out;
}

Result<void> SegmentScan::read_segment(LogRead& out) {
  const Segment& segment = segments_.front();
  const auto seed = segment_seed(identity_, segment.number);
  SegmentReader reader(disk_, segment.number, segment.bytes, kWindowBytes, std::move(window_));
  while (place_.first < segment.end && out.bytes.size() < bytes_max_) {
    const auto header = reader.group_header(place_.at, seed, place_.first);
    if (!header) return std::unexpected(header.error());
    if (header->end() > segment.end) {
      return segment_damaged(disk_, segment.number, place_.at, "a group that passes the segment's last offset");
    }
    if (header->end() > out.next) {
      const auto group = reader.group(*header, seed);
      if (!group) return std::unexpected(group.error());
      take_frames(std::nullopt, header->first, group->subspan(kGroupHeaderBytes, header->bytes), out);
    }
    place_ = {header->end(), place_.at + header->total_bytes()};
  }
  window_ = reader.take_memory();
  return {};
}

}  // namespace quipu
