#include "cluster/shared_parts.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "cache/redis_cache.h"
#include "node/random_value.h"
#include "store/flushed_mark.h"
#include "store/open_partitions.h"

namespace quipu {
namespace {

/// Puts this process's identity of the log there, or takes what another one has put there first.
Result<ClusterIdentity> claim_identity(const Config& config, SharedParts& parts) {
  ClusterIdentity own;
  own.log = parts.log->identity();
  own.secret = random_value<HashSecret>();
  own.id_partitions = parts.log->partitions();
  own.resp_namespaces = config.resp_namespaces;
  const auto text = parts.store.claim_setting(std::string(kClusterSetting), cluster_text(own));
  if (!text) return std::unexpected(text.error());
  auto claimed = read_cluster_text(*text);
  if (claimed && claimed->log != own.log) {
    return failure(Code::kDamaged, "another process has just begun to count from another log into this store: topic " +
                                       config.cluster.kafka_topic + " at " + config.cluster.kafka_brokers +
                                       " is not it");
  }
  return claimed;
}

/// What is in the rows was in the log: one that ends before has lost frames, which is found though this process has not
/// seen them.
Result<void> tell_of_rows(SharedParts& parts) {
  const auto settings = parts.store.store->settings();
  if (!settings) return std::unexpected(settings.error());
  for (const auto& [name, text] : *settings) {
    const auto mark = parse_flushed(name, text);
    if (!mark) return std::unexpected(mark.error());
    if (!*mark || (*mark)->generation != parts.identity.log.generation) continue;
    parts.log->known((*mark)->partition, Offset{(*mark)->offset.value + 1});
  }
  return {};
}

}  // namespace

Result<std::optional<ClusterIdentity>> known_identity(CounterStore& store) {
  const auto settings = store.settings();
  if (!settings) return std::unexpected(settings.error());
  return cluster_identity_in(*settings);
}

Result<std::uint16_t> open_partitions_of(CounterStore& store, const ClusterIdentity& identity) {
  const auto settings = store.settings();
  if (!settings) return std::unexpected(settings.error());
  return open_partitions_in(*settings, identity.log.generation, identity.id_partitions);
}

Result<KafkaOptions> kafka_options(const Config& config, std::function<void()> wake) {
  const ClusterConfig& cluster = config.cluster;
  auto password = read_password("kafka.password_file", cluster.kafka_password_file);
  if (!password) return std::unexpected(password.error());
  KafkaOptions options;
  options.brokers = cluster.kafka_brokers;
  options.topic = cluster.kafka_topic;
  options.partitions = cluster.kafka_partitions;
  options.replication = cluster.kafka_replication;
  options.pending_bytes = config.log_pending_bytes;
  options.delivery_timeout_ms = cluster.kafka_delivery_timeout_ms;
  options.fetch_ahead_bytes = cluster.kafka_fetch_ahead_bytes;
  for (const auto& setting : cluster.kafka_client) {
    const auto equals = setting.find('=');
    options.client.emplace_back(setting.substr(0, equals), setting.substr(equals + 1));
  }
  if (!password->empty()) options.client.emplace_back("sasl.password", std::move(*password));
  options.wake = std::move(wake);
  options.say = [](const std::string& what) { spdlog::warn("kafka: {}", what); };
  return options;
}

Result<SharedParts> SharedParts::open(const Config& config, std::function<void()> wake, Use use) {
  SharedParts parts;
  auto store = open_shared_store(config.cluster, wake);
  if (!store) return std::unexpected(store.error());
  parts.store = std::move(*store);
  const auto known = known_identity(*parts.store.store);
  if (!known) return std::unexpected(known.error());
  auto options = kafka_options(config, std::move(wake));
  if (!options) return std::unexpected(options.error());
  if (*known) options->known = (*known)->log;
  if (use == Use::kLook) {
    if (!*known) return nothing_started();
    options->only_read = true;
    options->say = [](const std::string&) {};
  }
  auto log = KafkaLog::open(std::move(*options));
  if (!log) return std::unexpected(log.error());
  parts.log = std::move(*log);
  auto identity = *known ? Result<ClusterIdentity>(**known) : claim_identity(config, parts);
  if (!identity) return std::unexpected(identity.error());
  parts.identity = std::move(*identity);
  if (auto begun = parts.store.begin_generation(parts.identity.log.generation); !begun) {
    return std::unexpected(begun.error());
  }
  if (auto told = tell_of_rows(parts); !told) return std::unexpected(told.error());
  return parts;
}

std::unexpected<Error> nothing_started() {
  return failure(Code::kNotFound, "the store has counted from no log yet: nothing has been started on it");
}

void tell_findings(const KafkaLog& log) {
  for (const auto& finding : log.stats().findings) spdlog::warn("kafka: {}", finding.what);
}

Result<std::unique_ptr<TotalsCache>> open_cache(const ClusterConfig& config, std::function<void()> wake) {
  std::unique_ptr<TotalsCache> cache;
  if (config.cache_kind != "redis") return cache;
  auto password = read_password("redis.password_file", config.redis_password_file);
  if (!password) return std::unexpected(password.error());
  RedisCacheOptions options;
  options.address = config.redis_address;
  options.user = config.redis_user;
  options.password = std::move(*password);
  options.database = config.redis_database;
  options.prefix = config.redis_prefix;
  options.ttl_ms = config.redis_ttl_ms;
  options.waiting_bytes_max = config.redis_waiting_bytes;
  options.wake = std::move(wake);
  auto opened = RedisCache::open(std::move(options));
  if (!opened) return std::unexpected(opened.error());
  cache = std::move(*opened);
  return cache;
}

NodeIdentity new_node() { return {random_value<std::uint64_t>(), 1}; }

}  // namespace quipu
