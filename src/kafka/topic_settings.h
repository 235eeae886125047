#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "kafka/kafka_options.h"

namespace quipu {

/// What a cluster says of a topic.
struct KafkaTopicState {
  std::array<std::byte, 16> id{};  ///< Another one each time that a topic of this name is made.
  std::uint16_t partitions = 0;
  std::uint16_t replication = 0;                  ///< Of the partition with the fewest copies.
  std::map<std::string, std::string> settings{};  ///< The topic's configuration by Kafka's names.
};

/// Something about a topic that an operator should know.
struct KafkaFinding {
  enum class Kind : std::uint8_t {
    kWeak,    ///< Warned of: fewer faults are survived than could be.
    kUnsafe,  ///< Could lose events that were acknowledged: nothing is submitted until it is set right.
  };
  Kind kind = Kind::kWeak;
  std::string what;  ///< The setting, its value, what could happen, what to set.

  friend bool operator==(const KafkaFinding&, const KafkaFinding&) = default;
};

/// Judges a topic's settings. Pure. An absent setting is not judged: the caller may not be allowed to see it.
std::vector<KafkaFinding> judge_topic(const KafkaOptions& options, const KafkaTopicState& topic);

/// What a topic is made with.
std::map<std::string, std::string> settings_of_new_topic(const KafkaOptions& options);

/// The largest frame that a topic takes, by its `max.message.bytes`; kFrameBytesMax where that is enough or unknown.
std::size_t frame_bytes_max(const KafkaTopicState& topic);

}  // namespace quipu
