#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "aggregate/missing_counters.h"
#include "base/identifiers.h"
#include "event/frame.h"
#include "log/event_log.h"
#include "worker/partition_core.h"

namespace quipu {

/// What a partition was restored from: its watermark, and the base of its ids if there was one.
struct RestoredPlace {
  Offset watermark{};
  std::optional<Offset> base;
  bool operator==(const RestoredPlace&) const = default;
};

/// Takes one partition over and reads its log.
///
///   store: watermark W, chains, sources, newest base ─► log from the base (or far enough back) to W: ids alone
///     ─► log from W on:  read a stretch ─► counters that are not in the table are asked of the store ─► applied
///                              ▲                        (parked meanwhile; other partitions go on)       │
///                              └────────────────────────────────────────────────────────────────────────┘
///
/// Stops for good, with an alarm, at what a sound log never has: a frame of another log, a gap in a chain or in the
/// offsets, an end before what was counted, a beginning after what is still needed. Where the place was only trimmed
/// because another worker is ahead, it asks to begin again at the watermark.
class PartitionReader {
 public:
  enum class State : std::uint8_t { kRestoring, kRebuilding, kReading };

  /// `trimmed_at`: from where this partition was read when it was found to be trimmed before; the same again is an
  /// alarm.
  PartitionReader(PartitionCore& core, std::optional<RestoredPlace> trimmed_at)
      : core_(core), trimmed_at_(trimmed_at) {}

  /// Does what can be done now; begins no new stretch unless `may_read`. An error is an alarm: no more steps then.
  Result<void> step(bool may_read);

  State state() const { return state_; }
  /// The log has this partition.
  bool known() const { return core_.shard.partition.value < core_.worker.parts.log.partitions(); }
  /// A stretch waits for its counters.
  bool parked() const { return !frames_.empty(); }
  /// Begin again, with `restored_from` as `trimmed_at`.
  bool begin_again() const { return begin_again_; }
  /// What the store had when this partition was taken over.
  RestoredPlace restored_from() const { return {restored_at_, base_}; }
  /// The base that it began with, where the log may be trimmed behind it.
  std::optional<Offset> sure_base() const { return base_sure_ ? base_ : std::nullopt; }
  /// The oldest offset that is not read yet.
  Offset next() const { return next_; }
  /// Why the store did not answer the last question of this partition; empty where it did.
  const std::string& last_failure() const { return failure_; }
  /// When a step is needed if nothing else happens, by the steady clock.
  TimeMs due() const;

 private:
  void restore();
  Result<void> take_over(PartitionRestored& restored);
  void seek_back(std::uint64_t frames);
  Result<bool> place_is_there();
  Result<void> read_stretch();
  Result<void> check(const Frame& frame, const LogRead::Item& item) const;
  void ask_for_missing();
  void send_loads();
  bool loaded() const { return loading_ == 0 && loads_.empty(); }
  void take_rows(const RowBatch& rows, const std::vector<CounterKey>& keys);
  void rebuild();
  Result<void> apply();
  Result<void> apply(const Frame& frame, const LogRead::Item& item);
  void done_with_stretch();
  std::string named() const;

  static constexpr std::size_t kLoadsMax = 4;  // On their way at once.
  static constexpr std::size_t kRestVisits = 100'000;

  PartitionCore& core_;
  std::optional<RestoredPlace> trimmed_at_;
  State state_ = State::kRestoring;
  bool asked_ = false;  // restore is on its way.
  TimeMs ask_at_ = 0;   // After a failure: not before this.
  std::optional<Error> alarm_;
  bool begin_again_ = false;
  Offset restored_at_{};
  std::optional<Offset> base_;
  bool base_sure_ = false;
  Offset next_{1};
  Offset first_{1};                      // Where the window is rebuilt from, without a base ...
  std::uint64_t back_ = 0;               // ... which was to be so many frames before the watermark.
  std::optional<TimeMs> end_missed_at_;  // Since when the log ends before what was counted.
  bool read_beyond_ = false;             // More than the window needed was read.
  LogRead stretch_;
  std::vector<Frame> frames_;                   // Of stretch_.
  std::vector<std::vector<CounterKey>> loads_;  // Not asked yet.
  std::size_t loading_ = 0;
  TimeMs load_at_ = 0;
  std::string failure_;
  std::vector<Aggregator::Reset> resets_;
};

}  // namespace quipu
