#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "base/check.h"

namespace quipu {

/// Something that a thread can wait for together with a socket: an eventfd.
///
/// Thread: `ring` from any; the others on the thread that waits.
class PostgresBell {
 public:
  PostgresBell() : file_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { QUIPU_CHECK(file_ >= 0); }
  ~PostgresBell() { ::close(file_); }
  PostgresBell(const PostgresBell&) = delete;
  PostgresBell& operator=(const PostgresBell&) = delete;

  /// `file` becomes readable, until `quiet`.
  void ring() const {
    const std::uint64_t one = 1;
    // It fails only where it rings already.
    [[maybe_unused]] const auto written = ::write(file_, &one, sizeof(one));
  }
  void quiet() const {
    std::uint64_t rung = 0;
    [[maybe_unused]] const auto read = ::read(file_, &rung, sizeof(rung));
  }
  int file() const { return file_; }

 private:
  int file_;
};

}  // namespace quipu
