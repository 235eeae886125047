#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "aggregate/aggregator.h"
#include "aggregate/id_window.h"
#include "base/bytes.h"
#include "base/identifiers.h"
#include "base/result.h"

namespace quipu {

/// The id windows of partitions as of one moment, on their way into the bytes of a base (docs/formats/checkpoint.md).
/// They are copied some at a time, while the partitions go on. Pure.
class BaseWindows {
 public:
  explicit BaseWindows(std::span<const Aggregator> partitions);

  /// What the bytes of it take at most.
  std::size_t bytes_max() const;
  /// Copies about `bytes_max` bytes more. Whether all is copied.
  bool copy(std::size_t bytes_max);
  /// What was copied; the whole of it after `copy` answered true.
  Bytes take() { return std::move(bytes_); }

 private:
  std::vector<IdWindow::Snapshot> windows_;
  std::size_t next_ = 0;  // Which window is being copied.
  bool size_put_ = false;
  Bytes bytes_;
};

/// The generation of the log that a base's windows belong to.
Result<Generation> generation_of_windows(ByteView bytes);

/// Lets the windows of a base come back into new partitions: as many as it was made of, in the same order. kDamaged
/// when the bytes are not those of such a base.
Result<void> restore_windows(ByteView bytes, std::span<Aggregator> partitions);

}  // namespace quipu
