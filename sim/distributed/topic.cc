#include "sim/distributed/topic.h"

#include <algorithm>
#include <string>
#include <utility>

#include "aggregate/chain_table.h"
#include "base/check.h"
#include "event/frame.h"

namespace quipu::sim {

Offset SimTopic::append(PartitionId partition, ByteView record) {
  Kept& kept = partitions_.at(partition.value);
  const auto offset = kept.end();
  kept.records.emplace_back(record.begin(), record.end());
  const auto writer = decode_frame(record)->header().writer;
  boots_[{partition, writer.node}].insert(writer.boot);
  appended(partition, offset, record);
  return offset;
}

LogBounds SimTopic::bounds(PartitionId partition) const {
  const Kept& kept = partitions_.at(partition.value);
  return {kept.begin, kept.end()};
}

const Bytes& SimTopic::record(PartitionId partition, Offset offset) const {
  const Kept& kept = partitions_.at(partition.value);
  QUIPU_CHECK(offset >= kept.begin && offset < kept.end());
  return kept.records[offset.value - kept.begin.value];
}

void SimTopic::go_away(PartitionId partition, TimeMs ms) {
  trace_.fault(Fault::kPartitionAway,
               "partition " + std::to_string(partition.value) + " for " + std::to_string(ms) + " ms");
  partitions_.at(partition.value).away_until = now + ms;
}

void SimTopic::trim(PartitionId partition, Offset below) {
  Kept& kept = partitions_.at(partition.value);
  if (below <= kept.begin || kept.records.empty()) return;
  trace_.fault(Fault::kLogTrimmed,
               "partition " + std::to_string(partition.value) + " below offset " + std::to_string(below.value));
  remove(partition, below);
}

void SimTopic::remove(PartitionId partition, Offset below) {
  Kept& kept = partitions_.at(partition.value);
  for (; !kept.records.empty() && kept.begin < below; ++kept.begin.value) kept.records.pop_front();
}

void SimTopic::note_read(PartitionId partition, Offset next) {
  Offset& below = partitions_.at(partition.value).read_below;
  below = std::max(below, next);
}

void SimTopic::leave_behind(PartitionId partition, std::deque<Bytes> records) {
  records.resize(random_.below(records.size() + 1));
  if (!records.empty()) late_.push_back({partition, std::move(records)});
}

void SimTopic::arrive() {
  if (late_.empty()) return;
  const auto at = random_.below(late_.size());
  Late& late = late_[at];
  if (!takes(late.partition)) return;
  if (!too_late(late.partition, late.records.front())) {
    trace_.fault(Fault::kLateRecord, "partition " + std::to_string(late.partition.value));
    append(late.partition, late.records.front());
  }
  late.records.pop_front();
  if (late.records.empty()) late_.erase(late_.begin() + static_cast<std::ptrdiff_t>(at));
}

bool SimTopic::too_late(PartitionId partition, ByteView record) const {
  const auto writer = decode_frame(record)->header().writer;
  const auto boots = boots_.find({partition, writer.node});
  if (boots == boots_.end()) return false;
  const auto newer = std::ranges::count_if(boots->second, [&](auto boot) { return boot > writer.boot; });
  return static_cast<std::size_t>(newer) >= ChainTable::kBootsKept;
}

void SimTopic::arrive_all() {
  while (!late_.empty()) arrive();
}

void SimTopic::cut(PartitionId partition, std::uint64_t count) {
  Kept& kept = partitions_.at(partition.value);
  for (; count > 0 && !kept.records.empty(); --count) kept.records.pop_back();
}

void SimTopic::tell_end(PartitionId partition, Offset end, TimeMs until) {
  Kept& kept = partitions_.at(partition.value);
  kept.told_end = end;
  kept.told_until = until;
}

LogBounds SimTopic::told_bounds(PartitionId partition) const {
  const Kept& kept = partitions_.at(partition.value);
  auto told = bounds(partition);
  if (now < kept.told_until) told.end = std::max(told.end, kept.told_end);
  return told;
}

void SimTopic::make_anew(std::uint16_t partitions) {
  ++id_;
  bits_.back() = std::byte{static_cast<std::uint8_t>(std::to_integer<unsigned>(bits_.back()) + 1)};
  late_.clear();
  boots_.clear();
  partitions_.clear();
  partitions_.resize(partitions);
}

}  // namespace quipu::sim
