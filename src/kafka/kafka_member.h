#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "kafka/hearing.h"
#include "kafka/kafka_admin.h"
#include "kafka/kafka_client.h"
#include "kafka/kafka_options.h"
#include "log/log_group.h"

namespace quipu {

/// This process in a consumer group of Kafka: a client that only keeps the membership, on a thread of its own. What it
/// is told of partitions waits until the owner takes it; a partition that is taken away in an orderly way is kept until
/// the owner has released it. KafkaGroup has the promises. All public calls from any thread; none waits.
class KafkaMember {
 public:
  /// Joins in the background. The options are those of a group with a name, checked; `kafka` must outlive it.
  static Result<std::unique_ptr<KafkaMember>> join(const KafkaOptions& kafka, const KafkaGroupOptions& options);
  /// Leaves the group, so that others need not wait for the session to end. Waits some seconds at most.
  ~KafkaMember();
  KafkaMember(const KafkaMember&) = delete;
  KafkaMember& operator=(const KafkaMember&) = delete;

  /// What became of partitions since the last call; the owner counts as being there for a while after each.
  std::vector<LogGroup::Change> take_changes();
  /// The owner is done with a partition that was revoked.
  void released(PartitionId partition);
  /// How far the owner is, for those who look at the group's lag.
  void hint(PartitionId partition, Offset offset);
  /// Why the brokers do not let this process be a member, if so.
  std::optional<Error> refusal() const;
  /// How long ago the brokers last answered.
  std::int64_t silent_ms() const;

 private:
  using Change = LogGroup::Change;

  KafkaMember(const KafkaOptions& kafka, const KafkaGroupOptions& options, KafkaClient client);

  void run(const std::stop_token& stop);
  void rebalance(rd_kafka_event_t& event);
  void assign(rd_kafka_topic_partition_list_t* list);
  void revoke(const rd_kafka_topic_partition_list_t* list);
  void give_up_revoked();
  void unassign(const rd_kafka_topic_partition_list_t* list);
  void trouble(rd_kafka_event_t& event);
  void complain(const char* what, const KafkaError& wrong) const;
  void complain(const char* what, rd_kafka_resp_err_t wrong) const;
  void hints_committed(rd_kafka_event_t& event);
  void commit_hints(bool all);
  void listen();
  void leave();
  void tell(Change::Kind kind, const std::set<PartitionId>& partitions);

  const KafkaOptions& kafka_;
  const KafkaGroupOptions options_;
  KafkaClient client_;
  KafkaQueue events_;

  // The thread's.
  const KafkaOptions asking_;
  KafkaAdmin admin_;
  Hearing hearing_;
  std::int64_t asked_at_ = 0;
  std::set<PartitionId> owned_;
  KafkaPartitions revoked_;  ///< Taken away, and not given up yet.
  std::int64_t release_by_ = 0;
  std::int64_t hinted_at_ = 0;
  rd_kafka_resp_err_t hints_failed_ = RD_KAFKA_RESP_ERR_NO_ERROR;  ///< What the last ones were answered.

  mutable std::mutex mutex_;  // All below are under it.
  std::vector<Change> changes_;
  std::set<PartitionId> held_;  ///< Revoked, and not released by the owner.
  std::map<PartitionId, Offset> hints_;
  std::optional<Error> refusal_;
  std::int64_t heard_at_;  ///< When the brokers last answered.
  std::int64_t called_at_;

  std::jthread thread_;  // The last: it ends first.
};

}  // namespace quipu
