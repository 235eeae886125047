#include "event/frame.h"
#include "event/frame_layout.h"

/// Reading without checks: decode_frame made them all.
namespace quipu {

namespace {

namespace layout = frame_layout;
using layout::load;

std::uint64_t read_varint(const std::byte*& at) {
  auto byte = static_cast<std::uint8_t>(*at++);
  std::uint64_t value = byte & 0x7f;
  for (unsigned shift = 7; byte >= 0x80; shift += 7) {
    byte = static_cast<std::uint8_t>(*at++);
    value |= std::uint64_t{byte & 0x7fu} << shift;
  }
  return value;
}

}  // namespace

FrameEntries::FrameEntries(const FrameHeader& header, const std::byte* payload, std::uint32_t spaces)
    : ends_(payload),
      names_(payload + spaces * sizeof(std::uint32_t)),
      at_(names_),
      entries_left_(header.entries),
      base_time_(header.base_time) {
  if (spaces == 0) return;
  at_ += load<std::uint32_t>(ends_ + (spaces - 1) * sizeof(std::uint32_t));
  space_ = space_at(0);
}

std::string_view FrameEntries::space_at(std::uint32_t index) const {
  const auto* end_at = ends_ + index * sizeof(std::uint32_t);
  const auto begin = index == 0 ? 0 : load<std::uint32_t>(end_at - sizeof(std::uint32_t));
  return {reinterpret_cast<const char*>(names_) + begin, load<std::uint32_t>(end_at) - begin};
}

std::optional<Entry> FrameEntries::next() {
  std::optional<Entry> entry(std::in_place);
  if (!next(*entry)) entry.reset();
  return entry;
}

bool FrameEntries::next(Entry& entry) {
  if (entries_left_ == 0) return false;
  --entries_left_;
  if (group_left_ == 0) {
    kind_ = static_cast<GroupKind>(load<std::uint8_t>(at_));
    group_left_ = load<std::uint32_t>(at_ + 1);
    at_ += layout::kGroupHeaderBytes;
    sequence_ = 0;
    source_ = {};
    if (kind_ == GroupKind::kSource) {
      source_ = {load<std::uint64_t>(at_), load<std::uint64_t>(at_ + 8)};
      at_ += layout::kSourceBytes;
    }
  }
  --group_left_;

  const auto flags = static_cast<std::uint8_t>(*at_++);
  if ((flags & layout::kSpace) != 0) space_ = space_at(static_cast<std::uint32_t>(read_varint(at_)));
  entry.space = space_;
  entry.group = kind_;
  const auto size = read_varint(at_);
  entry.counter = {reinterpret_cast<const char*>(at_), size};
  at_ += size;
  if ((flags & layout::kReset) != 0) {
    entry.kind = EntryKind::kReset;
    entry.epoch = Epoch(read_varint(at_));
    entry.delta = 0;
    entry.events = 0;
  } else {
    entry.kind = EntryKind::kAdd;
    entry.epoch = Epoch{};
    entry.delta = (flags & layout::kDelta) != 0 ? unzigzag(read_varint(at_)) : 1;
    entry.events = (flags & layout::kEvents) != 0 ? read_varint(at_) : 1;
  }
  entry.time = base_time_;
  if ((flags & layout::kTime) != 0) {
    entry.time = static_cast<TimeMs>(static_cast<std::uint64_t>(base_time_) +
                                     static_cast<std::uint64_t>(unzigzag(read_varint(at_))));
  }
  entry.id = {};
  entry.source = source_;
  entry.sequence = 0;
  if (kind_ == GroupKind::kIds) {
    entry.id.id = {load<std::uint64_t>(at_), load<std::uint64_t>(at_ + 8)};
    entry.id.body = load<std::uint32_t>(at_ + 16);
    at_ += layout::kIdBytes;
  } else if (kind_ == GroupKind::kSource) {
    sequence_ = (flags & layout::kSequence) != 0 ? read_varint(at_) : sequence_ + 1;
    entry.sequence = sequence_;
  }
  return true;
}

}  // namespace quipu
