#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "node/config.h"

namespace quipu {

/// What the names of the keys of namespaces begin with.
inline constexpr std::string_view kNamespacesPrefix = "namespaces.";

/// What kind of value a key takes, and so how it is written and bounded.
enum class KeyKind : std::uint8_t {
  kText,
  kBool,
  kInteger,
  kBytes,     ///< Written `64MiB`; kept as bytes.
  kDuration,  ///< Written `1s`; kept as milliseconds.
  kAddress,   ///< Written `HOST:PORT`, or empty for off.
  kChoice,    ///< One of `choices`.
  kList,      ///< Texts; written `a,b` where there is no file.
};

/// A value as it was written: text from the command line and the environment, typed from a file; or as it is kept.
using KeyValue = std::variant<bool, std::int64_t, std::string, std::vector<std::string>>;

/// What is known of a key: the one place that parser, validation, documentation and `config print` read.
struct KeySpec {
  std::string name;
  KeyKind kind = KeyKind::kText;
  std::int64_t low = 0;  ///< The bounds of numbers; of texts and lists, of their length.
  std::int64_t high = 0;
  std::vector<std::string> choices;
  std::string what;    ///< What it decides, in a sentence.
  std::string beyond;  ///< What happens to who goes beyond the bound that the key sets; "" where it sets none.
};

/// A key and the field that it sets.
template <class Owner>
struct KeyOf {
  KeySpec spec;
  std::function<KeyValue(const Owner&)> get;
  std::function<void(Owner&, const KeyValue&)> set;
};
using ConfigKey = KeyOf<Config>;
using PolicyKey = KeyOf<NamespacePolicy>;

/// Every key, in the order of the documentation.
const std::vector<ConfigKey>& config_keys();

/// The keys of a `[namespaces.NAME]` table, named without it.
const std::vector<PolicyKey>& policy_keys();

/// Sets the key of this full name (`log.partitions`, `namespaces.videos.ack`). kNotFound names a key that is near;
/// kRefused names the key, the value and what is allowed. `config` is then as it was.
Result<void> set_key(Config& config, std::string_view name, const KeyValue& written);

/// What no single key can tell: bounds of keys against each other. kRefused names both.
Result<void> validate(const Config& config);

/// The value as a TOML file would write it.
std::string format_value(const KeySpec& spec, const KeyValue& value);

/// What is allowed, in words: `1 to 1024`, `durable or memory`.
std::string format_allowed(const KeySpec& spec);

/// The name of the environment variable that sets the key: QUIPU_LOG_PARTITIONS.
std::string environment_name(std::string_view key);

}  // namespace quipu
