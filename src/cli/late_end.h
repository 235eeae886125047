#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

namespace quipu {

/// Ends the process with kExitInterrupted when a verb was interrupted and has not come to its end a while later: it
/// waits for a server in a library's call, which looks at nothing else. For verbs that may be killed at any moment.
///
/// `interrupted` and `tell` are called on a thread of its own, `tell` at most once and before the end.
class LateEnd {
 public:
  static constexpr std::int64_t kGraceMs = 1'000;  ///< For an end in order.

  LateEnd(std::function<bool()> interrupted, std::function<void()> tell, std::int64_t grace_ms = kGraceMs);
  /// The verb has come to its end: nothing is ended any more.
  ~LateEnd();
  LateEnd(const LateEnd&) = delete;
  LateEnd& operator=(const LateEnd&) = delete;

 private:
  void watch(std::int64_t grace_ms);

  const std::function<bool()> interrupted_;
  const std::function<void()> tell_;
  std::mutex mutex_;
  std::condition_variable over_;
  bool done_ = false;  // Under mutex_.
  std::thread thread_;
};

}  // namespace quipu
