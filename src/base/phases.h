#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace quipu {

/// What the process is in the middle of. Tests that kill it read this afterwards, to know that the kill fell where
/// it hurts.
enum class Phase : std::uint8_t {
  kCommit,  ///< A group of frames was handed to the disk and its sync has not returned.
  kFlush,   ///< A flush of rows has begun and its watermark is not written yet.
  kRoll,    ///< The log is moving on to its next segment.
};
inline constexpr std::uint32_t kPhases = 3;

/// From now on the phases are kept in `path`, a file of kPhases little-endian 32-bit integers that outlives the
/// process: 1 while in the phase, 0 else. Call once, before any thread is started.
Result<void> publish_phases(const std::string& path);

/// Marks a phase as begun or over. Any thread; a store to memory, nothing else.
void set_phase(Phase phase, bool active);

/// Holds a phase for a scope.
class PhaseScope {
 public:
  explicit PhaseScope(Phase phase) : phase_(phase) { set_phase(phase_, true); }
  ~PhaseScope() { set_phase(phase_, false); }
  PhaseScope(const PhaseScope&) = delete;
  PhaseScope& operator=(const PhaseScope&) = delete;

 private:
  Phase phase_;
};

}  // namespace quipu
