#include "engine/open_frames.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/planted.h"

namespace quipu {
namespace {

/// Entries of one counter are added up only within a second, so that history by the second can still be told from the
/// log.
constexpr TimeMs kCombineMs = 1000;

/// Where the names of a frame begin to be kept.
constexpr std::size_t kNamesBytesMin = std::size_t{4} << 10;

bool same_second(TimeMs a, TimeMs b) { return a / kCombineMs == b / kCombineMs; }

}  // namespace

OpenFrames::OpenFrames(const LogIdentity& identity, NodeIdentity writer, std::uint16_t partitions,
                       std::uint64_t hash_seed)
    : identity_(identity), writer_(writer), current_(partitions, kNone), number_(partitions), encoder_(hash_seed) {
  if (QUIPU_PLANTED("chain-number-reused")) writer_.boot = 1;
}

Offset OpenFrames::open_next(PartitionId partition, EventLog& log, TimeMs now) {
  const auto offset = log.reserve(partition);
  QUIPU_CHECK(offset.has_value());
  if (used_ == frames_.size()) frames_.emplace_back();
  Filling& frame = frames_[used_];
  current_[partition.value] = static_cast<std::uint32_t>(used_++);
  frame.partition = partition;
  frame.offset = *offset;
  frame.number = ++number_[partition.value];
  frame.base_time = now;
  frame.bytes = kFrameBytes;
  frame.entries.clear();
  frame.names_end = 0;
  frame.ids.clear();
  frame.sources.clear();
  frame.epochs.clear();
  bytes_ += kFrameBytes;
  return frame.offset;
}

void OpenFrames::append(Filling& frame, const Named& counter, Pending entry) {
  // A namespace stands once in a frame; taking each change of it as a new one keeps this an upper bound.
  const bool same_space = frame.entries.empty() || frame.last_space == counter.space;
  const auto bytes = kEntryBytes + counter.name.size() + (same_space ? 0 : kSpaceBytes);
  frame.last_space = counter.space;
  entry.name_at = frame.names_end;
  entry.name_size = static_cast<std::uint16_t>(counter.name.size());
  entry.space = counter.space;
  const auto names_end = frame.names_end + counter.name.size();
  if (names_end > frame.names.size()) {
    frame.names.resize(std::max({names_end, 2 * frame.names.size(), kNamesBytesMin}));
  }
  std::memcpy(frame.names.data() + entry.name_at, counter.name.data(), counter.name.size());
  frame.names_end = static_cast<std::uint32_t>(names_end);
  frame.entries.push_back(entry);
  frame.bytes += bytes;
  bytes_ += bytes;
}

void OpenFrames::add_plain(PartitionId partition, const Named& counter, Shard& shard, std::int64_t delta, TimeMs time) {
  Filling& frame = current(partition);
  QUIPU_CHECK(shard.row.applied == frame.offset);
  if (shard.slot < Shard::kTouched) {
    Pending& entry = frame.entries[shard.slot];
    std::int64_t sum = 0;
    if (same_second(entry.time, time) && !__builtin_add_overflow(entry.delta, delta, &sum)) {
      entry.delta = sum;
      ++entry.events;
      return;
    }
  }
  if (shard.slot < Shard::kTouched) QUIPU_MARK("entry not added up with the one before");
  shard.slot = static_cast<std::uint32_t>(frame.entries.size());
  append(frame, counter, {.delta = delta, .events = 1, .time = time});
}

void OpenFrames::add_with_id(PartitionId partition, const Named& counter, Shard& shard, std::int64_t delta, TimeMs time,
                             const IdHash& id) {
  Filling& frame = current(partition);
  const auto side = static_cast<std::uint32_t>(frame.ids.size());
  append(frame, counter, {.delta = delta, .events = 1, .time = time, .side = side, .group = GroupKind::kIds});
  frame.ids.push_back(id);
  if (shard.slot < Shard::kTouched) shard.slot = Shard::kTouched;
}

void OpenFrames::add_of_source(PartitionId partition, const Named& counter, Shard& shard, std::int64_t delta,
                               TimeMs time, const Hash128& source, std::uint64_t sequence) {
  Filling& frame = current(partition);
  const auto side = static_cast<std::uint32_t>(frame.sources.size());
  append(frame, counter, {.delta = delta, .events = 1, .time = time, .side = side, .group = GroupKind::kSource});
  frame.sources.push_back({source, sequence});
  if (shard.slot < Shard::kTouched) shard.slot = Shard::kTouched;
}

void OpenFrames::add_reset(PartitionId partition, const Named& counter, Epoch epoch, TimeMs time) {
  Filling& frame = current(partition);
  const auto side = static_cast<std::uint32_t>(frame.epochs.size());
  append(frame, counter, {.delta = 0, .events = 0, .time = time, .side = side, .kind = EntryKind::kReset});
  frame.epochs.push_back(epoch);
}

Result<void> OpenFrames::submit(EventLog& log, const NamespaceRegistry& spaces, std::vector<Submitted>& out) {
  for (std::size_t i = 0; i < used_; ++i) {
    const Filling& frame = frames_[i];
    FrameHeader header;
    header.identity = identity_;
    header.partition = frame.partition;
    header.writer = writer_;
    header.number = frame.number;
    header.base_time = frame.base_time;
    encoder_.begin(header);
    for (const Pending& pending : frame.entries) {
      Entry entry;
      entry.kind = pending.kind;
      entry.group = pending.group;
      entry.space = spaces.name(pending.space);
      entry.counter = {frame.names.data() + pending.name_at, pending.name_size};
      entry.delta = pending.delta;
      entry.events = pending.events;
      entry.time = pending.time;
      if (pending.kind == EntryKind::kReset) entry.epoch = frame.epochs[pending.side];
      if (pending.group == GroupKind::kIds) entry.id = frame.ids[pending.side];
      if (pending.group == GroupKind::kSource) {
        entry.source = frame.sources[pending.side].source;
        entry.sequence = frame.sources[pending.side].sequence;
      }
      encoder_.add(entry);
    }
    const auto bytes = encoder_.finish();
    if (auto submitted = log.submit(frame.partition, bytes, frame.offset.value); !submitted) return submitted;
    out.push_back({frame.partition, frame.offset, frame.number, bytes.size()});
    current_[frame.partition.value] = kNone;
  }
  used_ = 0;
  bytes_ = 0;
  return {};
}

}  // namespace quipu
