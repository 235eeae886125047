#pragma once

#include <cstdint>

namespace quipu {

/// Decides whether the frames that are being filled go to the log now, or wait a moment for more.
///
/// A commit costs the same for one event as for a thousand. Clients that wait for their answers before they ask again
/// come back soon after each commit, so a commit waits for as many events as the one before it had: groups even out
/// at about half of what the clients have under way, one half on the disk while the other comes in. A lone client is
/// not held up, for the one event that the commit before had is there with its next one. Pure; times are microseconds
/// of a clock that does not jump.
class CommitPacer {
 public:
  /// `wait_us`: the longest time from the begin of one commit to the begin of the next that is spent in waiting.
  explicit CommitPacer(std::int64_t wait_us) : wait_us_(wait_us) {}

  /// How much longer to wait, in microseconds; 0 = commit now. `events`: all that were ever taken; `commits`: all that
  /// were ever begun.
  std::int64_t wait(std::int64_t now_us, std::uint64_t events, std::uint64_t commits) {
    if (commits != commits_) {
      commits_ = commits;
      last_size_ = events_ - begun_at_events_;
      begun_at_events_ = events_;
      begun_us_ = seen_us_;
    }
    seen_us_ = now_us;
    events_ = events;
    if (events - begun_at_events_ >= last_size_) return 0;
    const auto left = begun_us_ + wait_us_ - now_us;
    return left > 0 && left <= wait_us_ ? left : 0;
  }

 private:
  std::int64_t wait_us_;
  std::uint64_t commits_ = 0;
  std::uint64_t events_ = 0;           // At the last call ...
  std::int64_t seen_us_ = 0;           // ... which was right before the commit, if that call allowed one.
  std::uint64_t begun_at_events_ = 0;  // When the last commit began.
  std::int64_t begun_us_ = 0;
  std::uint64_t last_size_ = 0;
};

}  // namespace quipu
