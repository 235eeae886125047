#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "log/log_disk.h"
#include "log/segment_format.h"
#include "log/segment_tail.h"

namespace quipu {

/// A segment that holds frames.
struct LogSegment {
  SegmentNumber number{};
  std::uint64_t bytes = 0;
  Offset first{};
  TimeMs newest = 0;  ///< When its last group was written, or the segment behind it was begun.
  /// Of the groups: the first, and one for every stretch of kPlaceBytes that was walked.
  std::vector<GroupPlace> places;

  /// Keeps the place if it is far enough behind the last one.
  void remember(Offset group_first, std::uint64_t at);
};

inline constexpr std::uint64_t kPlaceBytes = std::uint64_t{1} << 20;

/// What a log's segments hold, as found when it is opened.
struct RecoveredLog {
  std::vector<LogSegment> segments;    ///< Those with frames, in order. The last is written on.
  std::uint64_t write_at = 0;          ///< Where in the last segment the next group goes.
  std::uint64_t last_group_at = 0;     ///< Where its last group begins.
  Offset end{1};                       ///< The next offset.
  std::optional<SegmentNumber> spare;  ///< A segment of zeros behind the last.
  SegmentNumber next_number{1};        ///< The number of the next segment to make.

  std::optional<LogCut> cut;
  /// What lies behind the end, where nobody has looked at it yet: before anything is written it must be checked, and
  /// made zeros.
  std::shared_ptr<SegmentTail> tail;
};

struct RecoveryOptions {
  LogIdentity identity;
  std::uint64_t segment_bytes = 0;
  Offset known_durable{};         ///< Frames up to here were acknowledged, as the store knows; 0 = nothing is known.
  bool check_tail_later = false;  ///< What lies behind the end is left to the log's owner, where that may be.
};

/// Finds the end of the log, and makes the disk ready to go on from there:
/// - the last group is written once more and synced, since the process that wrote it may have died before its sync;
/// - a torn tail (the group that was under way) is overwritten with zeros.
///
/// kDamaged, naming file, byte and offsets, when the log is not what was written: a segment is missing, foreign, short,
/// in another's place or older than its neighbours; something sound follows something broken; the log ends before a
/// frame that was known durable. Nothing is changed then. With `check_tail_later` that something sound follows is found
/// by whoever checks RecoveredLog::tail. kRefused when a newer version wrote it.
Result<RecoveredLog> recover_segments(LogDisk& disk, const RecoveryOptions& options);

}  // namespace quipu
