#pragma once

#include <chrono>
#include <cstdint>

namespace quipu {

/// Milliseconds of a clock that never goes back, from a beginning of its own: for what the clients of Kafka wait for.
inline std::int64_t steady_now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace quipu
