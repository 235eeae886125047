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

/// Every bound, those of the configuration in effect and the fixed ones, as a JSON array: `name`, `value` (bytes,
/// milliseconds or a number; true or false), `fixed`, `what` it bounds, and what happens `beyond` it.
std::string bounds_json(const LoadedConfig& loaded);

}  // namespace quipu
