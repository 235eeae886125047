#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>

#include "base/result.h"

namespace quipu {

/// Who is told when a file that the loop watches can be read or written.
class Watcher {
 public:
  virtual ~Watcher() = default;
  /// An error of the file counts as both, so that the next read or write meets it.
  virtual void ready(bool readable, bool writable) = 0;
};

/// The one thread that serves sockets and drives the engine: sockets' events, wake-ups from other threads, signals.
///
/// A file stays registered with the kernel (epoll, level triggered) for as long as it is watched: a request costs no
/// call for that. All calls but `wake` on the loop's thread.
class EventLoop {
 public:
  /// kBusy where the system has no descriptors left.
  static Result<std::unique_ptr<EventLoop>> make();
  ~EventLoop();

  /// Watches a file, or changes what it is watched for. `watcher` must stay until `forget`.
  Result<void> watch(int file, Watcher& watcher, bool read, bool write);
  /// Watches a file no more: `watcher` is not called again, not even for what has happened already.
  void forget(int file, const Watcher& watcher);

  /// Makes the current or the next `turn` return. Any thread; many calls before a turn are one.
  void wake();

  /// Waits until something is ready, at most so long.
  void wait(std::chrono::microseconds limit);
  /// Serves what was ready then.
  void serve();
  /// Both.
  void turn(std::chrono::microseconds limit) {
    wait(limit);
    serve();
  }

  /// SIGTERM and SIGINT call `stop` in a turn from now on, each time one comes. One loop of a process may ask for it.
  void on_stop_signal(std::function<void()> stop);

 private:
  struct Parts;
  explicit EventLoop(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace quipu
