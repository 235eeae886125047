#include "node/engine_setup.h"

#include <cstdint>

#include "node/random_value.h"

namespace quipu {

EngineOptions engine_options(const Config& config, const HashSecret& secret, NodeIdentity writer,
                             std::uint16_t id_partitions) {
  EngineOptions options;
  options.secret = secret;
  options.writer = writer;
  options.id_partitions = id_partitions;
  options.table_hash_seed = random_value<std::uint64_t>();
  options.ids_max = config.idempotency_window;
  options.sources_max = config.sources_max;
  options.namespaces_max = config.namespaces_max;
  options.namespaces_auto_create = config.namespaces_auto_create;
  options.namespaces = config.namespaces;
  // A key with such a prefix names a counter of that namespace from the first command on.
  for (const auto& name : config.resp_namespaces) options.namespaces_present.push_back(name);
  options.open_bytes_max = config.log_pending_bytes;
  options.dirty_bytes_max = config.flush_dirty_bytes;
  options.table_bytes_max = config.memory_table_bytes;
  options.flush_interval_ms = config.flush_interval_ms;
  options.sync_interval_ms = config.flush_sync_ms;
  options.base_interval_ms = config.base_interval_ms;
  options.base_log_bytes = config.base_log_bytes;
  return options;
}

}  // namespace quipu
