#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/identifiers.h"
#include "base/result.h"
#include "log/event_log.h"

namespace quipu {

/// The generation of the log that comes after one of `before`. kRefused where there were as many as can be counted.
Result<Generation> generation_after(Generation before);

/// What a NewLogCheck is told when it is made. Times are in milliseconds.
struct NewLogCheckOptions {
  std::string topic;                  ///< As it is called where it is refused.
  std::int64_t read_ms_max = 30'000;  ///< How long the first frame of one partition is waited for.
  std::int64_t retry_ms = 1'000;      ///< When to come back after that.
};

/// Whether a log is a beginning. One in which another log's frames stand, such as those of a node that went on while
/// the topic was made anew, is none: workers would stop at them. Frames of its own are there where this was interrupted
/// before.
///
/// Pure: no clock, thread, socket.
class NewLogCheck {
 public:
  /// Has the log fetch a partition's frames from an offset on.
  using Seek = std::function<void(PartitionId, Offset)>;

  NewLogCheck(NewLogCheckOptions options, EventLog& log, Seek seek)
      : options_(std::move(options)), log_(log), seek_(std::move(seek)) {}

  /// Does what can be done now; whether all partitions were looked at and are empty or begin with a frame of this log.
  /// `steady` only ever rises. kRefused, naming topic and partition, where one does not; kBusy where one can not be
  /// read for too long; else what the log says.
  Result<bool> step(TimeMs steady);

 private:
  Result<bool> look(PartitionId partition, TimeMs steady);

  const NewLogCheckOptions options_;
  EventLog& log_;
  const Seek seek_;
  std::uint16_t at_ = 0;  // The partition that is looked at.
  std::optional<TimeMs> asked_at_;
};

}  // namespace quipu
