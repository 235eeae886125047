#include "node/event_loop.h"

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <utility>

namespace quipu {

struct EventLoop::Parts {
  boost::asio::io_context context{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{context.get_executor()};
  boost::asio::signal_set signals{context};
  std::function<void()> stop;
  std::atomic<bool> woken{false};

  void wait_for_signal() {
    signals.async_wait([this](const boost::system::error_code& error, int) {
      if (error) return;
      stop();
      wait_for_signal();
    });
  }
};

EventLoop::EventLoop() : parts_(std::make_unique<Parts>()) {}
EventLoop::~EventLoop() = default;

boost::asio::io_context& EventLoop::context() { return parts_->context; }

void EventLoop::wake() {
  if (parts_->woken.exchange(true)) return;
  boost::asio::post(parts_->context, [this] { parts_->woken = false; });
}

void EventLoop::turn(std::int64_t wait_ms) {
  if (wait_ms > 0) parts_->context.run_one_for(std::chrono::milliseconds(wait_ms));
  parts_->context.poll();
}

void EventLoop::on_stop_signal(std::function<void()> stop) {
  parts_->stop = std::move(stop);
  parts_->signals.add(SIGTERM);
  parts_->signals.add(SIGINT);
  parts_->wait_for_signal();
}

}  // namespace quipu
