#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "node/config.h"

namespace quipu {

/// How a log that is shared stands, and how far the store has counted it.
struct LogStatus {
  struct Partition {
    PartitionId partition{};
    Offset begin{};            ///< The oldest frame that is kept.
    Offset end{};              ///< One above the newest.
    Offset applied{};          ///< Frames up to here are in the rows; 0: nothing has been told yet.
    Offset committed{};        ///< The watermark: recovery begins behind it.
    std::uint64_t lag = 0;     ///< Frames that are not in the rows.
    std::uint64_t events = 0;  ///< The events in them, those that repeat what is counted too.
    bool all_events = true;    ///< False where there are more: only so many could be read in the time there is.
    std::int64_t lag_ms = -1;  ///< How old the rows are, where something waits: -1 where nobody has said, 0 where not.
  };
  std::string topic;
  LogIdentity identity;
  std::uint16_t id_partitions = 0;
  std::uint16_t open_partitions = 0;  ///< The first so many take events.
  std::vector<Partition> partitions;
  std::vector<std::string> findings;  ///< What is weak or unsafe about the topic's settings.
};

/// Asks log and store, and reads for 5 s at most what is not in the rows; changes nothing. kNotFound where nothing was
/// ever started on the store; else as they fail.
Result<LogStatus> log_status(const Config& config);

}  // namespace quipu
