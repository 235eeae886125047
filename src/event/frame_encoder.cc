#include <algorithm>
#include <limits>

#include "base/check.h"
#include "event/frame.h"
#include "event/frame_layout.h"

namespace quipu {

namespace {

namespace layout = frame_layout;

/// Room in front of the groups for the header and a table of the usual size; a larger table makes them move.
constexpr std::size_t kFrontBytes = kFrameHeaderBytes + 1024;

std::byte* write_varint(std::byte* at, std::uint64_t value) {
  while (value >= 0x80) {
    *at++ = static_cast<std::byte>(value | 0x80);
    value >>= 7;
  }
  *at++ = static_cast<std::byte>(value);
  return at;
}

template <class T>
std::byte* write(std::byte* at, T value) {
  layout::store(at, value);
  return at + sizeof(T);
}

std::uint64_t time_difference(TimeMs time, TimeMs base) {
  return static_cast<std::uint64_t>(time) - static_cast<std::uint64_t>(base);
}

void check_entry(const Entry& entry) {
  QUIPU_CHECK(!entry.counter.empty());
  QUIPU_CHECK(entry.counter.size() <= kCounterBytesMax);
  if (entry.kind == EntryKind::kReset) {
    QUIPU_CHECK(entry.delta == 0);
    QUIPU_CHECK(entry.events == 0);
  } else {
    QUIPU_CHECK(entry.events >= 1);
    QUIPU_CHECK(entry.epoch == Epoch{});
  }
  if (entry.group == GroupKind::kSource) {
    QUIPU_CHECK(entry.sequence >= 1);
    QUIPU_CHECK(entry.sequence <= kSequenceMax);
  }
}

void write_header(std::byte* at, const FrameHeader& header, std::uint32_t groups, std::uint32_t spaces) {
  std::memset(at, 0, kFrameHeaderBytes);
  std::memcpy(at, layout::kMagic.data(), layout::kMagic.size());
  layout::store(at + layout::kVersionAt, kFrameVersion);
  layout::store(at + layout::kPartitionAt, header.partition.value);
  layout::store(at + layout::kEntriesAt, header.entries);
  std::memcpy(at + layout::kRandomAt, header.identity.random.data(), header.identity.random.size());
  layout::store(at + layout::kGenerationAt, header.identity.generation.value);
  layout::store(at + layout::kBootAt, header.writer.boot);
  layout::store(at + layout::kNodeAt, header.writer.node);
  layout::store(at + layout::kNumberAt, header.number);
  layout::store(at + layout::kBaseTimeAt, header.base_time);
  layout::store(at + layout::kEventsAt, header.events);
  layout::store(at + layout::kGroupsAt, groups);
  layout::store(at + layout::kSpacesAt, spaces);
}

}  // namespace

void FrameEncoder::begin(const FrameHeader& header) {
  QUIPU_CHECK(header.partition.value < kPartitionsMax);
  QUIPU_CHECK(header.identity.generation.value <= kGenerationMax);
  header_ = header;
  header_.entries = 0;
  header_.events = 0;
  spaces_.clear();
  end_ = kFrontBytes;
  reserve(0);
  groups_ = 0;
  group_at_ = 0;
  last_space_ = 0;
}

void FrameEncoder::add(const Entry& entry) {
  QUIPU_CHECK(end_ >= kFrontBytes);
  QUIPU_CHECK(header_.entries < std::numeric_limits<std::uint32_t>::max());
  check_entry(entry);
  reserve(layout::kEntryBytesMax);
  if (group_at_ == 0 || entry.group != group_kind_ ||
      (entry.group == GroupKind::kSource && entry.source != group_source_)) {
    open_group(entry);
  }

  std::uint8_t flags = 0;
  auto* const flags_at = buffer_.data() + end_;
  auto* at = flags_at + 1;
  // Nearly all entries are of the namespace before: comparing it is cheaper than looking it up.
  if (header_.entries == 0 || spaces_.name(last_space_) != entry.space) {
    const auto space = spaces_.number_of(entry.space);
    if (space != last_space_) {
      flags |= layout::kSpace;
      at = write_varint(at, space);
      last_space_ = space;
    }
  }
  at = write_varint(at, entry.counter.size());
  std::memcpy(at, entry.counter.data(), entry.counter.size());
  at += entry.counter.size();
  if (entry.kind == EntryKind::kReset) {
    flags |= layout::kReset;
    at = write_varint(at, entry.epoch.value);
  } else {
    if (entry.delta != 1) {
      flags |= layout::kDelta;
      at = write_varint(at, zigzag(entry.delta));
    }
    if (entry.events != 1) {
      flags |= layout::kEvents;
      at = write_varint(at, entry.events);
    }
  }
  if (const auto difference = time_difference(entry.time, header_.base_time); difference != 0) {
    flags |= layout::kTime;
    at = write_varint(at, zigzag(static_cast<std::int64_t>(difference)));
  }
  if (entry.group == GroupKind::kIds) {
    at = write(at, entry.id.id.low);
    at = write(at, entry.id.id.high);
    at = write(at, entry.id.body);
  } else if (entry.group == GroupKind::kSource) {
    if (entry.sequence != last_sequence_ + 1) {
      flags |= layout::kSequence;
      at = write_varint(at, entry.sequence);
    }
    last_sequence_ = entry.sequence;
  }
  *flags_at = static_cast<std::byte>(flags);
  end_ = static_cast<std::size_t>(at - buffer_.data());
  ++group_entries_;
  ++header_.entries;
  QUIPU_CHECK(!__builtin_add_overflow(header_.events, entry.events, &header_.events));
}

std::size_t FrameEncoder::size() const { return kFrameHeaderBytes + spaces_.encoded_bytes() + (end_ - kFrontBytes); }

ByteView FrameEncoder::finish() {
  QUIPU_CHECK(end_ >= kFrontBytes);
  close_group();
  const auto length = size();
  QUIPU_CHECK(length <= std::numeric_limits<std::uint32_t>::max());
  const auto front = kFrameHeaderBytes + spaces_.encoded_bytes();
  const auto groups = end_ - kFrontBytes;
  std::size_t begin = 0;
  if (front <= kFrontBytes) {
    begin = kFrontBytes - front;
  } else {
    // A copy behind the groups keeps them where they are, so that more entries can be added.
    begin = end_;
    reserve(length);
    std::memcpy(buffer_.data() + begin + front, buffer_.data() + kFrontBytes, groups);
  }
  auto* const out = buffer_.data() + begin;
  write_header(out, header_, groups_, spaces_.size());
  layout::store(out + layout::kLengthAt, static_cast<std::uint32_t>(length));
  spaces_.encode(out + kFrameHeaderBytes);
  const ByteView frame(out, length);
  layout::store(out + layout::kChecksumAt, layout::checksum(frame));
  return frame;
}

void stamp_chain(std::span<std::byte> frame, NodeIdentity writer, std::uint64_t number) {
  QUIPU_CHECK(frame_length(frame) == frame.size());
  layout::store(frame.data() + layout::kBootAt, writer.boot);
  layout::store(frame.data() + layout::kNodeAt, writer.node);
  layout::store(frame.data() + layout::kNumberAt, number);
  layout::store(frame.data() + layout::kChecksumAt, layout::checksum(frame));
}

void FrameEncoder::open_group(const Entry& entry) {
  close_group();
  group_at_ = end_;
  group_entries_ = 0;
  group_kind_ = entry.group;
  group_source_ = entry.source;
  last_sequence_ = 0;
  auto* at = buffer_.data() + end_;
  at = write(at, static_cast<std::uint8_t>(entry.group));
  at = write(at, std::uint32_t{0});  // The number of entries, written by close_group.
  if (entry.group == GroupKind::kSource) {
    at = write(at, entry.source.low);
    at = write(at, entry.source.high);
  }
  end_ = static_cast<std::size_t>(at - buffer_.data());
  ++groups_;
}

void FrameEncoder::close_group() {
  if (group_at_ != 0) layout::store(buffer_.data() + group_at_ + 1, group_entries_);
}

void FrameEncoder::reserve(std::size_t more) {
  if (buffer_.size() < end_ + more) buffer_.resize(std::max(end_ + more, 2 * buffer_.size()));
}

}  // namespace quipu
