#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"
#include "cache/totals_cache.h"
#include "cluster/cluster_identity.h"
#include "cluster/shared_store.h"
#include "kafka/kafka_log.h"
#include "node/config.h"

namespace quipu {

/// What every process of the distributed form stands on, in the order in which it is opened.
///
///   store ─► which log do all agree on? ─► that log, or a topic that is made ─► (the first one tells the others)
struct SharedParts {
  ClusterIdentity identity;
  SharedStore store;
  std::unique_ptr<KafkaLog> log;

  enum class Use : std::uint8_t {
    kWork,
    kLook,  ///< Nothing is made, claimed or trimmed; kNotFound where no process has begun yet.
  };
  /// Waits for both. `wake` is called on other threads when either has something to take. kDamaged where the topic is
  /// not the one that the store has counted from; the message says what an operator can do.
  static Result<SharedParts> open(const Config& config, std::function<void()> wake, Use use = Use::kWork);
};

/// Which log the store counts from; nullopt where no process has begun yet. Waits for the store.
Result<std::optional<ClusterIdentity>> known_identity(CounterStore& store);

/// How many partitions of a log take events, by what the store says. Waits for the store.
Result<std::uint16_t> open_partitions_of(CounterStore& store, const ClusterIdentity& identity);

/// What is said of a store for which known_identity has none.
std::unexpected<Error> nothing_started();

/// How the configuration says that Kafka is reached, for a log that nobody knows yet. kRefused: its password can not be
/// read.
Result<KafkaOptions> kafka_options(const Config& config, std::function<void()> wake);

/// Says what is weak or unsafe about the topic's settings: once a process.
void tell_findings(const KafkaLog& log);

/// The cache that `cache.kind` names, or null where it is none beside the nodes' own. `wake` as above.
Result<std::unique_ptr<TotalsCache>> open_cache(const ClusterConfig& config, std::function<void()> wake);

/// A node that nobody was before: its number is random, so it needs no place to keep it.
NodeIdentity new_node();

}  // namespace quipu
