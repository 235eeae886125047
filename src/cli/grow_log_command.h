#pragma once

#include <cstdint>

#include "cli/command_line.h"

namespace quipu {

/// `quipu log grow`: adds partitions to the topic that is the log, and has them take events.
int run_grow_log(const Config& config, std::uint16_t partitions, bool json, const Surroundings& surroundings,
                 const Verbs& verbs);

}  // namespace quipu
