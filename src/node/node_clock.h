#pragma once

#include "base/identifiers.h"

namespace quipu {

/// The wall clock. The only place where the service asks for the time: everything else is handed it.
TimeMs wall_clock_ms();

/// Microseconds of a clock that does not jump.
std::int64_t steady_clock_us();
/// The same in milliseconds.
TimeMs steady_clock_ms();

}  // namespace quipu
