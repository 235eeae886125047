#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "log/event_log.h"
#include "log/group_buffer.h"
#include "log/log_disk.h"
#include "log/segment_recovery.h"
#include "log/tail_cache.h"

namespace quipu {

/// The smallest segment that a log can be made of. The configuration asks for more; tests roll often with this.
inline constexpr std::size_t kSegmentBytesMin = std::size_t{64} << 10;

struct SegmentLogOptions {
  LogIdentity identity;
  std::uint16_t partitions = 8;
  /// Of each segment file, a multiple of 4096, at least kSegmentBytesMin. It bounds what one commit can hold.
  std::size_t segment_bytes = std::size_t{64} << 20;
  /// Frames that wait for the disk. Above it `room_bytes` is 0.
  std::size_t pending_bytes = std::size_t{64} << 20;
  /// A segment that may be trimmed goes when it is older than this ...
  std::int64_t retain_ms = 24 * std::int64_t{3'600'000};
  /// ... or when the log is larger than this.
  std::uint64_t retain_bytes = std::uint64_t{4} << 30;
  /// How much of the newest frames is read from memory.
  std::size_t tail_bytes = std::size_t{8} << 20;
  /// Frames up to here were acknowledged, as the store knows; opening a log that ends before is refused.
  Offset known_durable{};
  /// What lies behind the log's end is looked at beside a scan of all that is before it, and not while the log is
  /// opened: a start does so beside its replay. At the latest the first frame waits for it; none is submitted, and
  /// `cut` is not asked, while another thread reads such a scan.
  bool check_tail_later = false;
};

/// Counts since the log was opened.
struct SegmentLogStats {
  std::uint64_t groups_written = 0;
  std::uint64_t bytes_written = 0;  ///< With headers and the zeros behind each group.
  std::uint64_t segments_begun = 0;
  std::uint64_t segments_removed = 0;
  std::uint64_t reads_from_memory = 0;
  std::uint64_t reads_from_disk = 0;
  std::uint64_t segments = 0;        ///< Now.
  std::uint64_t retained_bytes = 0;  ///< Now: of the segments with frames.
  bool disk_full = false;            ///< Now: the next segment could not be made.
};

/// The embedded event log: numbered files of a fixed size, each full of groups of frames.
///
///   submit ─► filling group ─commit─► group under way ─write+sync─► durable, kept in the tail
///                 └── the next one fills meanwhile
///
/// Promises of EventLog, and how: an offset is completed after the sync that covers its group; one group is under way
/// at a time, so the end that recovery finds is after a whole group and nothing can follow a torn one; a group never
/// touches a page with durable bytes; offsets number all partitions' frames together, from 1, without gaps.
/// Survives a power cut, as far as the disk's sync does what it says.
/// Pure: no clock, thread or file. The LogDisk has them; `tick` brings the time.
class SegmentLog final : public EventLog {
 public:
  /// Opens what is on `disk`, which must outlive the log, or begins a new log there. Blocks. See recover_segments for
  /// what is refused. `now` is the time.
  static Result<std::unique_ptr<SegmentLog>> open(LogDisk& disk, const SegmentLogOptions& options, TimeMs now);

  /// Waits for the group under way; what it brought is not reported any more.
  ~SegmentLog() override;
  SegmentLog(const SegmentLog&) = delete;
  SegmentLog& operator=(const SegmentLog&) = delete;

  const LogIdentity& identity() const override { return options_.identity; }
  std::uint16_t partitions() const override { return options_.partitions; }
  bool commits_atomically() const override { return true; }
  LogBounds bounds(PartitionId partition) const override;

  std::optional<Offset> reserve(PartitionId partition) override;
  std::size_t room_bytes() const override;
  std::size_t group_bytes_max() const override;
  Error room_error() const override;

  /// Beside what EventLog says: kRefused for bytes that are no frame of this partition, kTooLarge for a frame that no
  /// segment can hold, kBusy when the open group can not take it (never within `room_bytes`). The first may wait for
  /// the disk, where what lies behind the log's end was torn or was not checked: kDamaged as of `open`, and the log is
  /// closed.
  Result<void> submit(PartitionId partition, ByteView frame, std::uint64_t token) override;
  void commit() override;
  bool committing() const override { return writing_active_ || sealed_ > 0; }
  void take_completions(std::vector<LogCompletion>& out) override;

  /// Beside what EventLog says: always to the end of a group, since a group is checked as a whole.
  Result<LogRead> read(std::optional<PartitionId> partition, Offset from, std::size_t bytes_max) override;
  /// Beside what EventLog says: with `check_tail_later`, at the end or before it kDamaged as of `open`.
  std::unique_ptr<LogScan> scan(Offset from, std::size_t bytes_max) override;
  void tick(TimeMs now) override;
  void allow_trim(Offset offset) override;

  /// The torn tail that opening found, or a scan to the log's end, for the operator.
  std::optional<LogCut> cut() const { return tail_behind_ ? tail_behind_->cut() : cut_; }
  SegmentLogStats stats() const;

 private:
  SegmentLog(LogDisk& disk, const SegmentLogOptions& options, RecoveredLog recovered, TimeMs now);

  // segment_log.cc: writing.
  Result<void> settle_tail();
  void start_sealed();
  bool begin_segment(std::uint64_t group_bytes);
  bool take_disk_completions(std::vector<LogCompletion>& out);
  void finish_write(const DiskCompletion& done, std::vector<LogCompletion>& out);
  void poison(const Error& error, std::vector<LogCompletion>& out);
  std::uint64_t group_limit() const;
  std::size_t pending_bytes() const;
  std::int64_t write_wait_ms() const;

  // segment_log_upkeep.cc: segments come and go.
  void finish_create(const DiskCompletion& done);
  void finish_remove(const DiskCompletion& done);
  void make_spare();
  void trim();
  bool may_go(const LogSegment& oldest) const;

  // segment_log_read.cc.
  struct Position {
    std::size_t segment = 0;  ///< In segments_.
    Offset first{};           ///< Of the group at `at`.
    std::uint64_t at = 0;
  };
  Position nearest_position(Offset from) const;
  Offset end_of(std::size_t segment) const;
  Result<void> read_tail(std::optional<PartitionId> partition, std::size_t bytes_max, LogRead& out);
  Result<void> read_disk(std::optional<PartitionId> partition, std::size_t bytes_max, LogRead& out);

  // Constant after construction.
  LogDisk& disk_;
  const SegmentLogOptions options_;

  // Segments.
  std::deque<LogSegment> segments_;  ///< With frames. The last is written on; empty only before the first commit.
  std::uint64_t write_at_ = 0;       ///< Where in the last segment the next group goes.
  std::uint64_t last_group_at_ = 0;  ///< Where its last group begins.
  std::optional<SegmentNumber> spare_;
  SegmentNumber next_number_{1};
  bool creating_ = false;
  TimeMs create_begun_ = 0;
  std::int64_t create_ms_ = 100;  ///< How long the last one took, for telling when to try again.
  TimeMs create_retry_at_ = 0;
  std::optional<Error> create_error_;
  bool rolling_ = false;  ///< The next segment is needed and its first group is not durable yet.

  // Groups.
  GroupBuffer filling_;
  GroupBuffer writing_;
  std::size_t sealed_ = 0;  ///< How many of `filling_`'s frames a commit waits for.
  bool writing_active_ = false;
  Offset writing_first_{};
  std::uint64_t writing_bytes_ = 0;
  TimeMs writing_begun_ = 0;
  double lately_bytes_ = 0;  ///< What the disk took lately, the newest group most ...
  double lately_ms_ = 0;     ///< ... and how long that was.
  Offset durable_end_{1};
  Offset submit_next_{1};   ///< The offset of the next frame submitted ...
  Offset reserve_next_{1};  ///< ... and of the next one reserved.
  std::optional<Error> failure_;
  /// What lies behind the end, as long as nothing was written: a scan may be checking it.
  std::shared_ptr<SegmentTail> tail_behind_;
  std::optional<LogCut> cut_;

  // Trimming.
  Offset trim_below_{1};
  std::optional<SegmentNumber> removing_;
  std::deque<SegmentNumber> remove_queue_;
  TimeMs remove_retry_at_ = 0;

  // Reading.
  TailCache tail_;
  std::optional<Position> cursor_;  ///< Where the last read from the disk ended.
  BlockBytes read_window_;          ///< Memory of that read, while there is more to read.

  TimeMs now_ = 0;
  std::vector<DiskCompletion> disk_done_;
  SegmentLogStats stats_;
};

}  // namespace quipu
