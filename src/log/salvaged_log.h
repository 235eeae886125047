#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "log/event_log.h"
#include "log/log_disk.h"

namespace quipu {

struct SalvageOptions {
  LogIdentity identity;
  std::uint16_t partitions = 8;
  /// The store has counted every frame up to here, of all partitions: what cannot be read below is no loss.
  Offset counted{};
  /// The newest frame of any partition that the store has counted; the log is said to go on behind it.
  Offset counted_newest{};
};

/// A stretch of a log that cannot be read.
struct LogHole {
  Offset from{};       ///< The first offset that is not there.
  Offset to{};         ///< The last one that something sound behind it names; below `from`: nothing does.
  std::string reason;  ///< The file, the byte and what is wrong there.

  /// Whether frames surely stood there. Else it may be a write that was under way, which nobody was told of.
  bool certain() const { return to >= from; }
};

/// What can still be read of a damaged segment log, for bringing it into the store before a new log is begun.
/// Read-only.
///
///   offsets  1 ........ counted | counted + 1 ........ end | ....
///            holes are passed over   no hole                 given up, from the first hole on
///
/// Groups are found by themselves: each is looked for at every block of every file, and is taken if its checksums are
/// right for this log, file and place and all of its frames can be decoded. Headers of segments are not needed.
/// Promise: frames come in the order of their offsets, and all from `counted` + 1 to the end are there. Nothing on the
/// disk is changed. Thread: its owner's. Blocks on the disk.
class SalvagedLog final : public EventLog {
 public:
  /// Looks at all files of `disk`, which must outlive the log; nullptr is a log that is not there at all. Files that
  /// cannot be read are holes. kRefused when a newer version wrote something in it: then it may not be damaged.
  static Result<SalvagedLog> open(LogDisk* disk, const SalvageOptions& options);

  /// The first hole above what the store has counted: where the log was given up.
  const std::optional<LogHole>& lost() const { return lost_; }
  /// The first hole below: its frames are counted, but the ids in them can not be seen again.
  const std::optional<LogHole>& passed_over() const { return passed_over_; }

  const LogIdentity& identity() const override { return options_.identity; }
  std::uint16_t partitions() const override { return options_.partitions; }
  bool commits_atomically() const override { return true; }
  /// From 1 on: what is not there any more below the counted offset reads as nothing.
  LogBounds bounds(PartitionId) const override { return {Offset{1}, end_}; }
  /// Beside what EventLog says: passes over holes. An empty answer means that there is nothing more.
  Result<LogRead> read(std::optional<PartitionId> partition, Offset from, std::size_t bytes_max) override;

  // It takes nothing.
  std::optional<Offset> reserve(PartitionId) override { return std::nullopt; }
  std::size_t room_bytes() const override { return 0; }
  std::size_t group_bytes_max() const override { return 0; }
  Error room_error() const override;
  Result<void> submit(PartitionId, ByteView, std::uint64_t) override { return std::unexpected(room_error()); }
  void commit() override {}
  bool committing() const override { return false; }
  void take_completions(std::vector<LogCompletion>&) override {}
  void allow_trim(Offset) override {}

 private:
  /// Groups of one file that stand side by side.
  struct Run {
    SegmentNumber segment{};
    std::uint64_t at = 0;
    std::uint64_t end_at = 0;
    Offset first{};
    Offset end{};
  };
  class Walk;

  SalvagedLog(LogDisk* disk, const SalvageOptions& options) : disk_(disk), options_(options) {}
  Result<void> read_run(const Run& run, std::optional<PartitionId> partition, std::size_t bytes_max, LogRead& out);

  LogDisk* disk_;
  SalvageOptions options_;
  std::vector<Run> runs_;
  Offset end_{1};
  std::optional<LogHole> lost_;
  std::optional<LogHole> passed_over_;
  /// Where the last read ended.
  std::uint64_t cursor_at_ = 0;
  Offset cursor_{};
};

}  // namespace quipu
