#pragma once

#include "base/result.h"

namespace quipu {

/// Whether the same question may be answered a little later: nobody refused it, and nothing is damaged.
inline bool passes(Code code) { return code == Code::kBusy || code == Code::kTimeout || code == Code::kUnknown; }

}  // namespace quipu
