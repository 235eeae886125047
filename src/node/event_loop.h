#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace quipu {

/// The one thread that serves sockets and drives the engine: sockets' events, wake-ups from other threads, signals.
class EventLoop {
 public:
  EventLoop();
  ~EventLoop();

  /// For the servers. Lives as long as the loop.
  boost::asio::io_context& context();

  /// Makes the current or the next `turn` return. Any thread; many calls before a turn are one.
  void wake();

  /// Serves everything that is ready, and waits at most `wait_ms` for it.
  void turn(std::int64_t wait_ms);

  /// SIGTERM and SIGINT call `stop` on the loop's thread from now on, each time one comes.
  void on_stop_signal(std::function<void()> stop);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace quipu
