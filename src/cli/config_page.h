#pragma once

#include <string>

#include "cli/config_load.h"

namespace quipu {

/// docs/configuration.md, whole. A test holds the page equal to this.
std::string config_markdown();

/// The configuration in effect as a TOML file that would bring it about, each line with where it comes from.
std::string config_toml(const LoadedConfig& loaded);

/// The same as one JSON object: key to `value` and `origin`.
std::string config_json(const LoadedConfig& loaded);

}  // namespace quipu
