#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "kafka/kafka_options.h"
#include "kafka/topic_settings.h"
#include "log/event_log.h"

namespace quipu {

/// Questions to a cluster about one topic, and orders for it. Every call waits for the answer, at most about
/// `request_timeout_ms`; kTimeout where none came, kNotFound where there is no such topic, kRefused where the cluster
/// does not allow it, kBusy for what passes (a leader is being elected).
/// Thread: any one at a time, never an owner of a log. Client and options must outlive it.
class KafkaAdmin {
 public:
  KafkaAdmin(rd_kafka_t* client, const KafkaOptions& options) : client_(client), options_(options) {}

  /// Gives up waiting when this is asked to stop.
  void stop_with(std::stop_token stop) { stop_ = std::move(stop); }

  /// The topic without its settings. kBusy while a partition has no leader.
  Result<KafkaTopicState> topic();
  /// Its settings, by name.
  Result<std::map<std::string, std::string>> settings();
  /// Makes it with `settings_of_new_topic`. Fine too when another has just made it.
  Result<void> create();
  /// Gives it so many partitions, which must be more than it has.
  Result<void> grow(std::uint16_t partitions);
  /// Where each of the first `partitions` partitions begins and ends; nullopt where its leader did not say.
  Result<std::vector<std::optional<LogBounds>>> bounds(std::uint16_t partitions);
  /// Removes the frames below these offsets.
  Result<void> trim(const std::map<PartitionId, Offset>& below);

 private:
  Result<std::vector<std::optional<std::int64_t>>> offsets(std::uint16_t partitions, std::int64_t which);

  rd_kafka_t* client_;
  const KafkaOptions& options_;
  std::stop_token stop_;
};

}  // namespace quipu
