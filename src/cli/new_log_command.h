#pragma once

#include "cli/command_line.h"

namespace quipu {

/// `quipu log adopt` in the distributed form: goes on with another topic, in the next generation.
int run_adopt_topic(const Config& config, bool json, const Surroundings& surroundings, const Verbs& verbs);

/// `quipu store migrate`: brings the totals of a data directory into the shared store.
int run_migrate(const Config& config, bool json, const Surroundings& surroundings, const Verbs& verbs);

}  // namespace quipu
