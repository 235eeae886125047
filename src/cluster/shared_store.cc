#include "cluster/shared_store.h"

#include <spdlog/spdlog.h>

#include <array>
#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "node/random_value.h"
#include "store/cassandra_store.h"
#include "store/postgres_store.h"

namespace quipu {
namespace {

using namespace std::chrono_literals;

/// How long a start waits for a store that gives no answer: as long as for Kafka.
constexpr auto kStartMax = 30s;
constexpr auto kStartAgain = 500ms;

/// What the kinds have in common by name alone.
template <class Store>
SharedStore shared_by(std::unique_ptr<Store> opened) {
  SharedStore shared;
  shared.claim_setting = [store = opened.get()](const std::string& name, const std::string& value) {
    return store->claim_setting(name, value);
  };
  shared.store = std::move(opened);
  return shared;
}

Result<SharedStore> open_cassandra(const ClusterConfig& config, std::function<void()> wake, StoreScans scans) {
  auto password = read_password("cassandra.password_file", config.cassandra_password_file);
  if (!password) return std::unexpected(password.error());
  CassandraStoreOptions options;
  options.connection.contact_points = config.cassandra_contact_points;
  options.connection.datacenter = config.cassandra_datacenter;
  options.connection.user = config.cassandra_user;
  options.connection.password = std::move(*password);
  options.connection.tls = config.cassandra_tls;
  options.connection.tls_ca = config.cassandra_tls_ca;
  options.connection.tls_certificate = config.cassandra_tls_certificate;
  options.connection.tls_key = config.cassandra_tls_key;
  options.connection.requests_in_flight = config.cassandra_requests_in_flight;
  options.connection.request_ms = static_cast<std::uint32_t>(config.cassandra_request_timeout_ms);
  options.keyspace = {config.cassandra_keyspace, config.cassandra_replication};
  options.timestamp_base = config.cassandra_timestamp_base;
  if (config.store_kind == "cassandra-counters") options.form = CassandraRowForm::kCounterColumns;
  options.wake = std::move(wake);
  options.scan_all_replicas = scans == StoreScans::kAllReplicas;
  options.waiting_bytes_max = config.store_waiting_bytes;
  options.hash_seed = random_value<std::uint64_t>();
  auto opened = CassandraStore::open(std::move(options));
  if (!opened) return std::unexpected(opened.error());
  auto& store = **opened;
  auto shared = shared_by(std::move(*opened));
  shared.repeats = [&store] { return store.stats().repeats; };
  shared.begin_generation = [&store](Generation generation) { return store.begin_generation(generation); };
  shared.bases.newest = [&store](PartitionId partition, Offset offset) {
    return store.newest_base_of(partition, offset);
  };
  shared.bases.sure_watermark = [&store](PartitionId partition) { return store.sure_watermark_of(partition); };
  shared.bases.write = [&store](PartitionId partition, Base base, std::uint64_t token) {
    store.write_base_of(partition, std::move(base), token);
  };
  shared.bases.answers = [&store](std::function<void(Result<void>)> then) { store.ask_for_marks(std::move(then)); };
  return shared;
}

Result<SharedStore> open_postgres(const ClusterConfig& config, std::function<void()> wake) {
  PostgresStoreOptions options;
  options.url = config.postgres_url;
  options.wake = std::move(wake);
  options.waiting_bytes_max = config.store_waiting_bytes;
  auto opened = PostgresStore::open(std::move(options));
  if (!opened) return std::unexpected(opened.error());
  auto& store = **opened;
  auto shared = shared_by(std::move(*opened));
  shared.repeats = [&store] { return store.stats().sent_again; };
  // Its watermarks name their generation themselves; what is asked for beside them does not.
  const auto meant = std::make_shared<Generation>();
  shared.begin_generation = [&store, meant](Generation generation) -> Result<void> {
    *meant = generation;
    store.begin_generation(generation);
    return {};
  };
  shared.bases.newest = [&store, meant](PartitionId partition, Offset offset) {
    return store.newest_base_of({*meant, partition}, offset);
  };
  shared.bases.write = [&store, meant](PartitionId partition, Base base, std::uint64_t token) {
    store.write_base_of({*meant, partition}, std::move(base), token);
  };
  shared.bases.answers = [&store](std::function<void(Result<void>)> then) { store.ask_for_an_answer(std::move(then)); };
  return shared;
}

}  // namespace

Result<std::string> read_password(const std::string& key, const std::string& file) {
  if (file.empty()) return std::string();
  std::array<char, kPasswordBytesMax + 1> line{};
  std::ifstream stream(file);
  if (!stream.getline(line.data(), line.size()) || line[0] == '\0') {
    return failure(Code::kRefused,
                   key + ": " + file + " has no first line of 1 to " + std::to_string(kPasswordBytesMax) + " bytes");
  }
  return std::string(line.data());
}

Result<SharedStore> open_shared_store(const ClusterConfig& config, const std::function<void()>& wake,
                                      StoreScans scans) {
  const auto until = std::chrono::steady_clock::now() + kStartMax;
  // Said before, since servers that have just begun may take long to agree on the tables.
  spdlog::info("opening the counter store ({})", config.store_kind);
  while (true) {
    auto opened = config.store_kind == "postgres" ? open_postgres(config, wake) : open_cassandra(config, wake, scans);
    if (opened || (opened.error().code != Code::kBusy && opened.error().code != Code::kUnknown)) return opened;
    if (std::chrono::steady_clock::now() >= until) return opened;
    spdlog::warn("{}: trying again", opened.error().what);
    std::this_thread::sleep_for(kStartAgain);
  }
}

}  // namespace quipu
