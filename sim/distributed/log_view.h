#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kafka/deliveries.h"
#include "log/event_log.h"
#include "sim/distributed/settings.h"
#include "sim/distributed/topic.h"

namespace quipu::sim {

/// One process's way to the topic, with the promises of KafkaLog: what was submitted is on its way in order, each
/// partition alone; an answer may be lost on its way back; a producer that is left behind fails all that it had.
///
///   submit ─► Deliveries (the product) ─► on the way ─► topic ─► answer ─► take_completions
///                      ▲                       └─ producer rebuilt: some of it arrives later ─┘
///                      └── all of it: unknown
class SimLogView final : public EventLog {
 public:
  /// `identity`: of the log that is known; a topic that is another one is damage from the beginning.
  SimLogView(SimTopic& topic, const LogIdentity& identity, const DistributedSettings& settings, Random& random,
             Trace& trace, const TimeMs& now);

  /// What is on its way goes on: some records arrive, some answers come back.
  void move();
  /// The producer is left behind and made anew.
  void rebuild();
  /// The process is gone: what it had on its way may arrive.
  void abandon();
  /// Looks at it where that is due, as the real one does on a thread of its own.
  void look_when_due();
  /// After it a process that does anything has looked.
  static constexpr TimeMs kLookMsMax = 60;
  /// Looks at the topic: is it the same, where do its partitions begin and end? What is wrong stays found.
  void look();
  /// Frames below `next` were in the partition, by someone who knows.
  void seek(PartitionId partition, Offset next);
  void pause(PartitionId partition, bool paused) { place(partition).paused = paused; }
  /// The topic is another one.
  const std::optional<Error>& damage() const { return damage_; }
  /// A partition lost frames that were acknowledged, as acknowledgements say. Nothing is written any more.
  const std::optional<Error>& loss() const { return loss_; }

  const LogIdentity& identity() const override { return identity_; }
  std::uint16_t partitions() const override { return static_cast<std::uint16_t>(places_.size()); }
  std::int64_t partitions_age_ms() const override { return now_ - looked_at_; }
  bool commits_atomically() const override { return false; }
  LogBounds bounds(PartitionId partition) const override;
  std::int64_t bounds_age_ms(PartitionId) const override { return now_ - looked_at_; }
  std::optional<Offset> reserve(PartitionId) override { return std::nullopt; }
  std::size_t room_bytes() const override;
  std::size_t group_bytes_max() const override { return kPendingBytes; }
  Error room_error() const override { return {Code::kBusy, "too much waits for the brokers", 10}; }
  std::optional<Error> closed() const override;
  Result<void> submit(PartitionId partition, ByteView frame, std::uint64_t token) override;
  void commit() override;
  bool committing() const override { return deliveries_.committing(); }
  void take_completions(std::vector<LogCompletion>& out) override;
  Result<LogRead> read(std::optional<PartitionId> partition, Offset from, std::size_t bytes_max) override;
  void allow_trim(Offset) override {}
  void allow_partition_trim(PartitionId partition, Offset offset) override;

 private:
  static constexpr TimeMs kRefreshMs = 20;
  static constexpr std::size_t kPendingBytes = std::size_t{64} << 10;

  struct Sent {
    Deliveries::Key key;
    Bytes record;
  };
  struct Answered {
    Deliveries::Key key;
    Offset offset{};
  };
  /// What this process knows of a partition.
  struct Place {
    LogBounds bounds;
    Offset known{};  // Frames below it were there.
    bool paused = false;
    std::optional<Error> damage;
    std::deque<Sent> sent;
    std::deque<Answered> answers;
  };
  Place& place(PartitionId partition);
  void know(Place& place, Offset end);
  std::string name(PartitionId partition) const { return "partition " + std::to_string(partition.value); }

  SimTopic& topic_;
  const LogIdentity identity_;
  const DistributedSettings& settings_;
  Random& random_;
  Trace& trace_;
  const std::uint64_t topic_id_;
  Deliveries deliveries_;
  std::deque<Place> places_;
  std::optional<Error> damage_;
  std::optional<Error> loss_;
  const TimeMs& now_;  // It only rises.
  TimeMs looked_at_ = 0;
};

}  // namespace quipu::sim
