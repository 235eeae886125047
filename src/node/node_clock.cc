#include "node/node_clock.h"

#include <chrono>

namespace quipu {

TimeMs wall_clock_ms() {
  using std::chrono::system_clock;
  return std::chrono::duration_cast<std::chrono::milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::int64_t steady_clock_us() {
  using namespace std::chrono;
  return duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
}

TimeMs steady_clock_ms() { return steady_clock_us() / 1'000; }

}  // namespace quipu
