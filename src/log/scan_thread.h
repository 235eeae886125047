#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "log/event_log.h"

namespace quipu {

/// Reads a log ahead on a thread of its own, so that the disk, the checksums and the copying of the next frames are
/// over when those before them are applied.
class ScanThread final : public LogScan {
 public:
  /// So many stretches wait at most.
  static constexpr std::size_t kWaitingMax = 4;

  explicit ScanThread(std::unique_ptr<LogScan> scan);
  /// Waits for the read that is under way.
  ~ScanThread() override;

  /// Waits until the next stretch is there. After an error or the end: the same again.
  Result<LogRead> next() override;
  void give_back(LogRead&& spent) override;

 private:
  void run();

  const std::unique_ptr<LogScan> scan_;  // The thread's.

  std::mutex mutex_;
  std::condition_variable read_;   // For the owner.
  std::condition_variable taken_;  // For the thread.
  // Under mutex_.
  std::deque<Result<LogRead>> waiting_;
  std::vector<LogRead> spent_;  // As many at most as there are stretches.
  bool stopping_ = false;

  std::thread thread_;  // Last: it uses everything above.
};

}  // namespace quipu
