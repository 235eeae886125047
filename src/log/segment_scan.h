#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "base/identifiers.h"
#include "base/result.h"
#include "log/event_log.h"
#include "log/log_disk.h"
#include "log/segment_reader.h"
#include "log/segment_tail.h"

namespace quipu {

/// The walk over a segment log: it knows the segments as they were when it began, and reads their groups one by one.
class SegmentScan final : public LogScan {
 public:
  struct Segment {
    SegmentNumber number{};
    std::uint64_t bytes = 0;
    Offset end{};  ///< One above its last offset.
  };
  /// Frames at `from` and above of `segments`, of which the first holds a group at `place`, at or below `from`.
  /// `bytes_max`: about so many in a stretch. `behind`, null or what lies behind the log's end: checked on the way, at
  /// the latest at the end.
  SegmentScan(LogDisk& disk, const LogIdentity& identity, std::deque<Segment> segments, GroupPlace place, Offset from,
              std::size_t bytes_max, std::shared_ptr<SegmentTail> behind)
      : disk_(disk),
        identity_(identity),
        segments_(std::move(segments)),
        place_(place),
        next_(from),
        bytes_max_(bytes_max),
        behind_(std::move(behind)) {}

  Result<LogRead> next() override;
  void give_back(LogRead&& spent) override { spent_ = std::move(spent); }

 private:
  LogDisk& disk_;
  const LogIdentity identity_;
  std::deque<Segment> segments_;  // From the one that is read on.
  GroupPlace place_;              // In the first of them, where its walk begins.
  Offset next_{};
  const std::size_t bytes_max_;
  std::optional<SegmentWalk> walk_;  // Through the first of them: what it has read and not given out is not read again.
  BlockBytes window_;                // Memory of the walk before.
  LogRead spent_;                    // Memory of the next stretch.
  const std::shared_ptr<SegmentTail> behind_;
};

}  // namespace quipu
