#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace quipu {

/// What the distributed form stands on, with its defaults: of no effect in the embedded form but for the three kinds.
struct ClusterConfig {
  std::string log_kind = "segments";   ///< log.kind; "kafka" is the distributed form
  std::string store_kind = "rocksdb";  ///< store.kind; cassandra, cassandra-counters, postgres
  std::string cache_kind = "local";    ///< cache.kind; redis

  std::string kafka_brokers;                                 ///< kafka.brokers
  std::string kafka_topic = "quipu-events";                  ///< kafka.topic
  std::uint16_t kafka_partitions = 16;                       ///< kafka.partitions, of a topic that has to be made
  std::uint16_t kafka_replication = 3;                       ///< kafka.replication, of a topic that has to be made
  std::string kafka_group = "quipu";                         ///< kafka.group
  std::vector<std::string> kafka_client;                     ///< kafka.client: `name=value`, TLS and login
  std::string kafka_password_file;                           ///< kafka.password_file: sasl.password
  std::size_t kafka_frame_bytes = 64 << 10;                  ///< kafka.frame_bytes
  std::int64_t kafka_linger_ms = 5;                          ///< kafka.linger
  std::int64_t kafka_delivery_timeout_ms = 10'000;           ///< kafka.delivery_timeout
  std::int64_t kafka_give_up_ms = 30'000;                    ///< kafka.give_up
  std::int64_t kafka_session_timeout_ms = 10'000;            ///< kafka.session_timeout
  std::int64_t kafka_release_timeout_ms = 20'000;            ///< kafka.release_timeout
  std::size_t kafka_fetch_ahead_bytes = 4 << 20;             ///< kafka.fetch_ahead_bytes, of each partition
  std::size_t store_waiting_bytes = std::size_t{256} << 20;  ///< store.waiting_bytes

  std::string cassandra_contact_points;      ///< cassandra.contact_points
  std::string cassandra_datacenter;          ///< cassandra.datacenter
  std::string cassandra_keyspace = "quipu";  ///< cassandra.keyspace
  std::uint32_t cassandra_replication = 3;   ///< cassandra.replication, of a keyspace that has to be made
  std::int64_t cassandra_timestamp_base = std::int64_t{1} << 62;  ///< cassandra.timestamp_base
  std::string cassandra_user;                                     ///< cassandra.user
  std::string cassandra_password_file;                            ///< cassandra.password_file
  bool cassandra_tls = false;                                     ///< cassandra.tls
  std::string cassandra_tls_ca;                                   ///< cassandra.tls_ca
  std::string cassandra_tls_certificate;                          ///< cassandra.tls_certificate
  std::string cassandra_tls_key;                                  ///< cassandra.tls_key
  std::uint32_t cassandra_requests_in_flight = 256;               ///< cassandra.requests_in_flight
  std::int64_t cassandra_request_timeout_ms = 5'000;              ///< cassandra.request_timeout

  std::string postgres_url;  ///< postgres.url; its password stands in a file of libpq's

  std::string redis_address;                   ///< redis.address
  std::string redis_user;                      ///< redis.user
  std::string redis_password_file;             ///< redis.password_file
  std::uint16_t redis_database = 0;            ///< redis.database
  std::string redis_prefix = "quipu:";         ///< redis.prefix
  std::int64_t redis_ttl_ms = 60'000;          ///< redis.ttl
  std::size_t redis_waiting_bytes = 16 << 20;  ///< redis.waiting_bytes

  std::uint32_t hot_events_per_second = 20'000;  ///< hot.events_per_second
  std::uint16_t hot_partitions = 4;              ///< hot.partitions
  std::uint16_t workers = 5;                     ///< worker.count
  std::string worker_listen;                     ///< worker.listen; "" = off
  std::int64_t commit_delay_ms = 30'000;         ///< flush.commit_delay

  bool distributed() const { return log_kind == "kafka"; }
};

}  // namespace quipu
