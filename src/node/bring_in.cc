#include "node/bring_in.h"

#include <spdlog/spdlog.h>

#include <cstdint>
#include <string>
#include <tuple>

#include "node/node_clock.h"

namespace quipu {
namespace {

/// How often it says how far it is.
constexpr std::int64_t kProgressMs = 2'000;
/// A store that completes nothing for so long is taken for one that never will.
constexpr std::int64_t kStallMs = 120'000;

}  // namespace

Result<void> bring_in(Engine& engine, Doorbell& bell) {
  auto now = wall_clock_ms();
  if (auto started = engine.start(now); !started) return started;
  auto told_at = now;
  auto moved_at = now;
  const auto place = [&engine] {
    const auto stats = engine.stats();
    return std::tuple(engine.state(), stats.replay_frames_left, stats.counters, stats.flushes, stats.rows_loaded);
  };
  auto before = place();
  while (engine.state() != EngineState::kStopped) {
    const auto next = engine.step(now);
    if (engine.state() == EngineState::kFailed) return std::unexpected(engine.failure());
    if (engine.state() == EngineState::kServing) engine.drain();
    if (const auto is = place(); is != before) {
      before = is;
      moved_at = now;
    } else if (now - moved_at > kStallMs) {
      return failure(Code::kDamaged, "the store has taken nothing for " + std::to_string(kStallMs / 1'000) +
                                         " seconds: its disk is full or fails. Nothing is changed but the store");
    }
    if (now - told_at >= kProgressMs) {
      told_at = now;
      spdlog::info("bringing the log into the store: {} offsets to go", engine.stats().replay_frames_left);
    }
    if (engine.state() != EngineState::kStopped) bell.wait(next - wall_clock_ms());
    now = wall_clock_ms();
  }
  return {};
}

}  // namespace quipu
