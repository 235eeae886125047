#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "node/config.h"

namespace quipu {

/// A key that the command line sets, and how: `log.partitions`, `16`, `--partitions`.
struct FlagSetting {
  std::string key;
  std::string value;
  std::string flag;
};

/// Everywhere a setting can come from. Later ones win: file, environment, flags.
struct ConfigSources {
  std::optional<std::string> file;
  std::vector<std::pair<std::string, std::string>>
      environment;  ///< Names and values; others than QUIPU_... are ignored.
  std::vector<FlagSetting> flags;
};

struct LoadedConfig {
  Config config;
  std::map<std::string, std::string> origins;  ///< Key -> `file:line`, `QUIPU_...`, `--flag`; defaults are not in it.
  std::vector<std::string> warnings;           ///< For standard error: names of the environment that are not known.
};

/// The name of the variable that names the configuration file where `--config` does not.
inline constexpr std::string_view kConfigFileVariable = "QUIPU_CONFIG";

/// The variable that holds API keys. It sets no key of the configuration, so that nothing that prints one shows it.
inline constexpr std::string_view kKeysVariable = "QUIPU_AUTH_KEYS";

/// What the commands of a client read, and no service: where the service is, the key, and where notes are kept.
inline constexpr std::string_view kServerVariable = "QUIPU_SERVER";
inline constexpr std::string_view kKeyVariable = "QUIPU_KEY";
inline constexpr std::string_view kStateVariable = "QUIPU_STATE_DIR";
inline constexpr std::string_view kClientVariables[] = {kServerVariable, kKeyVariable, kStateVariable};

/// Puts the sources together and validates the result. An error names where the setting stands, its key, its value and
/// what is allowed. Unknown keys are errors in the file and on the command line, and warnings in the environment, into
/// which others put names too.
Result<LoadedConfig> load_config(const ConfigSources& sources);

}  // namespace quipu
