#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/identifiers.h"
#include "log/event_log.h"

namespace quipu {

struct MemoryLogOptions {
  LogIdentity identity;
  std::uint16_t partitions = 8;
  std::size_t pending_bytes = std::size_t{64} << 20;  ///< Frames that wait. Above it `room_bytes` is 0.
  std::size_t group_bytes_max = std::size_t{16} << 20;
};

/// An event log in memory that behaves as a remote one does: each partition has offsets of its own, without gaps, and
/// they are learned with the acknowledgement; what one commit covers is not durable as one; an acknowledgement may be
/// lost, with the frame written or not. For tests and for the simulator. Pure.
///
/// Promises of EventLog, within one life of the process. An unknown outcome does not end the log, as it does not end a
/// broker's: sending again is the owner's.
class MemoryLog final : public EventLog {
 public:
  /// What a frame that was committed meets.
  enum class Fate : std::uint8_t {
    kAcknowledged,
    kWrittenUnknown,  ///< It is in the log, and the completion says kUnknown.
    kLostUnknown,     ///< It is not in the log, and the completion says kUnknown.
    kRefused,         ///< It is surely not in the log: kBusy.
  };

  explicit MemoryLog(const MemoryLogOptions& options);

  /// Complete what was committed at the next take_completions; else `deliver` does, frame by frame.
  bool automatic = true;

  /// What `closed` says.
  std::optional<Error> shut{};

  /// Completes the oldest frames that were committed, at most `count`, each with this fate.
  void deliver(std::size_t count, Fate fate = Fate::kAcknowledged);
  /// How many frames were committed and not yet delivered.
  std::size_t in_flight() const { return committed_; }

  const LogIdentity& identity() const override { return options_.identity; }
  std::uint16_t partitions() const override { return options_.partitions; }
  bool commits_atomically() const override { return false; }
  LogBounds bounds(PartitionId partition) const override;
  std::optional<Offset> reserve(PartitionId) override { return std::nullopt; }
  std::size_t room_bytes() const override;
  std::size_t group_bytes_max() const override { return options_.group_bytes_max; }
  Error room_error() const override;
  std::optional<Error> closed() const override { return shut; }
  Result<void> submit(PartitionId partition, ByteView frame, std::uint64_t token) override;
  void commit() override { committed_ = queue_.size(); }
  bool committing() const override { return committed_ > 0; }
  void take_completions(std::vector<LogCompletion>& out) override;
  /// Of one partition only: offsets of different partitions have no order. kRefused for all of them.
  Result<LogRead> read(std::optional<PartitionId> partition, Offset from, std::size_t bytes_max) override;
  /// Says nothing to this log: its partitions have offsets of their own.
  void allow_trim(Offset) override {}
  void allow_partition_trim(PartitionId partition, Offset offset) override;

 private:
  struct Queued {
    PartitionId partition{};
    std::uint64_t token = 0;
    Bytes frame;
  };
  struct Kept {
    Offset begin{1};
    std::deque<Bytes> frames;
    Offset end() const { return Offset(begin.value + frames.size()); }
  };

  const MemoryLogOptions options_;
  std::vector<Kept> partitions_;
  std::deque<Queued> queue_;
  std::size_t committed_ = 0;  ///< The first of `queue_`.
  std::size_t pending_bytes_ = 0;
  std::vector<LogCompletion> done_;
};

}  // namespace quipu
