#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/identifiers.h"
#include "base/result.h"
#include "kafka/deliveries.h"
#include "kafka/hearing.h"
#include "kafka/kafka_client.h"
#include "kafka/kafka_options.h"
#include "log/event_log.h"

namespace quipu {

/// Sends frames to the partitions of one topic and learns what became of them.
///
/// Promise: a client of its own number sequence (an idempotent producer) sends the frames of a partition in order and
/// without a gap: it never gives one up to go on with the next. So when an answer does not come in time, or an error
/// is final, the whole client is left behind with everything that it had under way, and the next frame goes to a new
/// one. Copies that the old one still brings in are in the same order, and their numbers tell them.
/// Thread: all calls on the owner's thread; none waits. `bury` is given clients to destroy elsewhere, since that waits.
class KafkaProducer {
 public:
  KafkaProducer(const KafkaOptions& options, std::function<void(KafkaClient)> bury);
  ~KafkaProducer();
  KafkaProducer(const KafkaProducer&) = delete;
  KafkaProducer& operator=(const KafkaProducer&) = delete;

  /// Makes the first client, so that the first frame need not wait for its connections. kRefused: a setting is wrong.
  Result<void> start();

  /// How many bytes can be queued now.
  std::size_t room_bytes() const;
  /// When it is worth to come again, from what was acknowledged lately.
  Error room_error() const;

  /// Queues a copy of `frame`, which must fit into `room_bytes`.
  void queue(PartitionId partition, ByteView frame, std::uint64_t token);
  void commit();
  bool committing() const { return deliveries_.committing(); }
  /// Appends what has become known. The ends of partitions that were acknowledged are told to `reached`.
  void take_completions(std::vector<LogCompletion>& out, const std::function<void(PartitionId, Offset)>& reached);

  /// Leaves everything under way behind: it comes out as kUnknown at the next `take_completions`.
  void give_up(std::string why);

  /// What tells that brokers lost acknowledged frames.
  const std::optional<Deliveries::Lost>& lost() const { return deliveries_.lost(); }

  /// How many clients were left behind.
  std::uint64_t rebuilt() const { return rebuilt_; }

 private:
  void send();
  void poll(const std::function<void(PartitionId, Offset)>& reached);
  void answered(const rd_kafka_message_t& message, const std::function<void(PartitionId, Offset)>& reached);
  void measure(std::int64_t now);
  /// Gives the client up, or its brokers again, where the oldest frame has no answer for too long.
  void look_at_oldest(std::int64_t now);
  void fail(std::string why);
  void abandon(std::int64_t now);
  Result<void> begin(std::int64_t now);

  const KafkaOptions& options_;
  const std::function<void(KafkaClient)> bury_;
  KafkaClient client_;
  KafkaQueue events_;
  KafkaTopicHandle topic_;
  Deliveries deliveries_;
  Hearing hearing_;  ///< Of the present client.
  std::int64_t begun_at_ = 0;
  std::int64_t resume_at_ = 0;         ///< No new client before: the last one failed at once.
  std::optional<std::string> failed_;  ///< Why the client has to be left behind.
  std::string last_error_;
  std::uint64_t rebuilt_ = 0;

  double lately_bytes_ = 0;  ///< What was acknowledged lately, the newest most ...
  double lately_ms_ = 0;     ///< ... and how long that took.
  std::int64_t measured_at_ = 0;
  bool heard_ = false;                    ///< An acknowledgement came since the last look.
  std::uint64_t acknowledged_bytes_ = 0;  ///< Since `measured_at_`.
};

}  // namespace quipu
