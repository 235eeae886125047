#include "kafka/kafka_producer.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/failpoint.h"
#include "event/frame.h"
#include "kafka/steady_time.h"

namespace quipu {

namespace {

/// A client that failed sooner than this after its beginning is followed by the next no sooner than this later.
constexpr std::int64_t kRebuildPauseMs = 1'000;
/// Room for the largest frame and what Kafka puts around it.
constexpr std::size_t kMessageBytesMax = kFrameBytesMax + (std::size_t{64} << 10);
/// Stretches of which the rate of acknowledgements is made.
constexpr std::int64_t kMeasureMs = 50;

/// What librdkafka carries along with a message: the ordinal of the frame in its partition.
void* as_opaque(std::uint64_t ordinal) { return std::bit_cast<void*>(ordinal); }

KafkaSettings producer_settings(const KafkaOptions& options) {
  return {
      {"enable.idempotence", "true"},
      {"acks", "all"},
      // Never a gap: an error that would leave one ends the client instead ...
      {"enable.gapless.guarantee", "true"},
      // ... and no message is given up alone by its age, which that guarantee does not cover. The bound is ours.
      {"message.timeout.ms", "0"},
      {"linger.ms", std::to_string(options.linger_ms)},
      {"message.max.bytes", std::to_string(kMessageBytesMax)},
      {"batch.size", std::to_string(std::size_t{1} << 20)},
      // Twice what can be pending, so that the bound that is met is ours.
      {"queue.buffering.max.kbytes", std::to_string((2 * options.pending_bytes >> 10) + (kMessageBytesMax >> 10))},
      {"queue.buffering.max.messages", "0"},
      {"compression.codec", "none"},
  };
}

}  // namespace

KafkaProducer::KafkaProducer(const KafkaOptions& options, std::function<void(KafkaClient)> bury)
    : options_(options), bury_(std::move(bury)), deliveries_(std::free) {}

KafkaProducer::~KafkaProducer() {
  if (client_) abandon(steady_now_ms());
}

std::size_t KafkaProducer::room_bytes() const {
  if (failed_ || (resume_at_ > 0 && steady_now_ms() < resume_at_)) return 0;
  return options_.pending_bytes - std::min(options_.pending_bytes, deliveries_.pending_bytes());
}

Error KafkaProducer::room_error() const {
  const auto now = steady_now_ms();
  std::string what = "Kafka has " + std::to_string(deliveries_.pending_bytes()) + " bytes to acknowledge of at most " +
                     std::to_string(options_.pending_bytes);
  if (!last_error_.empty()) what += " (" + last_error_ + ")";
  std::int64_t wait = 1;
  if (now < resume_at_) {
    wait = resume_at_ - now;
  } else if (lately_bytes_ > 0 && lately_ms_ > 0 && now - measured_at_ < 20 * kMeasureMs) {
    wait = static_cast<std::int64_t>(static_cast<double>(deliveries_.pending_bytes()) * lately_ms_ / lately_bytes_);
  } else if (deliveries_.unanswered() > 0) {
    // Nothing moves: there is room for sure when the oldest is given up.
    wait = deliveries_.oldest_sent() + options_.delivery_timeout_ms - now;
  }
  return {Code::kBusy, what, std::clamp<std::int64_t>(wait, 1, options_.delivery_timeout_ms)};
}

void KafkaProducer::queue(PartitionId partition, ByteView frame, std::uint64_t token) {
  // By malloc: librdkafka frees it when the frame is answered, and copies nothing.
  auto* copy = std::malloc(frame.size());
  QUIPU_CHECK(copy != nullptr);
  std::memcpy(copy, frame.data(), frame.size());
  deliveries_.add(partition, token, copy, frame.size());
}

void KafkaProducer::commit() {
  deliveries_.seal();
  send();
}

Result<void> KafkaProducer::start() { return begin(steady_now_ms()); }

Result<void> KafkaProducer::begin(std::int64_t now) {
  if (client_) return {};
  auto made = make_kafka_client(RD_KAFKA_PRODUCER, options_, producer_settings(options_),
                                RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
  if (!made) return std::unexpected(made.error());
  client_ = std::move(*made);
  topic_.reset(rd_kafka_topic_new(client_.get(), options_.topic.c_str(), nullptr));
  events_.reset(rd_kafka_queue_get_main(client_.get()));
  rd_kafka_queue_cb_event_enable(
      events_.get(), [](rd_kafka_t*, void* options) { static_cast<const KafkaOptions*>(options)->wake(); },
      const_cast<KafkaOptions*>(&options_));
  begun_at_ = now;
  hearing_ = {};
  return {};
}

void KafkaProducer::send() {
  const auto now = steady_now_ms();
  if (!deliveries_.committing() || failed_) return;
  if (auto begun = begin(now); !begun) {
    fail(begun.error().what);
    return;
  }
  if (deliveries_.unanswered() == 0) {
    measured_at_ = now;
    acknowledged_bytes_ = 0;
  }
  while (const auto frame = deliveries_.next_to_send(now)) {
    if (!QUIPU_FAILS_AT("node.handing") &&
        rd_kafka_produce(topic_.get(), frame->key.partition.value, RD_KAFKA_MSG_F_FREE, frame->bytes, frame->size,
                         nullptr, 0, as_opaque(frame->key.ordinal)) == 0) {
      QUIPU_FAILPOINT("node.handed");
      continue;
    }
    const std::string why = rd_kafka_err2str(rd_kafka_last_error());
    std::free(frame->bytes);
    deliveries_.resolve(frame->key, busy("Kafka did not take the frame: " + why, kRebuildPauseMs));
    fail(why);
    return;
  }
}

void KafkaProducer::fail(std::string why) {
  if (failed_) return;
  failed_ = std::move(why);
  options_.wake();  // The owner learns it at its next `take_completions`.
}

void KafkaProducer::answered(const rd_kafka_message_t& message,
                             const std::function<void(PartitionId, Offset)>& reached) {
  const Deliveries::Key key{PartitionId(static_cast<std::uint16_t>(message.partition)),
                            std::bit_cast<std::uint64_t>(message._private)};
  if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR && message.offset >= 0 && !QUIPU_FAILS_AT("node.acknowledged")) {
    const auto offset = from_kafka(message.offset);
    if (offset.value <= kOffsetMax) {
      heard_ = true;
      acknowledged_bytes_ += message.len;
      reached(key.partition, Offset(offset.value + 1));
      deliveries_.resolve(key, offset);
      return;
    }
  }
  // Not rd_kafka_message_errstr: that is null without an error (a copy that the broker already had is acknowledged
  // without an offset), and of a message that was sent it gives the payload.
  const auto* const error =
      message.err == RD_KAFKA_RESP_ERR_NO_ERROR ? "the acknowledgement names no offset" : rd_kafka_err2str(message.err);
  const std::string why = "partition " + std::to_string(message.partition) + ": " + error;
  if (rd_kafka_message_status(&message) == RD_KAFKA_MSG_STATUS_NOT_PERSISTED) {
    deliveries_.resolve(key, busy("Kafka did not take the frame: " + why, kRebuildPauseMs));
  } else {
    deliveries_.resolve(key, failure(Code::kUnknown, "Kafka did not say what became of the frame: " + why));
  }
  fail(why);
}

void KafkaProducer::poll(const std::function<void(PartitionId, Offset)>& reached) {
  while (client_) {
    const KafkaEvent event(rd_kafka_queue_poll(events_.get(), 0));
    if (!event) return;
    if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_DR) {
      while (const auto* message = rd_kafka_event_message_next(event.get())) answered(*message, reached);
    } else if (rd_kafka_event_type(event.get()) == RD_KAFKA_EVENT_ERROR) {
      last_error_ = rd_kafka_event_error_string(event.get());
      if (rd_kafka_event_error_is_fatal(event.get()) != 0) fail(last_error_);
    }
  }
}

void KafkaProducer::measure(std::int64_t now) {
  if (acknowledged_bytes_ == 0 || now - measured_at_ < kMeasureMs) return;
  last_error_.clear();
  constexpr double kKeep = 0.8;
  lately_bytes_ = lately_bytes_ * kKeep + static_cast<double>(acknowledged_bytes_);
  lately_ms_ = lately_ms_ * kKeep + static_cast<double>(now - measured_at_);
  acknowledged_bytes_ = 0;
  measured_at_ = now;
}

void KafkaProducer::look_at_oldest(std::int64_t now) {
  if (failed_ || deliveries_.unanswered() == 0) return;
  const auto oldest = deliveries_.oldest_sent();
  if (now - oldest >= options_.delivery_timeout_ms) {
    fail("no acknowledgement within " + std::to_string(options_.delivery_timeout_ms) + " ms" +
         (last_error_.empty() ? "" : " (" + last_error_ + ")"));
  } else if (client_ && now - oldest >= Hearing::kSearchMs && hearing_.unanswered(oldest, now).search) {
    give_brokers_again(client_.get(), options_);
  }
}

void KafkaProducer::take_completions(std::vector<LogCompletion>& out,
                                     const std::function<void(PartitionId, Offset)>& reached) {
  poll(reached);
  send();  // What was held until the first of its partition was acknowledged.
  const auto now = steady_now_ms();
  if (std::exchange(heard_, false)) hearing_.answered(now);
  measure(now);
  look_at_oldest(now);
  if (failed_) abandon(now);
  deliveries_.take(out);
}

void KafkaProducer::give_up(std::string why) { fail(std::move(why)); }

void KafkaProducer::abandon(std::int64_t now) {
  const auto pause = now - begun_at_ < kRebuildPauseMs ? kRebuildPauseMs : 0;
  resume_at_ = now + pause;
  if (failed_) options_.say("the client that writes is made anew: " + *failed_);
  deliveries_.give_up(failed_ ? *failed_ : "the log was closed", std::max<std::int64_t>(pause, 1));
  failed_.reset();
  if (!client_) return;
  // What it has not sent yet goes nowhere; what is on its way may still arrive.
  rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
  rd_kafka_queue_cb_event_enable(events_.get(), nullptr, nullptr);
  events_.reset();
  topic_.reset();
  bury_(std::move(client_));
  ++rebuilt_;
}

}  // namespace quipu
