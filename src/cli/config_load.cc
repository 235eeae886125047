#include "cli/config_load.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/failpoint.h"
#include "base/planted.h"
#include "cli/config_file.h"
#include "cli/config_keys.h"
#include "cli/config_value.h"
#include "ingest/names.h"

namespace quipu {
namespace {

constexpr std::string_view kPrefix = "QUIPU_";

std::unexpected<Error> at(std::string_view where, const Error& error) {
  return failure(error.code, fmt::format("{}: {}", where, error.what));
}

/// `[namespaces.videos]` without a key makes the namespace exist.
Result<void> add_empty_table(LoadedConfig& loaded, const FileEntry& entry) {
  if (!entry.name.starts_with(kNamespacesPrefix)) return {};  // An empty `[log]` says nothing.
  const auto space = entry.name.substr(kNamespacesPrefix.size());
  if (auto valid = validate_namespace(space); !valid) return valid;
  loaded.config.namespaces.try_emplace(space);
  return {};
}

Result<void> apply_file(LoadedConfig& loaded, const std::string& path) {
  const auto entries = read_config_file(path);
  if (!entries) return std::unexpected(entries.error());
  for (const auto& entry : *entries) {
    const auto where = fmt::format("{}:{}", path, entry.line);
    const auto done =
        entry.empty_table ? add_empty_table(loaded, entry) : set_key(loaded.config, entry.name, entry.value);
    if (!done) return at(where, done.error());
    loaded.origins[entry.name] = where;
  }
  return {};
}

Result<void> apply_environment(LoadedConfig& loaded, const ConfigSources& sources) {
  std::vector<std::string> known = {std::string(kConfigFileVariable), std::string(kKeysVariable)};
  for (const auto name : kClientVariables) known.emplace_back(name);
  for (const auto& key : config_keys()) known.push_back(environment_name(key.spec.name));
  for (const auto& [name, value] : sources.environment) {
    if (!name.starts_with(kPrefix) || name == kConfigFileVariable) continue;
    if (std::ranges::find(kClientVariables, name) != std::end(kClientVariables)) continue;
    if (name == kFailpointVariable || name == kPlantedVariable) continue;  // Of main: it has refused or obeyed them.
    if (name == kKeysVariable) {
      loaded.config.auth_keys = value;
      continue;
    }
    const auto found = std::ranges::find_if(
        config_keys(), [&name = name](const ConfigKey& key) { return environment_name(key.spec.name) == name; });
    if (found == config_keys().end()) {
      const auto near = nearest(name, known);
      loaded.warnings.push_back(near.empty()
                                    ? fmt::format("{} in the environment is no setting; ignored", name)
                                    : fmt::format("{} in the environment is no setting; did you mean {}?", name, near));
      continue;
    }
    if (auto done = set_key(loaded.config, found->spec.name, value); !done) return at(name, done.error());
    loaded.origins[found->spec.name] = name;
  }
  return {};
}

/// A write to a store of other machines costs more than one to files: where nobody chose, it comes less often.
constexpr std::int64_t kSharedFlushMs = 5'000;

void derive_defaults(LoadedConfig& loaded) {
  if (loaded.config.cluster.distributed() && !loaded.origins.contains("flush.interval")) {
    loaded.config.flush_interval_ms = kSharedFlushMs;
    loaded.origins["flush.interval"] = "log.kind";
  }
  // PostgreSQL acknowledges only what is on its disk: nothing has to be waited for.
  if (loaded.config.cluster.store_kind == "postgres" && !loaded.origins.contains("flush.commit_delay")) {
    loaded.config.cluster.commit_delay_ms = 0;
    loaded.origins["flush.commit_delay"] = "store.kind";
  }
  // Rows that are not in the store yet cannot be evicted: where only the table's bound was lowered, theirs follows.
  const auto half = loaded.config.memory_table_bytes / 2;
  if (loaded.origins.contains("flush.dirty_bytes") || loaded.config.flush_dirty_bytes <= half) return;
  loaded.config.flush_dirty_bytes = half;
  loaded.origins["flush.dirty_bytes"] = "half of memory.table_bytes";
}

std::optional<std::string> file_of(const ConfigSources& sources) {
  if (sources.file) return sources.file;
  for (const auto& [name, value] : sources.environment) {
    if (name == kConfigFileVariable && !value.empty()) return value;
  }
  return std::nullopt;
}

}  // namespace

Result<LoadedConfig> load_config(const ConfigSources& sources) {
  LoadedConfig loaded;
  if (const auto file = file_of(sources)) {
    if (auto done = apply_file(loaded, *file); !done) return std::unexpected(done.error());
  }
  if (auto done = apply_environment(loaded, sources); !done) return std::unexpected(done.error());
  for (const auto& setting : sources.flags) {
    if (auto done = set_key(loaded.config, setting.key, setting.value); !done) return at(setting.flag, done.error());
    loaded.origins[setting.key] = setting.flag;
  }
  derive_defaults(loaded);
  if (auto done = validate(loaded.config); !done) return std::unexpected(done.error());
  return loaded;
}

}  // namespace quipu
