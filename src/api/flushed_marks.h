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

/// How far the rows in the store are, by what the workers say of each partition. The log may get more of them.
///
/// Where the store may have forgotten rows, what was said before is not believed any more: workers hear of it within
/// `news_ms`, read their partitions again, and say something else when the rows are there again. Pure.
class FlushedMarks {
 public:
  /// `log` must outlive this.
  FlushedMarks(const EventLog& log, std::int64_t news_ms) : log_(log), news_ms_(news_ms) {}

  /// Takes a mark of this generation; others are of logs that are not read any more. `asked_at`: the store was asked
  /// for it then, or later.
  void take(const FlushedMark& mark, TimeMs asked_at);
  /// The store may have forgotten what it acknowledged.
  void forgot(TimeMs now);

  /// Whether rows in the store surely include these positions. kConflict: of another generation; kRefused: of a
  /// partition that the log does not have.
  Result<bool> reached(std::span<const Position> positions) const;

  /// What the log's first `partitions` had at this time is in the store; 0 where nobody said so of one of them. A
  /// partition without any frame lacks nothing.
  TimeMs as_of(TimeMs now, std::uint16_t partitions) const;

  /// kNoOffset where nobody has said anything of the partition.
  Offset offset(PartitionId partition) const;

 private:
  struct Told {
    std::optional<FlushedMark> mark;
    std::optional<FlushedMark> doubted;  // Said before the store may have forgotten.
  };

  const EventLog& log_;
  const std::int64_t news_ms_;
  std::optional<TimeMs> forgot_at_;
  // Of the partitions of which something was said; shorter than the log where there was nothing.
  std::vector<Told> told_;
};

}  // namespace quipu
