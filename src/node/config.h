#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ingest/namespaces.h"
#include "net/limits.h"
#include "node/cluster_config.h"

namespace quipu {

/// Everything that can be configured, with its default. docs/configuration.md lists the keys.
struct Config {
  std::string data_dir = "./quipu-data";                 ///< data.dir
  std::string http_listen = "127.0.0.1:8080";            ///< http.listen; "" = off
  std::string resp_listen = "127.0.0.1:6380";            ///< resp.listen; "" = off
  std::vector<std::string> http_cors_origins;            ///< http.cors_origins
  bool http_public_view = false;                         ///< http.public_view
  std::string auth_keys_file;                            ///< auth.keys_file; "" = none
  std::optional<std::string> auth_keys;                  ///< QUIPU_AUTH_KEYS, as the file holds it; never shown
  bool auth_insecure = false;                            ///< auth.insecure
  std::vector<std::string> resp_namespaces = {"views"};  ///< resp.namespaces; fixed when the directory is made
  std::uint16_t log_partitions = 8;                      ///< log.partitions; fixed when the directory is made
  std::size_t log_segment_bytes = 64 << 20;              ///< log.segment_bytes
  std::int64_t log_retain_hours = 24;                    ///< log.retain_hours
  std::size_t log_retain_bytes = std::size_t{4} << 30;   ///< log.retain_bytes
  std::size_t log_pending_bytes = 64 << 20;   ///< log.pending_bytes: frames that wait for the disk; above it busy
  std::int64_t log_disk_wait_us = 500;        ///< log.disk_wait_us: see PosixLogDiskOptions::wait_us_max
  std::int64_t log_commit_wait_us = 300;      ///< log.commit_wait_us: see CommitPacer; 0 = never wait
  std::int64_t flush_interval_ms = 3'000;     ///< flush.interval
  std::size_t flush_dirty_bytes = 256 << 20;  ///< flush.dirty_bytes: unflushed rows; above it busy
  std::int64_t flush_sync_ms = 60'000;        ///< flush.sync_interval: the store's own sync, which bounds replay
  std::int64_t base_interval_ms = 3'600'000;  ///< base.interval
  std::size_t base_log_bytes = std::size_t{4} << 30;      ///< base.log_bytes
  std::size_t memory_table_bytes = std::size_t{1} << 30;  ///< memory.table_bytes
  std::size_t idempotency_window = 1'000'000;             ///< idempotency.window: ids remembered per partition
  std::size_t sources_max = 100'000;                      ///< idempotency.sources: sources remembered per partition
  bool namespaces_auto_create = true;                     ///< namespaces.auto_create
  std::size_t namespaces_max = 1'000;                     ///< namespaces.max
  std::map<std::string, NamespacePolicy>
      namespaces;                        ///< [namespaces.NAME]: ack, memory_allowed, viewer_window, id_promise
  std::int64_t future_ms_max = 300'000;  ///< limits.future: how far ahead an event's time may be
  NetLimits limits;                      ///< limits.*
  ClusterConfig cluster;                 ///< log.kind, store.kind, cache.kind and what they stand on
  std::string log_level = "info";        ///< diagnostics.log_level
  std::string log_format = "text";       ///< diagnostics.log_format; "json" is one object a line
  std::string phases_file;               ///< diagnostics.phases_file: see base/phases.h; "" = none
};

}  // namespace quipu
