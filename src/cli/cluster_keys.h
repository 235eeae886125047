#pragma once

#include <vector>

#include "base/result.h"
#include "cli/config_keys.h"
#include "node/cluster_config.h"

namespace quipu {

/// The keys of the distributed form: what it stands on, and how it is reached.
std::vector<ConfigKey> cluster_keys();

/// What no single key of these can tell: which kinds go together, and what they need. kRefused names the keys.
Result<void> validate_cluster(const ClusterConfig& cluster);

}  // namespace quipu
