#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "base/identifiers.h"
#include "event/frame.h"

namespace quipu::sim {

/// Where a record stands in a chain of frames: that of its node and boot.
struct ChainRecord {
  std::uint64_t node = 0;
  std::uint32_t boot = 0;
  std::uint64_t number = 0;  ///< 0: in no chain.
};

/// Of each partition the records in their order, trimmed ones too.
class ChainRecords {
 public:
  /// What stood at this offset and behind it is gone.
  void appended(PartitionId partition, Offset offset, ByteView bytes) {
    const auto frame = decode_frame(bytes);
    auto& records = partitions_[partition];
    records.resize(offset.value - 1);
    records.push_back({frame->header().writer.node, frame->header().writer.boot, frame->header().number});
  }
  std::span<const ChainRecord> of(PartitionId partition) const {
    const auto found = partitions_.find(partition);
    return found == partitions_.end() ? std::span<const ChainRecord>() : found->second;
  }

 private:
  std::map<PartitionId, std::vector<ChainRecord>> partitions_;
};

/// Whether who reads these, one part behind the other, misses a frame in a chain.
inline bool has_gap(std::span<const ChainRecord> first, std::span<const ChainRecord> then) {
  static constexpr std::size_t kBootsKept = 4;  // Of a node, the newest.
  std::map<std::uint64_t, std::map<std::uint32_t, std::uint64_t>> last;
  for (const auto part : {first, then}) {
    for (const ChainRecord& record : part) {
      if (record.number == 0) continue;
      auto& boots = last[record.node];
      if (!boots.contains(record.boot) && boots.size() >= kBootsKept && boots.begin()->first > record.boot) continue;
      auto& number = boots[record.boot];
      if (record.number > number + 1) return true;
      number = std::max(number, record.number);
      if (boots.size() > kBootsKept) boots.erase(boots.begin());
    }
  }
  return false;
}

}  // namespace quipu::sim
