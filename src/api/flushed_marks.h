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

/// How far the rows in the store are, by what the workers say of each partition. The log may get more of them. Pure.
class FlushedMarks {
 public:
  explicit FlushedMarks(const EventLog& log) : log_(log) {}

  /// Takes a mark of this generation; others are of logs that are not read any more.
  void take(const FlushedMark& mark);

  /// Whether rows in the store surely include these positions. kConflict: of another generation; kRefused: of a
  /// partition that the log does not have.
  Result<bool> reached(std::span<const Position> positions) const;

  /// What the log's first `partitions` had at this time is in the store; 0 where nobody said so of one of them. A
  /// partition without any frame lacks nothing.
  TimeMs as_of(TimeMs now, std::uint16_t partitions) const;

  /// kNoOffset where nobody has said anything of the partition.
  Offset offset(PartitionId partition) const;

 private:
  const EventLog& log_;
  // Of the partitions of which something was said; shorter than the log where there was nothing.
  std::vector<std::optional<FlushedMark>> marks_;
};

}  // namespace quipu
