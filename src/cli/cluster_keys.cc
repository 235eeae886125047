#include "cli/cluster_keys.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "cli/key_makers.h"

namespace quipu {
namespace {

Result<void> missing(std::string_view key, std::string_view because) {
  return failure(Code::kRefused, fmt::format("{} is empty, and {} needs it", key, because));
}

}  // namespace

std::vector<ConfigKey> cluster_keys() {
  using namespace keys;
  using K = KeyKind;
  const auto add = [](KeySpec spec, auto field) { return key<Config>(std::move(spec), field); };
  return {
      add(choice("log.kind", {"segments", "kafka"},
                 "The event log: files of this process, or a topic that many processes share."),
          [](Config& c) -> auto& { return c.cluster.log_kind; }),
      add(choice("store.kind", {"rocksdb", "cassandra", "cassandra-counters", "postgres"},
                 "The counter store; rocksdb with log.kind = \"segments\" alone, the others with \"kafka\"."),
          [](Config& c) -> auto& { return c.cluster.store_kind; }),
      add(choice("cache.kind", {"local", "redis"},
                 "Where totals are kept close to readers, with log.kind = \"kafka\": in each node alone, or in Redis, "
                 "too."),
          [](Config& c) -> auto& { return c.cluster.cache_kind; }),

      add(text("kafka.brokers", 0, "Brokers to begin with: `host:port`, several separated by commas."),
          [](Config& c) -> auto& { return c.cluster.kafka_brokers; }),
      add(text("kafka.topic", 1, "The topic that is the log."),
          [](Config& c) -> auto& { return c.cluster.kafka_topic; }),
      add(number("kafka.partitions", K::kInteger, 1, kPartitionsMax, "Partitions of a topic that has to be made.", ""),
          [](Config& c) -> auto& { return c.cluster.kafka_partitions; }),
      add(number("kafka.replication", K::kInteger, 1, 100, "Copies of each partition of a topic that has to be made.",
                 ""),
          [](Config& c) -> auto& { return c.cluster.kafka_replication; }),
      add(text("kafka.group", 1, "The consumer group of the workers."),
          [](Config& c) -> auto& { return c.cluster.kafka_group; }),
      add(list("kafka.client",
               "TLS and login as librdkafka names them: `security.protocol=SASL_SSL`, `ssl.ca.location=…`."),
          [](Config& c) -> auto& { return c.cluster.kafka_client; }),
      add(text("kafka.password_file", 0, "The file whose first line is `sasl.password`; empty is none."),
          [](Config& c) -> auto& { return c.cluster.kafka_password_file; }),
      add(number("kafka.frame_bytes", K::kBytes, kKiB, kMiB / 2, "Size of a frame from which on it is sent.",
                 "the next frame is begun"),
          [](Config& c) -> auto& { return c.cluster.kafka_frame_bytes; }),
      add(number("kafka.linger", K::kDuration, 0, 10 * kSecond,
                 "The longest that a frame waits for more events while others are under way.", "it is sent"),
          [](Config& c) -> auto& { return c.cluster.kafka_linger_ms; }),
      add(number("kafka.delivery_timeout", K::kDuration, kSecond, kHour,
                 "A frame that is not acknowledged within this time is sent again.", ""),
          [](Config& c) -> auto& { return c.cluster.kafka_delivery_timeout_ms; }),
      add(number("kafka.give_up", K::kDuration, kSecond, kHour, "How long a frame is sent again.",
                 "its writes are answered as unknown"),
          [](Config& c) -> auto& { return c.cluster.kafka_give_up_ms; }),
      add(number("kafka.session_timeout", K::kDuration, kSecond, kHour,
                 "A worker that the brokers do not hear for so long loses its partitions.", "other workers get them"),
          [](Config& c) -> auto& { return c.cluster.kafka_session_timeout_ms; }),
      add(number("kafka.release_timeout", K::kDuration, kSecond, kHour,
                 "How long a worker may flush a partition that it has to give up.", "it is given up as it is"),
          [](Config& c) -> auto& { return c.cluster.kafka_release_timeout_ms; }),
      add(number("kafka.fetch_ahead_bytes", K::kBytes, kMiB, kGiB,
                 "Frames that a worker fetches of each partition before it needs them.", "nothing more is fetched"),
          [](Config& c) -> auto& { return c.cluster.kafka_fetch_ahead_bytes; }),

      add(text("cassandra.contact_points", 0, "Nodes to begin with: `host:port`, several separated by commas."),
          [](Config& c) -> auto& { return c.cluster.cassandra_contact_points; }),
      add(text("cassandra.datacenter", 0,
               "The datacenter whose replicas make the quorum; empty where there is only one."),
          [](Config& c) -> auto& { return c.cluster.cassandra_datacenter; }),
      add(text("cassandra.keyspace", 1, "The keyspace; made where it is absent."),
          [](Config& c) -> auto& { return c.cluster.cassandra_keyspace; }),
      add(number("cassandra.replication", K::kInteger, 1, 100,
                 "Copies in each datacenter of a keyspace that has to be made.", ""),
          [](Config& c) -> auto& { return c.cluster.cassandra_replication; }),
      add(number("cassandra.timestamp_base", K::kInteger, 0, std::int64_t{1} << 62,
                 "Added to offsets it is the timestamp of rows; smaller where a guardrail refuses such timestamps. For "
                 "good in a keyspace, and far above the microseconds of clocks, or a DELETE by hand hides a counter.",
                 ""),
          [](Config& c) -> auto& { return c.cluster.cassandra_timestamp_base; }),
      add(text("cassandra.user", 0, "Who logs in; empty is no login."),
          [](Config& c) -> auto& { return c.cluster.cassandra_user; }),
      add(text("cassandra.password_file", 0, "The file whose first line is the password."),
          [](Config& c) -> auto& { return c.cluster.cassandra_password_file; }),
      add(flag("cassandra.tls",
               "Whether connections are encrypted, and certificates checked against the authorities (not their names).",
               ""),
          [](Config& c) -> auto& { return c.cluster.cassandra_tls; }),
      add(text("cassandra.tls_ca", 0, "A PEM file of authorities; empty: those of the system."),
          [](Config& c) -> auto& { return c.cluster.cassandra_tls_ca; }),
      add(text("cassandra.tls_certificate", 0, "A PEM file of the own certificate; empty is none."),
          [](Config& c) -> auto& { return c.cluster.cassandra_tls_certificate; }),
      add(text("cassandra.tls_key", 0, "The PEM file of its key."),
          [](Config& c) -> auto& { return c.cluster.cassandra_tls_key; }),
      add(number("cassandra.requests_in_flight", K::kInteger, 1, 32'768,
                 "How many requests of each worker, and of an API node twice, may be under way at a time.", ""),
          [](Config& c) -> auto& { return c.cluster.cassandra_requests_in_flight; }),
      add(number("cassandra.request_timeout", K::kDuration, 100, kHour,
                 "A request that is not answered within this time is sent again.", ""),
          [](Config& c) -> auto& { return c.cluster.cassandra_request_timeout_ms; }),
      add(text("postgres.url", 0, "The database, as libpq takes it; the password stands in libpq's password file."),
          [](Config& c) -> auto& { return c.cluster.postgres_url; }),
      add(number("store.waiting_bytes", K::kBytes, kMiB, kTiB,
                 "Requests of each worker, and of an API node, that wait for Cassandra or PostgreSQL.",
                 "they are refused and given again later"),
          [](Config& c) -> auto& { return c.cluster.store_waiting_bytes; }),

      add(text("redis.address", 0, "The Redis of the cache, `host:port`."),
          [](Config& c) -> auto& { return c.cluster.redis_address; }),
      add(text("redis.user", 0, "Who logs in; empty is the default user."),
          [](Config& c) -> auto& { return c.cluster.redis_user; }),
      add(text("redis.password_file", 0, "The file whose first line is the password; empty is none."),
          [](Config& c) -> auto& { return c.cluster.redis_password_file; }),
      add(number("redis.database", K::kInteger, 0, 65'535, "The number of the database.", ""),
          [](Config& c) -> auto& { return c.cluster.redis_database; }),
      add(text("redis.prefix", 0, "What every key begins with. Two logs that share a Redis must differ in it."),
          [](Config& c) -> auto& { return c.cluster.redis_prefix; }),
      add(number("redis.ttl", K::kDuration, 100, 30 * kDay,
                 "How long a total is kept: for so long a dropped update can be missed.", ""),
          [](Config& c) -> auto& { return c.cluster.redis_ttl_ms; }),
      add(number("redis.waiting_bytes", K::kBytes, kMiB, kTiB,
                 "Requests of each worker, and of an API node, that wait for Redis.",
                 "they are dropped: reads go to the store"),
          [](Config& c) -> auto& { return c.cluster.redis_waiting_bytes; }),

      add(number("hot.events_per_second", K::kInteger, 1, 1'000'000'000,
                 "Events a second of one counter at one node from which on it is spread.",
                 "the counter is written to several partitions in turn"),
          [](Config& c) -> auto& { return c.cluster.hot_events_per_second; }),
      add(number("hot.partitions", K::kInteger, 1, kPartitionsMax,
                 "Over how many partitions a hot counter is spread; 1 is none.", ""),
          [](Config& c) -> auto& { return c.cluster.hot_partitions; }),
      add(number("worker.count", K::kInteger, 1, kPartitionsMax,
                 "Workers in one process of `quipu worker` or `quipu serve`.", ""),
          [](Config& c) -> auto& { return c.cluster.workers; }),
      add(address("worker.listen", "Where `quipu worker` serves /metrics, /livez and /readyz; empty turns it off."),
          [](Config& c) -> auto& { return c.cluster.worker_listen; }),
      add(number("flush.commit_delay", K::kDuration, 0, kHour,
                 "How long after its rows were acknowledged a worker says that it need not read events again: as long "
                 "as the store may take to be durable.",
                 ""),
          [](Config& c) -> auto& { return c.cluster.commit_delay_ms; }),
  };
}

Result<void> validate_cluster(const ClusterConfig& cluster) {
  const auto store = fmt::format("store.kind = \"{}\"", cluster.store_kind);
  if (!cluster.distributed()) {
    if (cluster.store_kind != "rocksdb") {
      return failure(Code::kRefused, store + ": needs log.kind = \"kafka\"; with \"segments\" it is \"rocksdb\"");
    }
    if (cluster.cache_kind != "local") {
      return failure(Code::kRefused, "cache.kind = \"redis\": needs log.kind = \"kafka\"");
    }
    return {};
  }
  if (cluster.kafka_brokers.empty()) return missing("kafka.brokers", "log.kind = \"kafka\"");
  if (cluster.store_kind == "rocksdb") {
    return failure(Code::kRefused,
                   "store.kind = \"rocksdb\": is of one process; with log.kind = \"kafka\" it is "
                   "\"cassandra\", \"cassandra-counters\" or \"postgres\"");
  }
  if (cluster.store_kind == "postgres" && cluster.postgres_url.empty()) return missing("postgres.url", store);
  if (cluster.store_kind.starts_with("cassandra") && cluster.cassandra_contact_points.empty()) {
    return missing("cassandra.contact_points", store);
  }
  if (cluster.cache_kind == "redis" && cluster.redis_address.empty()) {
    return missing("redis.address", "cache.kind = \"redis\"");
  }
  if (cluster.kafka_give_up_ms < cluster.kafka_delivery_timeout_ms) {
    return failure(Code::kRefused,
                   fmt::format("kafka.give_up = {} ms: must not be below kafka.delivery_timeout = {} ms",
                               cluster.kafka_give_up_ms, cluster.kafka_delivery_timeout_ms));
  }
  for (const auto& setting : cluster.kafka_client) {
    if (setting.find('=') == std::string::npos) {
      return failure(Code::kRefused, fmt::format("kafka.client: \"{}\" is not NAME=VALUE", setting));
    }
  }
  return {};
}

}  // namespace quipu
