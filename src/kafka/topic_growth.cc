#include "kafka/topic_growth.h"

#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "kafka/kafka_admin.h"
#include "kafka/kafka_client.h"

namespace quipu {
namespace {

using Clock = std::chrono::steady_clock;

/// How long to wait between two looks.
constexpr std::chrono::milliseconds kPause{200};

bool passes(const Error& error) { return error.code == Code::kBusy || error.code == Code::kTimeout; }

}  // namespace

Result<void> grow_topic(const KafkaOptions& options, std::uint16_t partitions) {
  auto client = make_kafka_client(RD_KAFKA_PRODUCER, options, {}, 0);
  if (!client) return std::unexpected(client.error());
  KafkaAdmin admin(client->get(), options);
  const auto until = Clock::now() + std::chrono::milliseconds(options.start_timeout_ms);
  std::optional<Error> refused;  // An order whose answer was lost is refused the second time: look first.
  for (bool ordered = false;; std::this_thread::sleep_for(kPause)) {
    const auto found = admin.topic();
    if (!found && !passes(found.error())) return std::unexpected(found.error());
    if (found && options.known && options.known->random != found->id) {
      return failure(Code::kDamaged, "topic " + options.topic + " is not the one that the store has counted from");
    }
    if (found && found->partitions >= partitions) return {};
    if (found && refused) return std::unexpected(*refused);
    if (Clock::now() >= until) {
      if (!found) return std::unexpected(found.error());
      return failure(Code::kTimeout, "topic " + options.topic + " has not got " + std::to_string(partitions) +
                                         " partitions within " + std::to_string(options.start_timeout_ms) + " ms");
    }
    if (!found || ordered) continue;
    const auto grown = admin.grow(partitions);
    ordered = grown.has_value();
    if (!grown && !passes(grown.error())) refused = grown.error();
  }
}

}  // namespace quipu
