#pragma once

#include <string>

#include "base/identifiers.h"

namespace quipu {

/// Appends `Tue, 24 Nov 2026 03:30:34 GMT`, for header fields.
void append_http_date(std::string& out, TimeMs time);

/// Appends `2026-11-24T03:30:34.123Z`, for bodies.
void append_rfc3339(std::string& out, TimeMs time);

}  // namespace quipu
