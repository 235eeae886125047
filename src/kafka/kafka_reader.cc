#include "kafka/kafka_reader.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <utility>

#include "event/frame.h"

namespace quipu {

namespace {

/// What one fetch asks of one partition. A larger frame comes alone.
constexpr std::size_t kFetchBytes = std::size_t{1} << 20;

}  // namespace

struct KafkaReader::Lane {
  bool fetching = false;
  std::atomic<bool> stopping = false;  ///< Set by the owner, cleared where it is stopped.
  Offset next{};                       ///< What the client gives next.
  KafkaQueue frames;                   ///< Kept for its wake-up.
};

KafkaSettings kafka_reader_settings(const KafkaOptions& options) {
  return {
      {"auto.offset.reset", "error"},
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      {"check.crcs", "true"},
      // Nothing writes transactions here; one that did would leave a gap, which is found.
      {"isolation.level", "read_uncommitted"},
      {"queued.max.messages.kbytes", std::to_string(std::max<std::size_t>(options.fetch_ahead_bytes >> 10, 1))},
      {"queued.min.messages", "10000000"},  // The bytes are the bound.
      {"fetch.message.max.bytes", std::to_string(kFetchBytes)},
      {"fetch.queue.backoff.ms", "5"},  // How soon to look again whether a full queue has room.
      // A fetch that waits at the end of one partition holds up the next one of others: a seek takes so long.
      {"fetch.wait.max.ms", "50"},
      {"fetch.error.backoff.ms", "100"},
  };
}

KafkaReader::KafkaReader(const KafkaOptions& options, rd_kafka_t* client,
                         std::function<void(std::function<void()>)> post)
    : options_(options), client_(client), post_(std::move(post)) {
  auto* conf = rd_kafka_topic_conf_new();
  // The old name of the same thing, for clients outside of a group.
  rd_kafka_topic_conf_set(conf, "auto.commit.enable", "false", nullptr, 0);
  rd_kafka_topic_conf_set(conf, "auto.offset.reset", "error", nullptr, 0);
  topic_ = std::shared_ptr<rd_kafka_topic_t>(rd_kafka_topic_new(client, options.topic.c_str(), conf),
                                             rd_kafka_topic_destroy);
}

KafkaReader::~KafkaReader() {
  for (std::size_t p = 0; p < lanes_.size(); ++p) forget(PartitionId(static_cast<std::uint16_t>(p)));
}

KafkaReader::Lane& KafkaReader::lane(PartitionId partition) {
  while (partition.value >= lanes_.size()) lanes_.push_back(std::make_shared<Lane>());
  return *lanes_[partition.value];
}

void KafkaReader::start(PartitionId partition, Offset next) {
  auto& to = lane(partition);
  if (rd_kafka_consume_start(topic_.get(), partition.value, to_kafka(next)) != 0) return;
  to.fetching = true;
  to.next = next;
  to.frames.reset(rd_kafka_queue_get_partition(client_, options_.topic.c_str(), partition.value));
  if (!to.frames) return;
  rd_kafka_queue_cb_event_enable(
      to.frames.get(), [](rd_kafka_t*, void* options) { static_cast<const KafkaOptions*>(options)->wake(); },
      const_cast<KafkaOptions*>(&options_));
}

void KafkaReader::want(PartitionId partition, Offset next) {
  auto& from = lane(partition);
  if (from.stopping.load()) return;  // Asked again at the next read.
  if (!from.fetching) {
    start(partition, next);
  } else if (from.next != next) {
    if (rd_kafka_seek(topic_.get(), partition.value, to_kafka(next), 0) == RD_KAFKA_RESP_ERR_NO_ERROR) {
      from.next = next;
    } else {
      forget(partition);
    }
  }
}

void KafkaReader::forget(PartitionId partition) {
  auto& from = lane(partition);
  if (!from.fetching) return;
  if (from.frames) rd_kafka_queue_cb_event_enable(from.frames.get(), nullptr, nullptr);
  from.frames.reset();
  from.fetching = false;
  from.stopping.store(true);
  post_([topic = topic_, shared = lanes_[partition.value], partition, &options = options_] {
    rd_kafka_consume_stop(topic.get(), partition.value);
    shared->stopping.store(false);
    options.wake();
  });
}

Result<void> KafkaReader::take(PartitionId partition, std::size_t bytes_max, LogRead& out) {
  want(partition, out.next);
  auto& from = lane(partition);
  while (from.fetching && (out.frames.empty() || out.bytes.size() < bytes_max)) {
    const KafkaMessage message(rd_kafka_consume(topic_.get(), partition.value, 0));
    if (!message) break;
    if (auto wrong = judge(partition, *message, out.next)) {
      forget(partition);
      // What stands before it is handed out first; the next read finds the same again.
      if (out.frames.empty()) return std::unexpected(std::move(*wrong));
      break;
    }
    const auto offset = from_kafka(message->offset);
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR || offset < out.next) continue;
    const ByteView bytes(static_cast<const std::byte*>(message->payload), message->len);
    out.frames.push_back({partition, offset, out.bytes.size(), bytes.size()});
    put(out.bytes, bytes);
    ++out.next.value;
    from.next = out.next;
  }
  return {};
}

std::optional<Error> KafkaReader::judge(PartitionId partition, const rd_kafka_message_t& message, Offset next) const {
  const auto name = "partition " + std::to_string(partition.value) + " of topic " + options_.topic;
  switch (message.err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      if (from_kafka(message.offset) <= next) return std::nullopt;
      return Error{Code::kDamaged,
                   name + ": offset " + std::to_string(from_kafka(message.offset).value) + " follows " +
                       std::to_string(next.value - 1) +
                       ": the frames between are gone (compaction, or a producer of transactions)",
                   0};
    case RD_KAFKA_RESP_ERR__LOG_TRUNCATION:
      return Error{Code::kDamaged,
                   name + " lost frames that were read: " + rd_kafka_message_errstr(&message) +
                       ". Bring the broker back that has them, or go on without them by `quipu log adopt`",
                   0};
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
      return Error{Code::kDamaged,
                   name + ", near offset " + std::to_string(next.value) +
                       ": a record is not what was written: " + rd_kafka_message_errstr(&message),
                   0};
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
      // Below the beginning or above the end: the log asks for the bounds and says which.
      return Error{Code::kTimeout, name + ": " + rd_kafka_message_errstr(&message), 0};
    default:
      return std::nullopt;  // It passes, and the client goes on by itself.
  }
}

}  // namespace quipu
