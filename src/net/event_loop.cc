#include "net/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <span>
#include <string>
#include <utility>

#include "base/check.h"

namespace quipu {
namespace {

/// How many events one call to the kernel brings; those beyond come with the next.
constexpr std::size_t kEventsAtOnce = 256;

// What the signal handler may touch.
std::atomic<int> signals_come{0};
std::atomic<int> signal_bell{-1};

void ring(int bell) {
  const std::uint64_t one = 1;
  // A bell that is full rings already.
  [[maybe_unused]] const auto written = ::write(bell, &one, sizeof one);
}

void on_signal(int) {
  const int error = errno;
  signals_come.fetch_add(1);
  if (const int bell = signal_bell.load(); bell >= 0) ring(bell);
  errno = error;
}

std::unexpected<Error> failed(const char* what) {
  return busy(std::string("the event loop: ") + what + ": " + std::strerror(errno), 1'000);
}

}  // namespace

struct EventLoop::Parts {
  int poll = -1;
  int bell = -1;
  bool exact_waits = true;
  std::atomic<bool> woken{false};
  std::atomic<bool> waiting{false};  // In the call that waits, or about to be: the bell is needed.
  std::function<void()> stop;
  std::array<epoll_event, kEventsAtOnce> events{};
  std::span<epoll_event> pending;  // Of the turn under way, not served yet.

  ~Parts() {
    if (stop) {
      std::signal(SIGTERM, SIG_DFL);
      std::signal(SIGINT, SIG_DFL);
      signal_bell = -1;
    }
    if (bell >= 0) ::close(bell);
    if (poll >= 0) ::close(poll);
  }

  int wait(std::chrono::microseconds time) {
    const auto size = static_cast<int>(events.size());
    if (exact_waits) {
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
      const timespec limit{static_cast<std::time_t>(seconds.count()),
                           static_cast<long>(std::chrono::nanoseconds(time - seconds).count())};
      const int count = ::epoll_pwait2(poll, events.data(), size, &limit, nullptr);
      if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return count;
      exact_waits = false;  // An older kernel, or a container that does not let it through.
    }
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(time).count();
    return ::epoll_wait(poll, events.data(), size, static_cast<int>(ms));
  }
};

Result<std::unique_ptr<EventLoop>> EventLoop::make() {
  auto parts = std::make_unique<Parts>();
  parts->poll = ::epoll_create1(EPOLL_CLOEXEC);
  if (parts->poll < 0) return failed("epoll");
  parts->bell = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (parts->bell < 0) return failed("eventfd");
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;  // What it counts is never read: each ring is an event of its own.
  event.data.ptr = nullptr;
  if (::epoll_ctl(parts->poll, EPOLL_CTL_ADD, parts->bell, &event) != 0) return failed("epoll_ctl");
  return std::unique_ptr<EventLoop>(new EventLoop(std::move(parts)));
}

EventLoop::EventLoop(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
EventLoop::~EventLoop() = default;

Result<void> EventLoop::watch(int file, Watcher& watcher, bool read, bool write) {
  epoll_event event{};
  event.events = (read ? std::uint32_t{EPOLLIN} : 0U) | (write ? std::uint32_t{EPOLLOUT} : 0U);
  event.data.ptr = &watcher;
  if (::epoll_ctl(parts_->poll, EPOLL_CTL_MOD, file, &event) == 0) return {};
  if (errno == ENOENT && ::epoll_ctl(parts_->poll, EPOLL_CTL_ADD, file, &event) == 0) return {};
  return failed("epoll_ctl");
}

void EventLoop::forget(int file, const Watcher& watcher) {
  ::epoll_ctl(parts_->poll, EPOLL_CTL_DEL, file, nullptr);
  for (epoll_event& event : parts_->pending) {
    if (event.data.ptr == &watcher) event.data.ptr = nullptr;
  }
}

void EventLoop::wake() {
  // While the loop is at work it sees `woken` before it waits; the bell would cost two calls to the kernel.
  if (!parts_->woken.exchange(true) && parts_->waiting.load()) ring(parts_->bell);
}

void EventLoop::wait(std::chrono::microseconds limit) {
  parts_->waiting = true;
  if (parts_->woken) limit = std::chrono::microseconds{0};
  const int count = parts_->wait(std::max(limit, std::chrono::microseconds{0}));
  parts_->waiting = false;
  // Before anything is looked at: who rings from now on means the next turn.
  parts_->woken = false;
  if (count > 0) parts_->pending = std::span(parts_->events).first(static_cast<std::size_t>(count));
}

void EventLoop::serve() {
  while (!parts_->pending.empty()) {
    const epoll_event event = parts_->pending.front();
    parts_->pending = parts_->pending.subspan(1);
    if (event.data.ptr == nullptr) continue;
    constexpr std::uint32_t kEither = EPOLLERR | EPOLLHUP;
    static_cast<Watcher*>(event.data.ptr)
        ->ready((event.events & (EPOLLIN | kEither)) != 0, (event.events & (EPOLLOUT | kEither)) != 0);
  }
  if (!parts_->stop) return;
  for (int come = signals_come.exchange(0); come > 0; --come) parts_->stop();
}

void EventLoop::on_stop_signal(std::function<void()> stop) {
  QUIPU_CHECK(signal_bell.load() < 0);
  parts_->stop = std::move(stop);
  signal_bell = parts_->bell;
  struct sigaction action{};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
}

}  // namespace quipu
