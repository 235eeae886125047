#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "event/entry.h"

namespace quipu {

/// Puts entries into the log until it has them: how a worker passes a RESET on.
///
/// Promise: `entries` stand in one frame of the partition. While its fate is unknown the frame is sent again, in the
/// order in which a partition's frames were given, so it may stand in the log more than once. Each append is answered
/// once: with its offset when the log has it, or with an error that sending again would not mend. Thread: all calls on
/// the owner's thread; none waits.
class EntryAppender {
 public:
  struct Appended {
    std::uint64_t token = 0;
    Result<Offset> offset{Offset{}};
  };

  virtual ~EntryAppender() = default;

  /// `entries`: 1 to about 1 MiB of them; not needed after the call.
  virtual void append(PartitionId partition, std::span<const Entry> entries, std::uint64_t token) = 0;
  /// Sends what waits and answers what is known. `steady` only ever rises, `wall` is the time of day.
  virtual void step(TimeMs steady, TimeMs wall, std::vector<Appended>& out) = 0;
};

}  // namespace quipu
