#include "aggregate/base_windows.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/check.h"

namespace quipu {
namespace {
constexpr std::uint8_t kWindowsVersion = 1;
}  // namespace

BaseWindows::BaseWindows(std::span<const Aggregator> partitions) {
  QUIPU_CHECK(!partitions.empty());
  for (const Aggregator& partition : partitions) windows_.push_back(partition.ids().snapshot());
  put(bytes_, kWindowsVersion);
  put(bytes_, partitions.front().shard().generation.value);
  put(bytes_, static_cast<std::uint16_t>(windows_.size()));
}

std::size_t BaseWindows::bytes_max() const {
  auto sum = bytes_.size();
  for (const auto& window : windows_) sum += sizeof(std::uint64_t) + window.size();
  return sum;
}

bool BaseWindows::copy(std::size_t bytes_max) {
  while (bytes_max > 0 && next_ < windows_.size()) {
    const auto before = bytes_.size();
    if (!size_put_) put(bytes_, static_cast<std::uint64_t>(windows_[next_].size()));
    size_put_ = true;
    const bool more = windows_[next_].take(bytes_, bytes_max);
    bytes_max -= std::min(bytes_max, bytes_.size() - before);
    if (more) continue;
    ++next_;
    size_put_ = false;
  }
  return next_ == windows_.size();
}

Result<Generation> generation_of_windows(ByteView bytes) {
  ByteCursor cursor(bytes);
  const auto version = cursor.take<std::uint8_t>();
  const auto generation = cursor.take<std::uint32_t>();
  if (!version || *version != kWindowsVersion || !generation) {
    return failure(Code::kDamaged, "the base's id windows are of a version that is not known here");
  }
  return Generation{*generation};
}

Result<void> restore_windows(ByteView bytes, std::span<Aggregator> partitions) {
  ByteCursor cursor(bytes);
  const auto version = cursor.take<std::uint8_t>();
  const auto generation = cursor.take<std::uint32_t>();
  const auto count = cursor.take<std::uint16_t>();
  if (!version || *version != kWindowsVersion || !generation || !count || *count != partitions.size() ||
      *generation != partitions.front().shard().generation.value) {
    return failure(Code::kDamaged, "the base's id windows are not those of this log");
  }
  for (Aggregator& partition : partitions) {
    const auto size = cursor.take<std::uint64_t>();
    const auto window = size ? cursor.take(*size) : std::nullopt;
    if (!window) return failure(Code::kDamaged, "the base's id windows end too early");
    if (auto restored = partition.ids().restore(*window); !restored) return restored;
  }
  if (cursor.remaining() != 0) return failure(Code::kDamaged, "the base's id windows go on behind their end");
  return {};
}

}  // namespace quipu
