#include "kafka/topic_settings.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "event/frame.h"

namespace quipu {

namespace {

/// What Kafka puts around one record: the header of the batch (61 bytes) and the record's own, generously.
constexpr std::size_t kRecordOverheadBytes = 512;

std::optional<std::int64_t> number(const KafkaTopicState& topic, const std::string& name) {
  const auto found = topic.settings.find(name);
  if (found == topic.settings.end()) return std::nullopt;
  std::int64_t value = 0;
  const auto& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string text(const KafkaTopicState& topic, const std::string& name) {
  const auto found = topic.settings.find(name);
  return found == topic.settings.end() ? "" : found->second;
}

}  // namespace

std::vector<KafkaFinding> judge_topic(const KafkaOptions& options, const KafkaTopicState& topic) {
  std::vector<KafkaFinding> found;
  const auto add = [&](KafkaFinding::Kind kind, const std::string& what) {
    found.push_back({kind, "topic " + options.topic + ": " + what});
  };
  using enum KafkaFinding::Kind;

  if (text(topic, "cleanup.policy").find("compact") != std::string::npos) {
    add(kUnsafe, "cleanup.policy = " + text(topic, "cleanup.policy") +
                     ": compaction removes frames that are still needed; set cleanup.policy = delete");
  }
  for (const auto* name : {"retention.ms", "retention.bytes"}) {
    if (const auto value = number(topic, name); value && *value != -1) {
      add(kUnsafe, std::string(name) + " = " + std::to_string(*value) +
                       ": Kafka may remove frames before they are counted; set " + name +
                       " = -1, the workers remove what is no longer needed");
    }
  }
  if (text(topic, "unclean.leader.election.enable") == "true") {
    add(kUnsafe,
        "unclean.leader.election.enable = true: a replica that lags may become leader, and what it lacks is lost; set "
        "unclean.leader.election.enable = false");
  }
  const auto in_sync = number(topic, "min.insync.replicas");
  if (in_sync && *in_sync > topic.replication) {
    add(kUnsafe, "min.insync.replicas = " + std::to_string(*in_sync) + " and only " +
                     std::to_string(topic.replication) + " replicas: no frame can ever be acknowledged; set it to " +
                     std::to_string(std::max(1, topic.replication - 1)));
  } else if (topic.replication < 2) {
    add(kWeak,
        "1 replica: what one broker loses is lost (by default a power cut takes what it has not written to disk yet); "
        "use 3 replicas and min.insync.replicas = 2");
  } else if (in_sync && *in_sync < 2) {
    add(kWeak, "min.insync.replicas = " + std::to_string(*in_sync) + " with " + std::to_string(topic.replication) +
                   " replicas: an acknowledged frame may be on one broker only; set min.insync.replicas = 2");
  } else if (in_sync && *in_sync == topic.replication) {
    add(kWeak, "min.insync.replicas = " + std::to_string(*in_sync) +
                   " with as many replicas: one broker that is down " + "stops all writes; use one replica more");
  }
  if (text(topic, "message.timestamp.type") == "CreateTime") {
    add(kWeak,
        "message.timestamp.type = CreateTime: brokers refuse every frame of a node whose clock is an hour ahead of "
        "theirs; set message.timestamp.type = LogAppendTime");
  }
  if (frame_bytes_max(topic) < kFrameBytesMax) {
    add(kWeak, "max.message.bytes = " + text(topic, "max.message.bytes") + ": frames above it are refused; set it to " +
                   std::to_string(kFrameBytesMax + kRecordOverheadBytes));
  }
  return found;
}

std::map<std::string, std::string> settings_of_new_topic(const KafkaOptions& options) {
  return {
      {"cleanup.policy", "delete"},
      {"retention.ms", "-1"},
      {"retention.bytes", "-1"},
      {"unclean.leader.election.enable", "false"},
      {"min.insync.replicas", options.replication >= 3 ? "2" : "1"},
      {"max.message.bytes", std::to_string(kFrameBytesMax + kRecordOverheadBytes)},
      // Frames are as the node wrote them; a broker that recompressed them would cost it time.
      {"compression.type", "producer"},
      // A record's time is of no use here, and brokers refuse one from a clock that is too far ahead.
      {"message.timestamp.type", "LogAppendTime"},
  };
}

std::size_t frame_bytes_max(const KafkaTopicState& topic) {
  const auto allowed = number(topic, "max.message.bytes");
  if (!allowed) return kFrameBytesMax;
  const auto overhead = static_cast<std::int64_t>(kRecordOverheadBytes);
  if (*allowed <= overhead) return 0;
  return std::min(kFrameBytesMax, static_cast<std::size_t>(*allowed - overhead));
}

}  // namespace quipu
