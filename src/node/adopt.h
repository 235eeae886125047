#pragma once

#include <optional>
#include <string>

#include "base/identifiers.h"
#include "base/result.h"
#include "log/salvaged_log.h"
#include "node/config.h"

namespace quipu {

/// What the way out of a damaged log came to.
struct NewGeneration {
  Generation generation{};             ///< Of the log that the next start begins.
  Offset counted{};                    ///< Every frame of the old log up to here is in the totals.
  std::optional<LogHole> lost;         ///< What of the old log is given up, if anything.
  std::optional<LogHole> passed_over;  ///< What could not be read but was counted before.
  std::string old_log;                 ///< Where the old log is now; "" when there was none.
};

/// Brings what can be read of the data directory's log into its store, sets the log aside and begins the next
/// generation of it. Totals stay as they are; the rows of the old log are kept beside the new ones.
///
/// Promise: a crash at any moment leaves the old state, or one that `serve` refuses and that this completes when it is
/// called again, or the new state. Nobody else can have the directory open meanwhile. Waits for the disk; logs its
/// progress. Errors: kNotFound where there is no data directory; kRefused where it is in use or its log was written by
/// a newer version; kDamaged where the store does not go on.
Result<NewGeneration> begin_new_generation(const Config& config);

/// `quipu log adopt`: takes over a directory that was copied or moved, or, with `new_generation`, gives up what of its
/// log is damaged. Says on the log what it does and what is lost. Answers the exit code of the process.
int adopt_log(const Config& config, bool new_generation);

}  // namespace quipu
