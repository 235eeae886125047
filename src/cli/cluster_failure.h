#pragma once

#include "base/result.h"
#include "cli/failure_report.h"

namespace quipu {

/// Why a command did not do what it asked of Kafka or a shared store, with its exit code.
CommandFailure cluster_failure(const Error& error);

}  // namespace quipu
