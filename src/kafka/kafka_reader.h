#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "kafka/kafka_client.h"
#include "kafka/kafka_options.h"
#include "log/event_log.h"

namespace quipu {

/// Fetches frames ahead of their reader, partition by partition, from any offset, outside of any group.
///
/// Promise: frames come in order without a gap; a gap, a record whose checksum is wrong, or a log that lost what was
/// read is kDamaged. Nothing jumps by itself: an offset that is not there is found by the log, which knows the bounds.
/// At most `fetch_ahead_bytes` wait for each partition that is wanted, and one fetch beyond it.
/// Thread: all calls on the owner's thread; none waits. Stopping to fetch waits, so `post` does that elsewhere.
class KafkaReader {
 public:
  /// `client` (kafka_reader_settings) and `options` must outlive it and what it has posted.
  KafkaReader(const KafkaOptions& options, rd_kafka_t* client, std::function<void(std::function<void()>)> post);
  ~KafkaReader();
  KafkaReader(const KafkaReader&) = delete;
  KafkaReader& operator=(const KafkaReader&) = delete;

  /// Fetches from `next` on, unless it does so already.
  void want(PartitionId partition, Offset next);
  /// Stops to fetch and drops what was fetched.
  void forget(PartitionId partition);

  /// Appends what is there of `partition` from `out.next` on, at least one frame if there is one, and moves `out.next`.
  /// Nothing where nothing is there yet. An error leaves the partition unwanted.
  Result<void> take(PartitionId partition, std::size_t bytes_max, LogRead& out);

 private:
  struct Lane;
  Lane& lane(PartitionId partition);
  void start(PartitionId partition, Offset next);
  /// What is wrong with the log, if this message says so.
  std::optional<Error> judge(PartitionId partition, const rd_kafka_message_t& message, Offset next) const;

  const KafkaOptions& options_;
  rd_kafka_t* client_;
  const std::function<void(std::function<void()>)> post_;
  /// Shared with the stops that are under way.
  std::shared_ptr<rd_kafka_topic_t> topic_;
  std::vector<std::shared_ptr<Lane>> lanes_;
};

/// The settings of the client that reads.
KafkaSettings kafka_reader_settings(const KafkaOptions& options);

}  // namespace quipu
