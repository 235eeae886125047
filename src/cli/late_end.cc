#include "cli/late_end.h"

#include <chrono>
#include <cstdlib>
#include <utility>

#include "cli/exit_code.h"

namespace quipu {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLook{50};

}  // namespace

LateEnd::LateEnd(std::function<bool()> interrupted, std::function<void()> tell, std::int64_t grace_ms)
    : interrupted_(std::move(interrupted)), tell_(std::move(tell)), thread_([this, grace_ms] { watch(grace_ms); }) {}

LateEnd::~LateEnd() {
  {
    const std::scoped_lock lock(mutex_);
    done_ = true;
  }
  over_.notify_one();
  thread_.join();
}

void LateEnd::watch(std::int64_t grace_ms) {
  std::unique_lock lock(mutex_);
  const auto done = [this] { return done_; };
  while (!interrupted_()) {
    if (over_.wait_for(lock, kLook, done)) return;
  }
  if (over_.wait_for(lock, std::chrono::milliseconds(grace_ms), done)) return;
  tell_();
  // Without destructors: they would wait for what does not end.
  std::_Exit(kExitInterrupted);
}

}  // namespace quipu
