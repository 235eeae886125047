#pragma once

#include <algorithm>
#include <cstdint>

namespace quipu {

/// Tells how much of a file to ask the system for beforehand, so that a log that is read in order (at a start: all that
/// the store does not have yet) does not wait for the disk piece by piece. What is read here and there asks for
/// nothing. One for each file. Pure.
class ReadAhead {
 public:
  /// Asked for at once, when less than half of it is left.
  static constexpr std::uint64_t kBytes = std::uint64_t{8} << 20;

  struct Stretch {
    std::uint64_t at = 0;
    std::uint64_t bytes = 0;  ///< 0: nothing is to be asked for.
  };

  /// What to ask for when `bytes` are read from `at` on. A read that begins where the last one ended, or within it,
  /// goes on in order.
  Stretch read(std::uint64_t at, std::uint64_t bytes) {
    const bool in_order = at > at_ && at <= end_;
    at_ = at;
    end_ = at + bytes;
    if (!in_order) {
      asked_ = 0;
      return {};
    }
    asked_ = std::max(asked_, end_);
    if (asked_ - end_ >= kBytes / 2) return {};
    const Stretch next{asked_, kBytes};
    asked_ += kBytes;
    return next;
  }

 private:
  std::uint64_t at_ = 0;
  std::uint64_t end_ = 0;    // Of the last read.
  std::uint64_t asked_ = 0;  // Up to here.
};

}  // namespace quipu
