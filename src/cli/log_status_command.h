#pragma once

#include "cli/command_line.h"

namespace quipu {

/// `quipu log status`: where each partition of the log begins and ends, and how far the store has counted it.
int run_log_status(const Config& config, bool json, const Surroundings& surroundings, const Verbs& verbs);

}  // namespace quipu
