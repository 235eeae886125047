#pragma once

#include "node/config.h"

namespace quipu {

/// Sets how this process writes its own log, on standard output: `2026-11-24T10:00:00.000 info what happened`, or, with
/// diagnostics.log_format = json, one object a line with `time`, `level` and `message`.
void set_up_log_lines(const Config& config);

/// The same on standard error, for commands whose answer is on standard output.
void tell_on_standard_error();

}  // namespace quipu
