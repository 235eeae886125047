#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/identifiers.h"
#include "base/result.h"
#include "log/event_log.h"

namespace quipu {

struct ProducerOptions {
  /// The node, and the first of the boots that belong to this start of it.
  NodeIdentity writer{};
  /// How many boots from `writer.boot` on belong to this start. A partition that has used them up ends the session.
  std::uint32_t boots = 1 << 16;
  /// Frames that wait for their outcome, in bytes. Beyond: busy.
  std::size_t pending_bytes_max = std::size_t{64} << 20;
  /// Frames of one partition that the log has at a time. Above 1 the log must promise that with a frame all fail that
  /// were submitted behind it before it said so (KafkaLog does): else a chain could get a gap. With 1 it need not.
  std::size_t frames_in_flight_max = 4;
  std::int64_t give_up_ms = 30'000;    ///< A frame without an outcome for so long is given up.
  std::int64_t resend_ms = 50;         ///< The wait before a failed frame is sent again; doubled with each failure ...
  std::int64_t resend_ms_max = 2'000;  ///< ... up to this.
  /// A partition that was not written to for so long gets a new boot: its readers forget a silent node's chain after
  /// ChainTable::kSilentFrames frames of others.
  std::int64_t silence_ms = 600'000;
};

/// What became of a frame.
struct FrameOutcome {
  std::uint64_t tag = 0;
  PartitionId partition{};
  /// Where it stands. kUnknown: perhaps in the log. kBusy, kTooLarge: surely not.
  Result<Offset> offset{Offset{}};
  bool resent = false;  ///< It was sent more than once: a copy may stand before that, which then counts.
};

/// Brings one node's frames into a log that may lose an answer, in a chain without gaps.
///
///   offer ─► waiting ─► numbered and sent ─► acknowledged: an offset
///                            ▲      └─► failed: all that is unresolved is sent again, in order, under the same numbers
///                            └── a new boot ◄─ given up after give_up_ms: "unknown"
///
/// A frame gets its number when it is sent for the first time, so one that was never sent leaves no gap. A frame that
/// is sent again may then stand in the log twice, with the same number, and readers drop the second. After a frame was
/// given up, those behind it begin a new chain, so that it is never missed. Pure: the time is handed in.
/// Promises: what has an offset is in the log; frames of one partition stand there in the order in which they were
/// offered, but for copies; every frame that was taken gets one outcome. Thread: one. The log must outlive it.
class ProducerSession {
 public:
  ProducerSession(const ProducerOptions& options, EventLog& log);

  /// The log has got more partitions, which take frames from now on.
  void grow(std::uint16_t partitions);

  /// Takes a frame (encoded, in no chain: number 0). There must be room for it. `in_order`: it is given up with one
  /// that was offered before it, since its reader would never count that one any more: entries of a source, whose
  /// sequences only rise.
  void offer(PartitionId partition, Bytes frame, std::uint64_t tag, TimeMs now, bool in_order = false);

  /// Takes what the log has completed, sends what can be sent, and gives up what is too old. Appends outcomes.
  void step(TimeMs now, std::vector<FrameOutcome>& out);
  /// When `step` has something to do though the log completes nothing.
  TimeMs due() const;

  /// How many bytes of frames can be offered now.
  std::size_t room_bytes() const { return options_.pending_bytes_max - std::min(options_.pending_bytes_max, bytes_); }
  std::size_t pending_bytes() const { return bytes_; }
  /// About how long it takes until there is room again: what waits, at the rate at which the log took frames of late;
  /// where it took none, as long again as the oldest frame waits.
  std::int64_t retry_after_ms(TimeMs now) const;

  /// Frames of the partition that wait for their outcome.
  std::size_t pending_frames(PartitionId partition) const { return lanes_[partition.value].frames.size(); }
  /// Whether a frame that is offered now is sent at the next step.
  bool can_send(PartitionId partition) const;
  bool idle() const { return bytes_ == 0; }

  /// The log failed for good, or the boots are used up; everything that waited got its outcome, and nothing more is
  /// taken.
  const std::optional<Error>& failure() const { return failure_; }

  struct Stats {
    std::uint64_t frames_sent = 0;  ///< For the first time.
    std::uint64_t bytes_sent = 0;   ///< Of those.
    std::uint64_t frames_delivered = 0;
    std::uint64_t frames_resent = 0;
    std::uint64_t frames_given_up = 0;
    std::uint64_t boots_begun = 0;  ///< Beside the first of each partition.
  };
  const Stats& stats() const { return stats_; }

 private:
  struct Pending {
    Bytes frame;
    std::uint64_t tag = 0;
    TimeMs offered_at = 0;
    std::uint64_t number = 0;  // 0: never sent.
    std::uint64_t token = 0;   // 0: the log does not have it now.
    bool doubtful = false;     // An attempt ended as unknown.
    bool in_order = false;
    bool resent = false;
  };
  struct Lane {
    std::deque<Pending> frames;  // Oldest first; those that were sent stand before those that were not.
    NodeIdentity writer{};
    std::uint64_t number = 0;  // The last one given out.
    std::size_t with_log = 0;
    bool failed = false;  // Nothing is sent before the log has answered all that it has, and `resend_at`.
    TimeMs resend_at = 0;
    std::int64_t wait_ms = 0;
    TimeMs active_at = 0;
  };

  void take(const LogCompletion& completion, TimeMs now, std::vector<FrameOutcome>& out);
  void send(Lane& lane, PartitionId partition, TimeMs now, std::vector<FrameOutcome>& out);
  void give_up_behind(Lane& lane, PartitionId partition, std::size_t from, std::vector<FrameOutcome>& out);
  void give_up(Lane& lane, PartitionId partition, TimeMs now, std::vector<FrameOutcome>& out);
  void begin_boot(Lane& lane);
  void fail_lane(Lane& lane, TimeMs now);
  void fail(const Error& error, std::vector<FrameOutcome>& out);
  void end(Lane& lane, PartitionId partition, const std::deque<Pending>::iterator& frame, Result<Offset> offset,
           std::vector<FrameOutcome>& out);

  const ProducerOptions options_;
  EventLog& log_;
  std::vector<Lane> lanes_;                                // By partition.
  std::unordered_map<std::uint64_t, PartitionId> tokens_;  // What the log has.
  std::uint64_t next_token_ = 1;
  std::size_t bytes_ = 0;
  std::optional<Error> failure_;
  std::vector<LogCompletion> completions_;
  // What the log took, counted by the second.
  TimeMs second_ = 0;
  std::size_t second_bytes_ = 0;
  std::size_t rate_ = 0;  // Bytes, in the second before.
  Stats stats_;
};

}  // namespace quipu
