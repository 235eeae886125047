#include "engine/open_frames.h"

#include "base/check.h"

namespace quipu {
namespace {

/// Entries of one counter are added up only within a second, so that history by the second can still be told from the
/// log.
constexpr TimeMs kCombineMs = 1000;

bool same_second(TimeMs a, TimeMs b) { return a / kCombineMs == b / kCombineMs; }

}  // namespace

OpenFrames::OpenFrames(const LogIdentity& identity, NodeIdentity writer, std::uint16_t partitions)
    : identity_(identity), writer_(writer), current_(partitions, kNone), number_(partitions) {}

Offset OpenFrames::open(PartitionId partition, EventLog& log, TimeMs now) {
  if (current_[partition.value] != kNone) {
    Filling& frame = current(partition);
    if (frame.bytes < kCloseBytes) return frame.offset;
  }
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
  frame.ids.clear();
  frame.sources.clear();
  frame.epochs.clear();
  bytes_ += kFrameBytes;
  return frame.offset;
}

void OpenFrames::append(Filling& frame, std::size_t name_size, const Pending& entry) {
  frame.entries.push_back(entry);
  const auto bytes = kEntryBytes + name_size;
  frame.bytes += bytes;
  bytes_ += bytes;
}

void OpenFrames::add_plain(PartitionId partition, CounterIndex counter, std::size_t name_size, Shard& shard,
                           std::int64_t delta, TimeMs time) {
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
  shard.slot = static_cast<std::uint32_t>(frame.entries.size());
  append(frame, name_size, {delta, 1, time, counter, 0, EntryKind::kAdd, GroupKind::kPlain});
}

void OpenFrames::add_with_id(PartitionId partition, CounterIndex counter, std::size_t name_size, std::int64_t delta,
                             TimeMs time, const IdHash& id) {
  Filling& frame = current(partition);
  append(frame, name_size,
         {delta, 1, time, counter, static_cast<std::uint32_t>(frame.ids.size()), EntryKind::kAdd, GroupKind::kIds});
  frame.ids.push_back(id);
}

void OpenFrames::add_of_source(PartitionId partition, CounterIndex counter, std::size_t name_size, std::int64_t delta,
                               TimeMs time, const Hash128& source, std::uint64_t sequence) {
  Filling& frame = current(partition);
  append(
      frame, name_size,
      {delta, 1, time, counter, static_cast<std::uint32_t>(frame.sources.size()), EntryKind::kAdd, GroupKind::kSource});
  frame.sources.push_back({source, sequence});
}

void OpenFrames::add_reset(PartitionId partition, CounterIndex counter, std::size_t name_size, Epoch epoch,
                           TimeMs time) {
  Filling& frame = current(partition);
  append(frame, name_size,
         {0, 0, time, counter, static_cast<std::uint32_t>(frame.epochs.size()), EntryKind::kReset, GroupKind::kPlain});
  frame.epochs.push_back(epoch);
}

Result<void> OpenFrames::submit(EventLog& log, const CounterTable& table, const NamespaceRegistry& spaces,
                                std::vector<Submitted>& out) {
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
      const Counter& counter = table.at(pending.counter);
      Entry entry;
      entry.kind = pending.kind;
      entry.group = pending.group;
      entry.space = spaces.name(counter.space);
      entry.counter = counter.counter();
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
