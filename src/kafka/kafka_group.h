#pragma once

#include <memory>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "kafka/kafka_log.h"
#include "kafka/kafka_options.h"
#include "log/log_group.h"

namespace quipu {

class KafkaMember;

/// Shares the partitions of a topic with other processes, as a consumer group of Kafka with cooperative rebalancing: a
/// partition that stays where it is goes on being read while others move.
///
/// Promises of LogGroup, and how: a partition that moves in an orderly way is given up only after `released`, or after
/// `release_timeout_ms`, and then it is kLost here. A member that the brokers have not heard for `session_timeout_ms`
/// (a stopped process, a cut network) has lost its partitions: others get them, and it is told kLost when it is back.
/// An owner that has not called for `silence_max_ms` leaves the group the same way. Where to read from never comes from
/// the group: its offsets are hints for those who look at the lag.
/// Frames are read through the log by a client of its own, so a rebalance neither stops nor moves what is fetched.
/// Threads: one of its own, and librdkafka's. All calls on the owner's thread, which is the log's. `log` must outlive
/// it. None waits but the destructor: it leaves the group, so that others need not wait for the session to end.
class KafkaGroup final : public LogGroup {
 public:
  /// Joins in the background. kRefused names the option that is wrong.
  static Result<std::unique_ptr<KafkaGroup>> join(KafkaLog& log, const KafkaGroupOptions& options);
  ~KafkaGroup() override;

  void take_changes(std::vector<Change>& out) override;
  void released(PartitionId partition) override;
  void seek(PartitionId partition, Offset next) override;
  void pause(PartitionId partition, bool paused) override;
  void hint_committed(PartitionId partition, Offset offset) override;
  /// The topic is gone or another one (kDamaged), or the brokers do not let this process be a member (kRefused).
  Result<void> health() const override;
  /// How long ago the brokers last answered this member; it asks every 2 s. 0 without a group.
  std::int64_t silent_ms() const;

 private:
  KafkaGroup(KafkaLog& log, std::unique_ptr<KafkaMember> member);

  KafkaLog& log_;
  std::unique_ptr<KafkaMember> member_;  ///< None where there is no group.
  std::uint16_t assigned_ = 0;           ///< Without a group: how many partitions were told to be assigned.
};

}  // namespace quipu
