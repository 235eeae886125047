#include "api/flushed_marks.h"

#include <algorithm>
#include <utility>

#include "base/planted.h"

namespace quipu {

void FlushedMarks::take(const FlushedMark& mark, TimeMs asked_at) {
  if (mark.generation != log_.identity().generation) {
    QUIPU_MARK("node: a mark of another log is left");
    return;
  }
  if (mark.partition.value >= log_.partitions()) return;
  if (told_.size() < log_.partitions()) told_.resize(log_.partitions());
  Told& told = told_[mark.partition.value];
  // Until all workers have heard of it, one may say what it believed before.
  const bool unheard = forgot_at_ && asked_at - *forgot_at_ < news_ms_ && asked_at >= *forgot_at_;
  if (unheard || told.doubted == mark) {
    QUIPU_MARK("node: a mark is doubted");
    told.doubted = mark;
    return;
  }
  told.doubted.reset();
  // It may go back, where two workers believe that they own the partition or the store has forgotten: the lower one is
  // the safe one.
  told.mark = mark;
}

void FlushedMarks::forgot(TimeMs now) {
  forgot_at_ = now;
  for (Told& told : told_) {
    if (told.mark) told.doubted = std::exchange(told.mark, std::nullopt);
  }
}

Result<bool> FlushedMarks::reached(std::span<const Position> positions) const {
  bool all = true;
  for (const Position& position : positions) {
    if (position.generation != log_.identity().generation && !QUIPU_PLANTED("old-positions-met")) {
      QUIPU_MARK("node: a position of another log is refused");
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
    const bool told = p < told_.size() && told_[p].mark;
    if (!told && log_.bounds(partition).end > Offset{1}) return 0;
    oldest = std::min(oldest, told ? told_[p].mark->as_of : now - log_.bounds_age_ms(partition));
  }
  return oldest;
}

Offset FlushedMarks::offset(PartitionId partition) const {
  const bool told = partition.value < told_.size() && told_[partition.value].mark;
  return told ? told_[partition.value].mark->offset : kNoOffset;
}

}  // namespace quipu
