#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/identifiers.h"
#include "base/result.h"
#include "event/frame.h"

namespace quipu {

/// What became of a submitted frame.
struct LogCompletion {
  std::uint64_t token = 0;
  /// The frame's offset once it is durable. kUnknown: perhaps in the log. kBusy, kDamaged: surely not.
  Result<Offset> offset{Offset{}};
};

/// A stretch of a partition's log: frames at `begin` and above, below `end`, can be read.
struct LogBounds {
  Offset begin{1};  ///< The oldest offset that is still kept.
  Offset end{1};    ///< One above the newest durable offset of the whole log.
};

/// Frames read back, in the order of their offsets. `frames` point into `bytes`.
struct LogRead {
  struct Item {
    PartitionId partition{};
    Offset offset{};
    std::size_t at = 0;  ///< Where the frame begins in `bytes`.
    std::size_t size = 0;
  };
  Bytes bytes;
  std::vector<Item> frames;
  std::vector<Frame> decoded;  ///< Beside `frames` and of `bytes`, where a DecodingScan gave it; else empty.
  Offset next{};               ///< Where to read on.

  ByteView frame(const Item& item) const { return ByteView(bytes).subspan(item.at, item.size); }
};

/// A walk over a log's frames in the order of their offsets, up to where the log ended when the walk began. It keeps
/// its own place, and may be used on another thread than the log's owner as long as the log lives.
class LogScan {
 public:
  virtual ~LogScan() = default;

  /// The next frames, about as many bytes as was asked for; none at the end. They are as they were written: what a disk
  /// gives is compared with a checksum over all of it. May wait for the disk. Errors as of EventLog::read.
  virtual Result<LogRead> next() = 0;
  /// A stretch that is not needed any more: a later one may have its memory, which the system then need not clear anew.
  virtual void give_back(LogRead&&) {}
};

/// Frames in, the same frames out in the same order, for every partition of one log.
///
///   reserve ─► submit ─► commit ─► (the log writes and syncs) ─► take_completions
///                                              └─► read, from any offset that is kept
///
/// Promise: an offset that was handed to a completion survives what the log's page of docs/ says (the segment log: a
/// power cut) and names that frame for good. Frames of one partition stand in the order of their submission.
/// What one `commit` covers becomes durable as one, or not at all, where `commits_atomically()`.
/// Thread: all calls on the owner's thread. No call waits for a disk or a network, but `read` may.
/// After a failed write every later submission fails as kUnknown or kDamaged: the owner must stop or make a new log.
class EventLog {
 public:
  virtual ~EventLog() = default;

  virtual const LogIdentity& identity() const = 0;
  virtual std::uint16_t partitions() const = 0;
  virtual bool commits_atomically() const = 0;
  /// How old what `partitions` says may be, in milliseconds: some that were added since may be missing. 0 where that
  /// can not be.
  virtual std::int64_t partitions_age_ms() const { return 0; }
  virtual LogBounds bounds(PartitionId partition) const = 0;
  /// How old the end in `bounds` may be, in milliseconds: what others appended since may be missing. 0 where all that
  /// is appended is known at once.
  virtual std::int64_t bounds_age_ms(PartitionId partition) const {
    static_cast<void>(partition);
    return 0;
  }

  /// The offset that the next frame opened gets, for logs that know it beforehand (the segment log); nullopt for
  /// those that learn it with the acknowledgement (Kafka). A reserved offset must be submitted, in reserved order,
  /// before the next `commit`.
  virtual std::optional<Offset> reserve(PartitionId partition) = 0;

  /// How many bytes of frames can be submitted now without waiting for room. Admission asks it first; 0 while the
  /// disk is full or the queue is at its bound.
  virtual std::size_t room_bytes() const = 0;

  /// The most bytes of frames that one commit can hold, whatever waits: a batch beyond it can never be taken.
  virtual std::size_t group_bytes_max() const = 0;

  /// Why `room_bytes` is small, as a kBusy error with a computed wait.
  virtual Error room_error() const = 0;

  /// Why nothing is taken until somebody sets right what is wrong, as a kBusy error that names it; nullopt while frames
  /// are taken.
  virtual std::optional<Error> closed() const { return std::nullopt; }

  /// Queues a copy of `frame` (a whole frame, at most kFrameBytesMax). `token` comes back with its completion.
  virtual Result<void> submit(PartitionId partition, ByteView frame, std::uint64_t token) = 0;

  /// Everything submitted so far may go to the disk now, as one group. The log syncs one group at a time; while it
  /// does, `committing()` is true and the caller should go on filling the next.
  virtual void commit() = 0;
  virtual bool committing() const = 0;

  /// Appends what has become known since the last call: of one partition in the order of submission, and of all in
  /// that order for logs that reserve. Also does the log's own upkeep (a new segment, trimming), so it is called at
  /// every turn of the engine.
  virtual void take_completions(std::vector<LogCompletion>& out) = 0;

  /// Reads frames from `from` on: of one partition, or of all when nullopt; about `bytes_max` bytes, at least one
  /// frame if there is one. An empty answer with `next == end` means the end of what is durable; with `next == from`
  /// below the end, that the frames are not here yet (Kafka): ask again. An offset below `bounds().begin` is kRefused:
  /// it was trimmed; one above the end is kRefused when the log has made sure of its end. Bytes that are not what was
  /// written are kDamaged, naming file and position.
  virtual Result<LogRead> read(std::optional<PartitionId> partition, Offset from, std::size_t bytes_max) = 0;

  /// A walk over the frames of all partitions from `from` on, for logs that number them together. `from` is not below
  /// `bounds().begin`.
  virtual std::unique_ptr<LogScan> scan(Offset from, std::size_t bytes_max);

  /// The time, once a turn, for what a log retries or retains by the clock.
  virtual void tick(TimeMs now) { static_cast<void>(now); }

  /// Frames below `offset` are no longer needed by recovery. The log drops them when its retention allows it too.
  /// For logs that number the frames of all partitions together.
  virtual void allow_trim(Offset offset) = 0;
  /// The same for the frames of one partition, for logs whose partitions have offsets of their own.
  virtual void allow_partition_trim(PartitionId partition, Offset offset) {
    static_cast<void>(partition);
    static_cast<void>(offset);
  }
};

}  // namespace quipu
