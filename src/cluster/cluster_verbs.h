#pragma once

#include "node/config.h"

namespace quipu {

/// Serves clients of a log and a store that other processes share, until it is told to stop. Answers the exit code.
int serve_api(const Config& config);

/// Runs `worker.count` workers until told to stop; every partition is flushed and handed over then. Answers the exit
/// code.
int run_workers(const Config& config);

/// Both in one process.
int serve_cluster(const Config& config);

}  // namespace quipu
