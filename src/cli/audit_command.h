#pragma once

#include "cli/command_line.h"

namespace quipu {

/// `quipu audit`: holds the store against the log and says every difference. kExitNotReady where there is one.
int run_audit(const Config& config, bool json, const Surroundings& surroundings, const Verbs& verbs);

}  // namespace quipu
