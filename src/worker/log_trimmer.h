#pragma once

#include "base/identifiers.h"

namespace quipu {

/// Takes frames out of a partition's log that nobody needs any more.
class LogTrimmer {
 public:
  virtual ~LogTrimmer() = default;

  /// No worker begins below `offset` again, whatever a power cut takes back. The log may keep more. Does not wait; may
  /// be repeated, and a lower offset than before changes nothing.
  virtual void delete_below(PartitionId partition, Offset offset) = 0;
};

}  // namespace quipu
