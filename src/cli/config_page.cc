#include "cli/config_page.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/config_keys.h"
#include "cli/config_value.h"
#include "cli/fixed_bounds.h"

namespace quipu {
namespace {

// Two appearances of 20 bytes and an index of 8: aggregate/id_window.h.
constexpr std::int64_t kIdBytes = 48;

constexpr std::string_view kOpening =
    R"(# Configuration

Everything has a default: `quipu serve` alone works. A setting comes from, the later the stronger:

1. a TOML file, named by `--config FILE` or `QUIPU_CONFIG`;
2. the environment: the key in capitals behind `QUIPU_`, a dot as `_` (`QUIPU_LOG_PARTITIONS=16`);
3. the command line: `--set log.partitions=16`, and the flags `--data`, `--http`, `--resp`, `--partitions`,
   `--keys` and `--insecure`; `quipu api` and `quipu worker` have those of theirs ([command line](cli.md)).

An unknown key in the file or on the command line is an error, an unknown `QUIPU_` name only a warning, since
orchestrators put names of their own there. Every value is checked against its bounds before anything is started. Sizes
are written `64MiB`, durations `500ms`, `1s`, `24h`. `quipu config print` shows what is in effect and where it comes from.

The [API keys](operations/keys.md) themselves are no settings: they stand in a file of their own or in `QUIPU_AUTH_KEYS`,
and nothing prints them.

This page is written by `quipu config print --markdown`. `quipu config print --bounds` prints everything that has a bound
here, as JSON, with the values in effect; a test goes to each of them and one beyond.
)";

struct Section {
  std::string_view prefix;
  std::string_view title;
};
constexpr Section kSections[] = {
    {"data.", "Data"},
    {"http.", "HTTP"},
    {"resp.", "Redis protocol"},
    {"auth.", "API keys"},
    {"log.", "Log"},
    {"flush.", "Flushing totals to the store"},
    {"base.", "Checkpoints"},
    {"memory.", "Memory"},
    {"idempotency.", "Ids and sources"},
    {"namespaces.", "Namespaces"},
    {"limits.", "Limits"},
    {"kafka.", "The distributed form: Kafka"},
    {"store.", "The distributed form: the store"},
    {"cassandra.", "Cassandra"},
    {"postgres.", "PostgreSQL"},
    {"cache.", "The distributed form: the cache"},
    {"redis.", "Redis as the cache"},
    {"hot.", "Hot counters"},
    {"worker.", "Workers"},
    {"diagnostics.", "Diagnostics"},
};

constexpr std::string_view kTableHead =
    "| key | default | allowed | what it decides | beyond it |\n|---|---|---|---|---|\n";

template <class Owner>
std::string row(const KeyOf<Owner>& key) {
  const auto value = format_value(key.spec, key.get(Owner{}));
  return fmt::format("| `{}` | `{}` | {} | {} | {} |\n", key.spec.name, value, format_allowed(key.spec), key.spec.what,
                     key.spec.beyond);
}

constexpr std::string_view kPolicyOpening = R"(
### One namespace

A table `[namespaces.NAME]` in the file, or `--set namespaces.NAME.ack=memory`, makes the namespace and sets its policy.
The environment cannot.

)";

constexpr std::string_view kFixedOpening = R"(
## Fixed bounds

Nobody needs to change these.

| name | bound | of what | beyond it |
|---|---|---|---|
)";

constexpr std::string_view kExample = R"(
## An example

```toml
[http]
listen = "0.0.0.0:8080"

[auth]
keys_file = "/etc/quipu/keys"   # asked for at every address but the loopback's

[log]
partitions = 16
retain_hours = 72

[namespaces.videos]
viewer_window = "24h"   # each viewer counts once a day
```
)";

/// Where the key's value comes from.
std::string origin_of(const LoadedConfig& loaded, const std::string& name) {
  const auto found = loaded.origins.find(name);
  return found == loaded.origins.end() ? std::string("default") : found->second;
}

}  // namespace

std::string config_markdown() {
  std::string page(kOpening);
  for (const auto& section : kSections) {
    page += fmt::format("\n## {}\n\n{}", section.title, kTableHead);
    for (const auto& key : config_keys()) {
      if (key.spec.name.starts_with(section.prefix)) page += row(key);
    }
    if (section.prefix == "namespaces.") {
      page += kPolicyOpening;
      page += kTableHead;
      for (const auto& key : policy_keys()) page += row(key);
    }
  }
  page += kFixedOpening;
  for (const auto& bound : fixed_bounds()) {
    page += fmt::format("| `{}` | {} | {} | {} |\n", bound.name, bound.written, bound.what, bound.beyond);
  }
  page += kExample;
  return page;
}

std::string config_toml(const LoadedConfig& loaded) {
  std::string out;
  for (const auto& key : config_keys()) {
    const auto line = fmt::format("{} = {}", key.spec.name, format_value(key.spec, key.get(loaded.config)));
    out += fmt::format("{:<48} # {}\n", line, origin_of(loaded, key.spec.name));
  }
  for (const auto& [space, policy] : loaded.config.namespaces) {
    for (const auto& key : policy_keys()) {
      const auto name = fmt::format("namespaces.{}.{}", space, key.spec.name);
      const auto line = fmt::format("{} = {}", name, format_value(key.spec, key.get(policy)));
      out += fmt::format("{:<48} # {}\n", line, origin_of(loaded, name));
    }
  }
  const auto ids = static_cast<std::int64_t>(loaded.config.idempotency_window) * loaded.config.log_partitions;
  out += fmt::format("# beside memory.table_bytes: up to {} ids are remembered, in about {} MiB when all are there\n",
                     ids, ids * kIdBytes / (1 << 20) + 1);
  return out;
}

std::string config_json(const LoadedConfig& loaded) {
  nlohmann::ordered_json out;
  const auto put = [&](const std::string& name, const KeyValue& value) {
    std::visit([&](const auto& held) { out[name] = {{"value", held}, {"origin", origin_of(loaded, name)}}; }, value);
  };
  for (const auto& key : config_keys()) put(key.spec.name, key.get(loaded.config));
  for (const auto& [space, policy] : loaded.config.namespaces) {
    for (const auto& key : policy_keys()) put(fmt::format("namespaces.{}.{}", space, key.spec.name), key.get(policy));
  }
  return out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string bounds_json(const LoadedConfig& loaded) {
  auto out = nlohmann::ordered_json::array();
  const auto add = [&](std::string name, const KeyValue& value, const KeySpec& spec) {
    nlohmann::ordered_json row;
    row["name"] = std::move(name);
    std::visit([&](const auto& held) { row["value"] = held; }, value);
    row["fixed"] = false;
    row["what"] = spec.what;
    row["beyond"] = spec.beyond;
    out.push_back(std::move(row));
  };
  for (const auto& key : config_keys()) {
    if (!key.spec.beyond.empty()) add(key.spec.name, key.get(loaded.config), key.spec);
  }
  for (const auto& key : policy_keys()) {
    if (!key.spec.beyond.empty()) add("namespaces.NAME." + key.spec.name, key.get(NamespacePolicy{}), key.spec);
  }
  for (const auto& bound : fixed_bounds()) {
    out.push_back({{"name", bound.name},
                   {"value", bound.value},
                   {"fixed", true},
                   {"what", bound.what},
                   {"beyond", bound.beyond}});
  }
  return out.dump(2) + "\n";
}

}  // namespace quipu
