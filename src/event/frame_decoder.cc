#include <algorithm>
#include <string>
#include <vector>

#include "event/frame.h"
#include "event/frame_layout.h"

namespace quipu {

namespace {

namespace layout = frame_layout;
using layout::load;

constexpr std::uint64_t kEpochMax = (std::uint64_t{kGenerationMax} << kOffsetBits) | (kOffsetMax + 1);

std::unexpected<Error> damaged(std::size_t position, const std::string& reason) {
  return failure(Code::kDamaged, "frame, byte " + std::to_string(position) + ": " + reason);
}

/// Looks at every byte of a payload. The first thing that is wrong is kept as reason and position.
class PayloadCheck {
 public:
  explicit PayloadCheck(ByteView frame)
      : begin_(frame.data()), at_(frame.data() + kFrameHeaderBytes), end_(frame.data() + frame.size()) {}

  bool spaces(std::uint32_t count);
  bool groups(std::uint32_t count);
  bool totals(std::uint32_t entries, std::uint64_t events);

  std::unexpected<Error> error() const { return damaged(static_cast<std::size_t>(at_ - begin_), reason_); }

 private:
  bool fail(const char* reason) {
    reason_ = reason;
    return false;
  }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }

  bool space_names_differ(std::uint32_t count);
  bool group();
  bool entry();
  bool add(std::uint8_t flags);
  bool reset(std::uint8_t flags);
  bool space(std::uint8_t flags);
  bool counter();
  bool sequence(std::uint8_t flags);

  /// Reads a LEB128 integer in its shortest form, or fails.
  bool varint(std::uint64_t& value) {
    if (at_ != end_ && static_cast<std::uint8_t>(*at_) < 0x80) {
      value = static_cast<std::uint8_t>(*at_++);
      return true;
    }
    ByteCursor cursor(ByteView(at_, left()));
    const auto taken = cursor.take_varint();
    if (!taken) return fail("an integer that is cut off, too large or longer than it needs to be");
    value = *taken;
    at_ += cursor.position();
    return true;
  }

  const std::byte* begin_;
  const std::byte* at_;
  const std::byte* end_;
  const char* reason_ = "";

  std::uint32_t spaces_ = 0;
  std::uint32_t spaces_used_ = 0;
  std::uint32_t space_ = 0;  ///< Of the entry before.
  std::uint64_t entries_ = 0;
  std::uint64_t events_ = 0;
  bool in_group_ = false;  ///< A group stands before this one.
  std::uint8_t kind_ = 0;
  Hash128 source_;
  std::uint64_t sequence_ = 0;
};

bool PayloadCheck::spaces(std::uint32_t count) {
  spaces_ = count;
  if (count > left() / (sizeof(std::uint32_t) + 1)) return fail("more namespaces than bytes");
  const auto* ends = at_;
  const auto* names = at_ + count * sizeof(std::uint32_t);
  const auto names_bytes = static_cast<std::size_t>(end_ - names);
  std::size_t begin = 0;
  for (std::uint32_t i = 0; i < count; ++i, at_ += sizeof(std::uint32_t)) {
    const auto end = load<std::uint32_t>(at_);
    if (end <= begin || end > names_bytes || end - begin > kNamespaceBytesMax) {
      return fail("a namespace's length is not 1 to 63, or passes the end");
    }
    if (!is_space_name({reinterpret_cast<const char*>(names + begin), end - begin})) {
      return fail("a namespace is not [a-z][a-z0-9_-]{0,62}");
    }
    begin = end;
  }
  at_ = ends;
  if (!space_names_differ(count)) return fail("a namespace stands twice in the table");
  at_ = names + begin;
  return true;
}

bool PayloadCheck::space_names_differ(std::uint32_t count) {
  const auto* names = reinterpret_cast<const char*>(at_) + count * sizeof(std::uint32_t);
  std::vector<std::string_view> sorted;
  if (count < 2) return true;
  sorted.reserve(count);
  std::size_t begin = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto end = load<std::uint32_t>(at_ + i * sizeof(std::uint32_t));
    sorted.emplace_back(names + begin, end - begin);
    begin = end;
  }
  std::sort(sorted.begin(), sorted.end());
  return std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end();
}

bool PayloadCheck::groups(std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!group()) return false;
  }
  if (at_ != end_) return fail("bytes behind the last group");
  return true;
}

bool PayloadCheck::group() {
  if (left() < layout::kGroupHeaderBytes) return fail("a group's header is cut off");
  const auto kind = load<std::uint8_t>(at_);
  if (kind < static_cast<std::uint8_t>(GroupKind::kPlain) || kind > static_cast<std::uint8_t>(GroupKind::kSource)) {
    return fail("an unknown kind of group");
  }
  const auto count = load<std::uint32_t>(at_ + 1);
  if (count == 0) return fail("an empty group");
  Hash128 source;
  if (kind == static_cast<std::uint8_t>(GroupKind::kSource)) {
    if (left() < layout::kGroupHeaderBytes + layout::kSourceBytes) return fail("a source is cut off");
    source = {load<std::uint64_t>(at_ + 5), load<std::uint64_t>(at_ + 13)};
  }
  if (in_group_ && kind == kind_ && source == source_) return fail("a group that belongs to the one before");
  in_group_ = true;
  kind_ = kind;
  source_ = source;
  sequence_ = 0;
  at_ += layout::kGroupHeaderBytes;
  if (kind == static_cast<std::uint8_t>(GroupKind::kSource)) at_ += layout::kSourceBytes;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!entry()) return false;
  }
  entries_ += count;
  return true;
}

bool PayloadCheck::entry() {
  if (at_ == end_) return fail("an entry is cut off");
  const auto flags = static_cast<std::uint8_t>(*at_);
  if ((flags & ~layout::kFlagsKnown) != 0) return fail("unknown flags of an entry");
  ++at_;
  if (!space(flags) || !counter()) return false;
  if (!((flags & layout::kReset) != 0 ? reset(flags) : add(flags))) return false;
  if ((flags & layout::kTime) != 0) {
    std::uint64_t difference = 0;
    if (!varint(difference)) return false;
    if (difference == 0) return fail("a time is given though it is the base time");
  }
  if (kind_ == static_cast<std::uint8_t>(GroupKind::kSource)) return sequence(flags);
  if ((flags & layout::kSequence) != 0) return fail("a sequence outside a source's group");
  if (kind_ == static_cast<std::uint8_t>(GroupKind::kIds)) {
    if (left() < layout::kIdBytes) return fail("an id is cut off");
    at_ += layout::kIdBytes;
  }
  return true;
}

bool PayloadCheck::space(std::uint8_t flags) {
  std::uint64_t index = space_;
  if ((flags & layout::kSpace) != 0) {
    if (!varint(index)) return false;
    if (index == space_) return fail("a namespace is given though it is the one before");
  }
  // First uses come in the table's order, so that each frame has one form.
  if (index > spaces_used_) return fail("a namespace that is not next in the table");
  if (index >= spaces_) return fail("a namespace that is not in the table");
  if (index == spaces_used_) ++spaces_used_;
  space_ = static_cast<std::uint32_t>(index);
  return true;
}

bool PayloadCheck::counter() {
  std::uint64_t size = 0;
  if (!varint(size)) return false;
  if (size == 0 || size > kCounterBytesMax) return fail("a counter's name is not 1 to 1024 bytes");
  if (size > left()) return fail("a counter's name is cut off");
  at_ += size;
  return true;
}

bool PayloadCheck::add(std::uint8_t flags) {
  std::uint64_t events = 1;
  if ((flags & layout::kDelta) != 0) {
    std::uint64_t delta = 0;
    if (!varint(delta)) return false;
    if (delta == zigzag(1)) return fail("a delta is given though it is 1");
  }
  if ((flags & layout::kEvents) != 0) {
    if (!varint(events)) return false;
    if (events < 2) return fail("a number of events is given though it is 0 or 1");
  }
  if (__builtin_add_overflow(events_, events, &events_)) return fail("more events than 64 bits hold");
  return true;
}

bool PayloadCheck::reset(std::uint8_t flags) {
  if ((flags & (layout::kDelta | layout::kEvents)) != 0) return fail("a reset with a delta or events");
  std::uint64_t epoch = 0;
  if (!varint(epoch)) return false;
  if (epoch > kEpochMax) return fail("an epoch that no log can have made");
  return true;
}

bool PayloadCheck::sequence(std::uint8_t flags) {
  std::uint64_t value = sequence_ + 1;
  if ((flags & layout::kSequence) != 0) {
    if (!varint(value)) return false;
    if (value == sequence_ + 1) return fail("a sequence is given though it is the next one");
  }
  if (value == 0 || value > kSequenceMax) return fail("a sequence is not 1 to 2^63-1");
  sequence_ = value;
  return true;
}

bool PayloadCheck::totals(std::uint32_t entries, std::uint64_t events) {
  if (spaces_used_ != spaces_) return fail("a namespace in the table that no entry uses");
  if (entries_ != entries) return fail("another number of entries than the header says");
  if (events_ != events) return fail("another number of events than the header says");
  return true;
}

bool known(ByteView bytes) {
  return bytes.size() >= kFrameHeaderBytes &&
         std::memcmp(bytes.data(), layout::kMagic.data(), layout::kMagic.size()) == 0 &&
         load<std::uint8_t>(bytes.data() + layout::kVersionAt) == kFrameVersion;
}

Result<FrameHeader> decode_header(ByteView bytes, FrameBytes trust) {
  if (bytes.size() < kFrameHeaderBytes) {
    return damaged(bytes.size(), "cut off in the header, which has " + std::to_string(kFrameHeaderBytes) + " bytes");
  }
  const auto* at = bytes.data();
  if (std::memcmp(at, layout::kMagic.data(), layout::kMagic.size()) != 0) return damaged(0, "no frame begins here");
  if (const auto version = load<std::uint8_t>(at + layout::kVersionAt); version != kFrameVersion) {
    return damaged(layout::kVersionAt, "version " + std::to_string(version) + ", this program reads version 1");
  }
  const auto length = load<std::uint32_t>(at + layout::kLengthAt);
  if (length != bytes.size()) {
    return damaged(layout::kLengthAt,
                   "length " + std::to_string(length) + ", but there are " + std::to_string(bytes.size()) + " bytes");
  }
  if (length > kFrameBytesMax) {
    return damaged(layout::kLengthAt,
                   "length " + std::to_string(length) + " is above the limit of " + std::to_string(kFrameBytesMax));
  }
  if (trust == FrameBytes::kAny && load<std::uint64_t>(at + layout::kChecksumAt) != layout::checksum(bytes)) {
    return damaged(layout::kChecksumAt, "the checksum does not match the bytes");
  }
  if (load<std::uint8_t>(at + layout::kReservedByteAt) != 0 || load<std::uint64_t>(at + layout::kReservedAt) != 0) {
    return damaged(layout::kReservedAt, "reserved bytes of the header are not 0");
  }
  FrameHeader header;
  header.partition = PartitionId(load<std::uint16_t>(at + layout::kPartitionAt));
  if (header.partition.value >= kPartitionsMax) return damaged(layout::kPartitionAt, "the partition is above 1023");
  header.identity.generation = Generation(load<std::uint32_t>(at + layout::kGenerationAt));
  if (header.identity.generation.value > kGenerationMax) {
    return damaged(layout::kGenerationAt, "the generation is above 20 bits");
  }
  std::memcpy(header.identity.random.data(), at + layout::kRandomAt, header.identity.random.size());
  header.writer.boot = load<std::uint32_t>(at + layout::kBootAt);
  header.writer.node = load<std::uint64_t>(at + layout::kNodeAt);
  header.number = load<std::uint64_t>(at + layout::kNumberAt);
  header.base_time = load<std::int64_t>(at + layout::kBaseTimeAt);
  header.entries = load<std::uint32_t>(at + layout::kEntriesAt);
  header.events = load<std::uint64_t>(at + layout::kEventsAt);
  return header;
}

}  // namespace

Result<Frame> decode_frame(ByteView bytes, FrameBytes trust) {
  const auto header = decode_header(bytes, trust);
  if (!header) return std::unexpected(header.error());
  Frame frame;
  frame.header_ = *header;
  frame.payload_ = bytes.data() + kFrameHeaderBytes;
  frame.spaces_ = load<std::uint32_t>(bytes.data() + layout::kSpacesAt);
  PayloadCheck check(bytes);
  if (!check.spaces(frame.spaces_) || !check.groups(load<std::uint32_t>(bytes.data() + layout::kGroupsAt)) ||
      !check.totals(header->entries, header->events)) {
    return check.error();
  }
  return frame;
}

std::optional<std::size_t> frame_length(ByteView bytes) {
  if (!known(bytes)) return std::nullopt;
  return load<std::uint32_t>(bytes.data() + layout::kLengthAt);
}

std::optional<PartitionId> frame_partition(ByteView bytes) {
  if (!known(bytes)) return std::nullopt;
  return PartitionId(load<std::uint16_t>(bytes.data() + layout::kPartitionAt));
}

}  // namespace quipu
