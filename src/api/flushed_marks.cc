#include "api/flushed_marks.h"

#include <algorithm>

namespace quipu {

void FlushedMarks::take(const FlushedMark& mark) {
  if (mark.generation != log_.identity().generation || mark.partition.value >= log_.partitions()) return;
  if (marks_.size() < log_.partitions()) marks_.resize(log_.partitions());
  // It may go back, where two workers believe that they own the partition or the store has forgotten: the lower one is
  // the safe one.
  marks_[mark.partition.value] = mark;
}

Result<bool> FlushedMarks::reached(std::span<const Position> positions) const {
  bool all = true;
  for (const Position& position : positions) {
    if (position.generation != log_.identity().generation) {
      return failure(Code::kConflict, "the position is of another generation of the log");
    }
    if (position.partition.value >= log_.partitions()) {
      return failure(Code::kRefused, "the position is of a partition that the log does not have");
    }
    all &= offset(position.partition) >= position.offset;
  }
  return all;
}

TimeMs FlushedMarks::as_of(TimeMs now, std::uint16_t partitions) const {
  auto oldest = now;
  for (std::uint16_t p = 0; p < partitions; ++p) {
    const PartitionId partition{p};
    const bool told = p < marks_.size() && marks_[p];
    if (!told && log_.bounds(partition).end > Offset{1}) return 0;
    oldest = std::min(oldest, told ? marks_[p]->as_of : now - log_.bounds_age_ms(partition));
  }
  return oldest;
}

Offset FlushedMarks::offset(PartitionId partition) const {
  const bool told = partition.value < marks_.size() && marks_[partition.value];
  return told ? marks_[partition.value]->offset : kNoOffset;
}

}  // namespace quipu
