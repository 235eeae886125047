#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "log/event_log.h"
#include "query/position.h"
#include "store/flushed_mark.h"

namespace quipu {

/// How far the rows in the store are, by what the workers say of each partition. Pure.
class FlushedMarks {
 public:
  explicit FlushedMarks(const EventLog& log) : log_(log), marks_(log.partitions()) {}

  /// Takes a mark of this generation; others are of logs that are not read any more.
  void take(const FlushedMark& mark);

  /// Whether rows in the store surely include these positions. kConflict: of another generation; kRefused: of a
  /// partition that the log does not have.
  Result<bool> reached(std::span<const Position> positions) const;

  /// What the log had at this time is in the store, whatever the partition; 0 where nobody said so of one of them. A
  /// partition without any frame lacks nothing.
  TimeMs as_of(TimeMs now) const;

  Offset offset(PartitionId partition) const {
    const auto& mark = marks_[partition.value];
    return mark ? mark->offset : kNoOffset;
  }

 private:
  const EventLog& log_;
  std::vector<std::optional<FlushedMark>> marks_;
};

}  // namespace quipu
