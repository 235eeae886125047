#include "api/node_frames.h"

#include "base/check.h"

namespace quipu {
namespace {

/// Entries of one counter are added up only within a second, so that history by the second can still be told from the
/// log.
constexpr TimeMs kCombineMs = 1'000;

bool same_second(TimeMs a, TimeMs b) { return a / kCombineMs == b / kCombineMs; }

}  // namespace

NodeFrames::NodeFrames(const LogIdentity& identity, std::uint16_t partitions, std::uint64_t hash_seed)
    : identity_(identity), frames_(partitions), encoder_(hash_seed) {}

NodeFrames::Filling& NodeFrames::opened(PartitionId partition) {
  Filling& frame = frames_[partition.value];
  if (frame.serial == 0) frame.serial = next_serial_++;
  return frame;
}

void NodeFrames::append(Filling& frame, const Named& counter, Pending entry, TimeMs now) {
  const bool first = frame.entries.empty();
  if (first) frame.opened_at = now;
  // A namespace stands once in a frame; taking each change of it as a new one keeps this an upper bound.
  const bool same_space = first || frame.last_space == counter.space;
  const auto bytes = kEntryBytes + counter.counter.size() + (same_space ? 0 : kSpaceBytes) + (first ? kFrameBytes : 0);
  frame.last_space = counter.space;
  entry.space = counter.space;
  entry.name_at = static_cast<std::uint32_t>(frame.names.size());
  entry.name_size = static_cast<std::uint16_t>(counter.counter.size());
  frame.names += counter.counter;
  frame.entries.push_back(entry);
  frame.bytes += bytes;
  bytes_ += bytes;
}

void NodeFrames::add_plain(PartitionId partition, const Named& counter, std::int64_t delta, TimeMs time, TimeMs now) {
  Filling& frame = opened(partition);
  const auto [known, first] =
      frame.plain.try_emplace(counter.routing, static_cast<std::uint32_t>(frame.entries.size()));
  if (!first) {
    Pending& entry = frame.entries[known->second];
    const auto name = std::string_view(frame.names).substr(entry.name_at, entry.name_size);
    std::int64_t sum = 0;
    if (entry.space == counter.space && name == counter.counter && same_second(entry.time, time) &&
        !__builtin_add_overflow(entry.delta, delta, &sum)) {
      entry.delta = sum;
      ++entry.events;
      return;
    }
    known->second = static_cast<std::uint32_t>(frame.entries.size());
  }
  append(frame, counter, {.delta = delta, .events = 1, .time = time}, now);
}

void NodeFrames::add_with_id(PartitionId partition, const Named& counter, std::int64_t delta, TimeMs time,
                             const IdHash& id, TimeMs now) {
  Filling& frame = opened(partition);
  const auto side = static_cast<std::uint32_t>(frame.ids.size());
  append(frame, counter, {.delta = delta, .events = 1, .time = time, .side = side, .group = GroupKind::kIds}, now);
  frame.ids.push_back(id);
}

void NodeFrames::add_of_source(PartitionId partition, const Named& counter, std::int64_t delta, TimeMs time,
                               const Hash128& source, std::uint64_t sequence, TimeMs now) {
  Filling& frame = opened(partition);
  const auto side = static_cast<std::uint32_t>(frame.sources.size());
  append(frame, counter, {.delta = delta, .events = 1, .time = time, .side = side, .group = GroupKind::kSource}, now);
  frame.sources.push_back({source, sequence});
}

void NodeFrames::add_reset(PartitionId partition, const Named& counter, TimeMs time, TimeMs now) {
  Filling& frame = opened(partition);
  append(frame, counter, {.time = time, .kind = EntryKind::kReset}, now);
  frame.plain.erase(counter.routing);
  frame.resets.insert(counter.routing);
}

bool NodeFrames::has_reset(PartitionId partition, std::uint64_t routing) const {
  return frames_[partition.value].resets.contains(routing);
}

Bytes NodeFrames::close(PartitionId partition, const NamespaceRegistry& spaces) {
  Filling& frame = frames_[partition.value];
  QUIPU_CHECK(!frame.entries.empty());
  FrameHeader header;
  header.identity = identity_;
  header.partition = partition;
  header.base_time = frame.opened_at;
  encoder_.begin(header);
  for (const Pending& pending : frame.entries) {
    Entry entry;
    entry.kind = pending.kind;
    entry.group = pending.group;
    entry.space = spaces.name(pending.space);
    entry.counter = std::string_view(frame.names).substr(pending.name_at, pending.name_size);
    entry.delta = pending.delta;
    entry.events = pending.events;
    entry.time = pending.time;
    if (pending.group == GroupKind::kIds) entry.id = frame.ids[pending.side];
    if (pending.group == GroupKind::kSource) {
      entry.source = frame.sources[pending.side].source;
      entry.sequence = frame.sources[pending.side].sequence;
    }
    encoder_.add(entry);
  }
  const auto bytes = encoder_.finish();
  QUIPU_CHECK(bytes.size() <= frame.bytes);
  bytes_ -= frame.bytes;
  frame.serial = 0;
  frame.bytes = 0;
  frame.names.clear();
  frame.entries.clear();
  frame.ids.clear();
  frame.sources.clear();
  frame.plain.clear();
  frame.resets.clear();
  return {bytes.begin(), bytes.end()};
}

}  // namespace quipu
