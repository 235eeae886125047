#pragma once

#include <cstdint>

#include "base/result.h"
#include "kafka/kafka_options.h"

namespace quipu {

/// Gives a topic so many partitions, and waits until each has a leader: at most about `options.start_timeout_ms`. One
/// that has as many or more is left as it is. kDamaged: it is not the topic that `options.known` says. kRefused: the
/// cluster does not allow it. kNotFound: there is no such topic. kTimeout, kBusy: no broker, no leader.
Result<void> grow_topic(const KafkaOptions& options, std::uint16_t partitions);

}  // namespace quipu
