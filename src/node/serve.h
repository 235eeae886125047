#pragma once

#include "node/config.h"

namespace quipu {

/// Runs every role in this process until SIGTERM or SIGINT: data directory, log, store, engine, HTTP and RESP.
///
/// Answers the process's exit code: 0 after a graceful stop, in which everything that was acknowledged was committed
/// and flushed; 1 when it could not start, or had to stop because the log failed; the reason is on standard error. A
/// second signal during the stop ends the process at once. Call once, from the main thread.
int serve(const Config& config);

}  // namespace quipu
