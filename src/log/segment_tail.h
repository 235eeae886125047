#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "log/block_bytes.h"
#include "log/log_disk.h"

namespace quipu {

/// A torn tail, which was overwritten with zeros.
struct LogCut {
  SegmentNumber segment{};
  std::uint64_t at = 0;
  std::uint64_t bytes = 0;
};

/// What lies behind the end of a log that was just opened: the rest of its last segment, and its spares. Zeros, or a
/// torn write; what is sound there and newer than the end shows that the end is damage, since only one group is ever
/// under way, and nothing can follow it.
///
/// It may be looked at long after the log was opened, beside the reading of what the log holds, since it is much: on a
/// fast disk it takes as long as some hundred thousand events. Nothing may be written to the log before.
/// Pure. Threads: one at a time; that of a scan of the log until it is over, then that of the log's owner.
class SegmentTail {
 public:
  struct Part {
    SegmentFile file;
    std::uint64_t from = 0;
  };
  /// How the log ends.
  struct End {
    LogIdentity identity;
    Offset offset{1};         ///< The next one.
    SegmentNumber segment{};  ///< In which it ends.
    std::string reason;       ///< Why it ends where it does; empty: its segment has no header.
  };

  SegmentTail(LogDisk& disk, End end, std::vector<Part> parts)
      : disk_(disk), end_(std::move(end)), parts_(std::move(parts)) {}

  /// Reads all of it, once, and says the same ever after. kDamaged, naming file, byte and offsets, where the end is
  /// damage; kRefused where a newer version wrote what is there; else what the disk says.
  Result<void> check();
  /// A stretch of the same: whether it is through.
  Result<bool> check_some();

  /// Overwrites with zeros what was torn, and syncs. Only after a check that was passed.
  Result<void> make_zero();

  /// What was torn; nullopt where nothing was, or it was not checked yet.
  std::optional<LogCut> cut() const;

 private:
  /// Bytes that are to become zeros.
  struct Stale {
    SegmentNumber segment{};
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
  };
  Result<bool> look_on();
  Result<void> look_at(const SegmentFile& file, ByteView block);

  LogDisk& disk_;
  const End end_;
  const std::vector<Part> parts_;

  std::optional<Result<void>> checked_;
  std::size_t part_ = 0;      // Which is looked at, ...
  std::uint64_t at_ = 0;      // ... from where on; 0: from its beginning.
  BlockBytes window_;         // Memory of the last read.
  std::vector<Stale> stale_;  // At most one of each part.
};

/// Overwrites these bytes of a segment with zeros, and syncs.
Result<void> write_zeros(LogDisk& disk, SegmentNumber segment, std::uint64_t begin, std::uint64_t end);

}  // namespace quipu
