#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "log/event_log.h"

namespace quipu {

/// The generation of the log that comes after one of `before`. kRefused where there were as many as can be counted.
Result<Generation> generation_after(Generation before);

/// What a NewLogCheck is told when it is made. Times are in milliseconds.
struct NewLogCheckOptions {
  std::string topic;                  ///< As it is called where it is refused.
  std::int64_t read_ms_max = 30'000;  ///< How long one partition's end, or its next frames, are waited for.
  std::int64_t retry_ms = 1'000;      ///< When to come back after that.
  /// What is held of the log at a time; one frame alone may be larger. RESETs of a counter have some 100 bytes.
  std::size_t read_bytes = std::size_t{1} << 20;
};

/// Whether a log is a beginning: nothing stands in it but frames of its own, which are there where this was interrupted
/// before. One in which another log's frames stand anywhere, such as those of a node that went on while the topic was
/// made anew, is none: workers would stop at them.
///
///   step … through ─► whatever is written of its own ─► again ─► step … through: nobody else wrote meanwhile
///
/// Pure: no clock, thread, socket.
class NewLogCheck {
 public:
  /// Has the log fetch a partition's frames from an offset on.
  using Seek = std::function<void(PartitionId, Offset)>;

  NewLogCheck(NewLogCheckOptions options, EventLog& log, Seek seek)
      : options_(std::move(options)), log_(log), seek_(std::move(seek)) {}

  /// Does what can be done now; whether all partitions were looked at up to their ends, and have no frame but of this
  /// log. `steady` only ever rises. kRefused, naming topic, partition and offset, where one has; kBusy where one can
  /// not be read for too long; else what the log says.
  Result<bool> step(TimeMs steady);

  /// Has it go on from where it was through, up to ends that are asked for after `steady`.
  void again(TimeMs steady);

 private:
  Result<bool> look(PartitionId partition, TimeMs steady);
  Result<bool> look_at(const LogRead& read, PartitionId partition);
  Result<bool> wait(TimeMs steady);
  std::unexpected<Error> refused(PartitionId partition, const std::string& what) const;

  const NewLogCheckOptions options_;
  EventLog& log_;
  const Seek seek_;
  std::uint16_t at_ = 0;      // The partition that is looked at.
  std::vector<Offset> next_;  // Of each, where what was not looked at begins.
  bool sought_ = false;       // That one is fetched.
  std::optional<TimeMs> ends_since_;
  std::optional<TimeMs> waits_since_;
};

}  // namespace quipu
