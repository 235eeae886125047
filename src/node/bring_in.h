#pragma once

#include "base/result.h"
#include "engine/engine.h"
#include "node/doorbell.h"

namespace quipu {

/// Lets an engine that was not started read its log and drain, until all of it is in the store and synced. `bell` is
/// rung by its store and log. Says on the log how far it is. Waits; kDamaged where the store goes on no more.
Result<void> bring_in(Engine& engine, Doorbell& bell);

}  // namespace quipu
