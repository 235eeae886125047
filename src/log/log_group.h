#pragma once

#include <vector>

#include "base/identifiers.h"
#include "base/result.h"

namespace quipu {

/// Which partitions of a log this process reads, where several processes share them.
///
///   take_changes ─► assigned ─► (state is loaded, frames are read through EventLog::read) ─► revoked ─► released
///
/// Promise: no fencing. Two processes may believe that they own a partition for a while (a zombie after a rebalance);
/// the store makes that harmless. A partition that is taken away in an orderly way is handed on only after `released`,
/// or after the group's own time limit. Thread: all calls on the owner's thread; none waits.
class LogGroup {
 public:
  struct Change {
    enum class Kind : std::uint8_t {
      kAssigned,  ///< Read it from the store's watermark on.
      kRevoked,   ///< Flush it, then say `released`.
      kLost,      ///< Others may own it already: drop its state, write nothing more.
    };
    Kind kind = Kind::kAssigned;
    PartitionId partition{};
  };

  virtual ~LogGroup() = default;

  /// Appends what has changed since the last call, in order.
  virtual void take_changes(std::vector<Change>& out) = 0;

  /// What this process had of a partition that was revoked is in the store.
  virtual void released(PartitionId partition) = 0;

  /// From where the partition's frames are wanted next; before the first `EventLog::read` of it, and to go back. While
  /// `paused` nothing is fetched ahead.
  virtual void seek(PartitionId partition, Offset next) = 0;
  virtual void pause(PartitionId partition, bool paused) = 0;

  /// A hint for those who look at the group's lag: frames up to here are in the store. Recovery never uses it.
  virtual void hint_committed(PartitionId partition, Offset offset) = 0;

  /// The group can not go on (its log is gone, or is not the one it was). kDamaged or kRefused, naming what to do.
  virtual Result<void> health() const = 0;
};

}  // namespace quipu
