#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"
#include "log/log_disk.h"
#include "log/segment_files.h"

namespace quipu {

/// Writes groups to segments, and syncs each before it answers. Blocks.
///
/// Promise: what `write` answered as done survives a power cut. After one failed, its descriptor is closed and every
/// later write is answered with the first error: a later sync of the same file may answer "done" with the data gone.
/// Thread: one at a time.
class SegmentWriter {
 public:
  explicit SegmentWriter(SegmentFiles files) : files_(std::move(files)) {}

  /// An error is kUnknown: any part of the bytes may be on the disk.
  Result<void> write(SegmentNumber segment, std::uint64_t at, ByteView bytes);

 private:
  Result<void> try_write(SegmentNumber segment, std::uint64_t at, ByteView bytes);

  const SegmentFiles files_;
  FileDescriptor file_;
  SegmentNumber segment_{};
  bool direct_ = true;
  std::optional<Error> error_;
};

}  // namespace quipu
