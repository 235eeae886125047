#pragma once

#include <cstdint>

#include "base/hash.h"
#include "base/identifiers.h"
#include "engine/engine_options.h"
#include "node/config.h"

namespace quipu {

/// The engine's options from the configuration and from what the data directory says. Draws the table's hash seed.
EngineOptions engine_options(const Config& config, const HashSecret& secret, NodeIdentity writer,
                             std::uint16_t id_partitions);

}  // namespace quipu
