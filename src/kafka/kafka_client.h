#pragma once

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "kafka/kafka_options.h"

/// librdkafka's objects as values that clean up after themselves, and the settings that all its clients share.
namespace quipu {

template <auto destroy>
struct DestroyWith {
  template <class T>
  void operator()(T* object) const {
    destroy(object);
  }
};

/// Ends a client, with librdkafka's `flags` for that. Waits up to 10 s for its threads: librdkafka 2.12 can wait for
/// ever for a partition that it was fetching when its topic was deleted. Such a client is left behind.
void end_kafka_client(rd_kafka_t* client, int flags);
struct EndKafkaClient {
  void operator()(rd_kafka_t* client) const { end_kafka_client(client, 0); }
};

using KafkaClient = std::unique_ptr<rd_kafka_t, EndKafkaClient>;
using KafkaQueue = std::unique_ptr<rd_kafka_queue_t, DestroyWith<rd_kafka_queue_destroy>>;
using KafkaEvent = std::unique_ptr<rd_kafka_event_t, DestroyWith<rd_kafka_event_destroy>>;
using KafkaMessage = std::unique_ptr<rd_kafka_message_t, DestroyWith<rd_kafka_message_destroy>>;
using KafkaTopicHandle = std::unique_ptr<rd_kafka_topic_t, DestroyWith<rd_kafka_topic_destroy>>;
using KafkaError = std::unique_ptr<rd_kafka_error_t, DestroyWith<rd_kafka_error_destroy>>;
using KafkaPartitions =
    std::unique_ptr<rd_kafka_topic_partition_list_t, DestroyWith<rd_kafka_topic_partition_list_destroy>>;

using KafkaSettings = std::vector<std::pair<std::string, std::string>>;

/// Kafka counts offsets from 0; here 0 means none.
constexpr std::int64_t to_kafka(Offset offset) { return static_cast<std::int64_t>(offset.value) - 1; }
constexpr Offset from_kafka(std::int64_t offset) { return Offset(static_cast<std::uint64_t>(offset) + 1); }

/// Whether `KafkaOptions::client` may hold this name.
bool may_be_set(std::string_view name);

/// Gives a client its first brokers again (hearing.h). One that has them already takes no harm. Waits for nothing.
void give_brokers_again(rd_kafka_t* client, const KafkaOptions& options);

/// Makes a client: what all share, then `settings`, then what the operator sets. `events` are those to be put into
/// its queues (RD_KAFKA_EVENT_...). Does not wait for any broker. kRefused names the setting that is wrong.
/// `options.say` is copied.
Result<KafkaClient> make_kafka_client(rd_kafka_type_t type, const KafkaOptions& options, const KafkaSettings& settings,
                                      int events);

}  // namespace quipu
