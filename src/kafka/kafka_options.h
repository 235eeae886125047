#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/identifiers.h"

namespace quipu {

/// How a process reaches Kafka, what it asks of the topic, and what bounds it. docs/operations/kafka.md says which
/// settings of Kafka follow from these, and why.
struct KafkaOptions {
  std::string brokers;  ///< `host:port`, several separated by commas.
  std::string topic = "quipu-events";

  /// Of a topic that has to be made. One that is there keeps what it has.
  std::uint16_t partitions = 16;
  std::uint16_t replication = 3;

  /// Which log the store has counted from. Another topic id is refused, and a topic that is gone is not made again.
  /// Without it the topic's id becomes the identity, under `generation`.
  std::optional<LogIdentity> known;
  Generation generation{1};

  /// For looking at a log: makes no topic, takes no frames, trims nothing, and minds no setting.
  bool only_read = false;

  /// Frames that were submitted and not acknowledged, all partitions together. Above it `room_bytes` is 0.
  std::size_t pending_bytes = std::size_t{64} << 20;
  /// A frame that is not acknowledged within this is kUnknown, and with it all that is under way.
  std::int64_t delivery_timeout_ms = 30'000;
  /// How long the client waits for more frames of a partition. Frames come filled, so it is short.
  std::int64_t linger_ms = 1;

  /// Frames fetched ahead of their reader, for each partition; one fetch (1 MiB, or one frame) may go beyond it.
  std::size_t fetch_ahead_bytes = std::size_t{4} << 20;

  std::int64_t start_timeout_ms = 30'000;   ///< How long `open` waits for brokers and a new topic's leaders.
  std::int64_t request_timeout_ms = 5'000;  ///< Of one question in the background.
  std::int64_t refresh_ms = 1'000;          ///< How often the topic's id and bounds are asked for.
  std::int64_t check_ms = 60'000;           ///< How often the topic's settings are looked at.

  /// TLS and login by the names that librdkafka gives them: `security.protocol`, `sasl.*`, `ssl.*`, `enable.ssl.*`,
  /// and `client.rack`, `broker.address.family`. Any other name is refused: what exactness rests on is not to be set.
  std::vector<std::pair<std::string, std::string>> client;

  /// Called on the client's threads when completions, frames or changes may be there. Must not block nor throw.
  std::function<void()> wake = [] {};
  /// What the client has to tell (connections lost and found), on its threads. Must not block nor throw.
  std::function<void(const std::string&)> say = [](const std::string&) {};
};

/// How a process takes part in the group of those who read a topic.
struct KafkaGroupOptions {
  /// Empty: no group. All partitions are assigned at once, and nobody else is asked.
  std::string group = "quipu";
  /// A member that says nothing for this long loses its partitions to the others.
  std::int64_t session_timeout_ms = 10'000;
  /// How long a partition that the group takes away is kept for its flush. Then it is lost.
  std::int64_t release_timeout_ms = 60'000;
  /// An owner that does not call `take_changes` or `released` for this long leaves the group. Above the longest flush.
  std::int64_t silence_max_ms = 300'000;
  /// How often hints are committed.
  std::int64_t hint_ms = 5'000;
};

}  // namespace quipu
