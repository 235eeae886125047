#include "log/group_buffer.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace quipu {

void GroupBuffer::clear() {
  end_ = kFramesAt;
  items_.clear();
}

void GroupBuffer::append(ByteView frame, std::uint64_t token) {
  reserve(end_ + frame.size());
  std::memcpy(memory_.data() + end_, frame.data(), frame.size());
  end_ += frame.size();
  items_.push_back({token, frame.size()});
}

std::size_t GroupBuffer::frames_bytes(std::size_t count) const {
  QUIPU_CHECK(count <= items_.size());
  if (count == items_.size()) return frames_bytes();
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < count; ++i) bytes += items_[i].bytes;
  return bytes;
}

void GroupBuffer::move_rest(std::size_t count, GroupBuffer& rest) {
  QUIPU_CHECK(rest.empty());
  auto at = kFramesAt + frames_bytes(count);
  end_ = at;
  for (std::size_t i = count; i < items_.size(); ++i) {
    rest.append({memory_.data() + at, items_[i].bytes}, items_[i].token);
    at += items_[i].bytes;
  }
  items_.resize(count);
}

ByteView GroupBuffer::seal(GroupHeader header, std::uint64_t seed, const SegmentHeader* segment) {
  const auto total = total_bytes();
  reserve(kBlockBytes + total);
  auto* group = memory_.data() + kBlockBytes;
  std::memset(memory_.data() + end_, 0, kBlockBytes + total - end_);
  header.frames = static_cast<std::uint32_t>(items_.size());
  header.bytes = frames_bytes();
  header.checksum = group_checksum({group + kGroupHeaderBytes, total - kGroupHeaderBytes}, seed);
  encode_group_header(header, seed, std::span<std::byte, kGroupHeaderBytes>(group, kGroupHeaderBytes));
  if (segment == nullptr) return {group, total};
  encode_segment_header(*segment, std::span<std::byte, kBlockBytes>(memory_.data(), kBlockBytes));
  return {memory_.data(), kBlockBytes + total};
}

void GroupBuffer::reserve(std::size_t bytes) {
  if (bytes <= memory_.size()) return;
  memory_.resize(block_aligned(std::max({bytes + kBlockBytes, 2 * memory_.size(), std::size_t{256} << 10})));
}

}  // namespace quipu
