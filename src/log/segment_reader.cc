#include "log/segment_reader.h"

#include <algorithm>
#include <string>

#include "base/check.h"
#include "event/frame.h"

namespace quipu {

Result<ByteView> SegmentReader::view(std::uint64_t at, std::size_t size) {
  QUIPU_CHECK(size <= bytes_ && at <= bytes_ - size);
  if (at < window_at_ || at + size > window_at_ + window_size_) {
    const auto wanted = std::min<std::uint64_t>(std::max(size, window_bytes_), bytes_ - at);
    if (window_.size() < wanted) window_.resize(wanted);
    window_at_ = at;
    window_size_ = 0;
    auto read = disk_.read(segment_, at, std::span(window_).first(wanted));
    unreadable_ = !read;
    if (!read) {
      return std::unexpected(std::move(read.error()));
    }
    window_size_ = wanted;
  }
  return ByteView(window_).subspan(at - window_at_, size);
}

Result<GroupHeader> SegmentReader::group_header(std::uint64_t at, std::uint64_t seed, Offset first) {
  const auto damaged = [&](const std::string& reason) {
    return segment_damaged(disk_, segment_, at, reason + "; offset " + std::to_string(first.value) + " should be here");
  };
  if (at > bytes_ || bytes_ - at < kBlockBytes) return damaged("the segment ends here");
  const auto bytes = view(at, kGroupHeaderBytes);
  if (!bytes) return std::unexpected(bytes.error());
  auto header = decode_group_header(*bytes, seed);
  if (!header) {
    auto error = damaged(header.error().what);
    error.error().code = header.error().code;
    return error;
  }
  if (header->segment != segment_ || header->at != at) {
    return damaged("a group that was written to segment " + std::to_string(header->segment.value) + ", byte " +
                   std::to_string(header->at));
  }
  if (header->first != first) return damaged("a group that begins with offset " + std::to_string(header->first.value));
  if (header->frames == 0 || header->bytes > bytes_ || header->total_bytes() > bytes_ - at) {
    return damaged("a group that passes the end of its segment");
  }
  return header;
}

Result<ByteView> SegmentReader::group(const GroupHeader& header, std::uint64_t seed) {
  auto bytes = view(header.at, header.total_bytes());
  if (!bytes) return bytes;
  if (auto body = check_group_body(header, *bytes, seed); !body) {
    return segment_damaged(disk_, segment_, header.at,
                           body.error().what + "; offset " + std::to_string(header.first.value) + " should be here");
  }
  return bytes;
}

Result<void> SegmentWalk::step(std::optional<PartitionId> partition, LogRead& out) {
  auto& from = place_.first < out.next ? seeker_ : reader_;
  const auto header = from.group_header(place_.at, seed_, place_.first);
  if (!header) return std::unexpected(header.error());
  if (header->end() > end_) {
    return segment_damaged(disk_, reader_.segment(), place_.at, "a group that passes the segment's last offset");
  }
  if (header->end() > out.next) {
    const auto group = reader_.group(*header, seed_);
    if (!group) return std::unexpected(group.error());
    take_frames(partition, header->first, group->subspan(kGroupHeaderBytes, header->bytes), out);
  }
  place_ = {header->end(), place_.at + header->total_bytes()};
  return {};
}

void take_frames(std::optional<PartitionId> partition, Offset first, ByteView frames, LogRead& out) {
  for (auto offset = first; !frames.empty(); ++offset.value) {
    const auto length = frame_length(frames);
    QUIPU_CHECK(length && *length <= frames.size());  // The group was checked when it was read or written.
    const auto frame = frames.first(*length);
    frames = frames.subspan(*length);
    if (offset < out.next) continue;
    const auto of = *frame_partition(frame);
    if (!partition || of == *partition) {
      out.frames.push_back({of, offset, out.bytes.size(), frame.size()});
      put(out.bytes, frame);
    }
    out.next = Offset(offset.value + 1);
  }
}

}  // namespace quipu
