// The shell of the load generator: sockets, epoll and the clock.

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "load/load.h"

namespace quipu {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kRingRequestsMin = 1 << 16;
constexpr std::size_t kRingRequestsMax = 1 << 20;
constexpr std::size_t kRingRequestsMaxHttp = 1 << 18;
constexpr std::size_t kReadBytes = 256 << 10;
constexpr std::size_t kRingRequestsMaxEach = std::size_t{1} << 26;
// An open loop that is so many requests ahead of the replies is given up: the server does not keep this rate.
constexpr std::uint64_t kBehindMax = 4'000'000;
constexpr auto kDrainMax = std::chrono::seconds(10);

/// Processor time that the calling thread has taken so far.
double thread_cpu_seconds() {
  timespec taken{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &taken);
  return static_cast<double>(taken.tv_sec) + static_cast<double>(taken.tv_nsec) * 1e-9;
}

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

/// A descriptor that is closed with its owner.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { reset(); }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  void reset() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

/// Connects, waiting for it, and makes the socket one that does not wait.
Result<Descriptor> connect_to(const addrinfo& where) {
  Descriptor socket(::socket(where.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.open() || ::connect(socket.get(), where.ai_addr, where.ai_addrlen) != 0) {
    return failure(Code::kUnknown, std::strerror(errno));
  }
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const int flags = ::fcntl(socket.get(), F_GETFL);
  if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return failure(Code::kUnknown, std::strerror(errno));
  }
  return socket;
}

/// Requests that were sent in one piece.
struct Batch {
  Clock::time_point from;     // Where their latency begins.
  std::uint64_t awaited = 0;  // Replies that have not come.
};

struct Connection {
  Connection(Descriptor connected, LoadProtocol protocol) : socket(std::move(connected)), counter(protocol) {}

  Descriptor socket;
  ReplyCounter counter;
  std::size_t cursor = 0;  // The ring's request that comes next.
  std::deque<std::string_view> unsent;
  std::deque<std::string> stamped;  // With ids: what each of `unsent` is of.
  std::deque<Batch> batches;        // Under way: one in a closed loop, as many as it takes in an open one.
};

/// One run: all connections, each with one batch under way.
class LoadRun {
 public:
  LoadRun(const LoadOptions& options, RequestRing ring) : options_(options), ring_(std::move(ring)) {}

  Result<void> connect() {
    epoll_ = Descriptor(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll_.open()) return failure(Code::kUnknown, std::strerror(errno));
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const auto& host = options_.host;
    if (const int error = ::getaddrinfo(host.c_str(), std::to_string(options_.port).c_str(), &hints, &found);
        error != 0) {
      return failure(Code::kUnknown, fmt::format("{}: {}", host, ::gai_strerror(error)));
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
    for (std::uint32_t i = 0; i < options_.connections; ++i) {
      auto socket = connect_to(*addresses);
      if (!socket) {
        return failure(Code::kUnknown, fmt::format("{}:{}: {}", host, options_.port, socket.error().what));
      }
      if (auto watched = watch(std::move(*socket), i); !watched) return watched;
    }
    for (std::uint32_t i = 0; i < options_.idle_connections; ++i) {
      auto socket = connect_to(*addresses);
      if (!socket) {
        return failure(Code::kUnknown, fmt::format("idle connection {}: {}", i + 1, socket.error().what));
      }
      idle_.push_back(std::move(*socket));
    }
    return {};
  }

  LoadReport run(const std::function<bool()>& interrupted, const std::function<void(std::uint64_t, double)>& progress) {
    const auto cpu_began = thread_cpu_seconds();
    began_ = last_reply_ = Clock::now();
    left_ = options_.events > 0 ? options_.events : ~std::uint64_t{0};
    if (!open_loop()) {
      for (auto& connection : connections_) begin_batch(*connection, began_);
    }
    auto told = began_;
    while (open_ > 0 && (outstanding_ > 0 || (open_loop() && !stopped_ && left_ > 0))) {
      std::array<epoll_event, 256> events;
      const auto wait = begin_due_batches();
      const int count = ::epoll_pwait2(epoll_.get(), events.data(), static_cast<int>(events.size()), &wait, nullptr);
      const auto now = Clock::now();
      for (int i = 0; i < count; ++i) turn(*connections_[events[static_cast<std::size_t>(i)].data.u32]);
      if (!report_.interrupted && interrupted()) {
        report_.interrupted = true;
        stop(now);
      }
      if (options_.events == 0 && seconds_between(began_, now) >= options_.seconds) stop(now);
      if (stopped_ && now - stopped_at_ > kDrainMax) break;
      if (now - told >= std::chrono::seconds(1)) {
        told = now;
        progress(report_.replies.replies(), seconds_between(began_, now));
      }
    }
    report_.lost += outstanding_;
    report_.cpu_seconds = thread_cpu_seconds() - cpu_began;
    count_lost_idle();
    report_.seconds = seconds_between(began_, last_reply_);
    return std::move(report_);
  }

 private:
  Result<void> watch(Descriptor socket, std::uint32_t index) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.u32 = index;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket.get(), &event) != 0) {
      return failure(Code::kUnknown, std::strerror(errno));
    }
    auto connection = std::make_unique<Connection>(std::move(socket), options_.protocol);
    // Each begins elsewhere in the ring, so that they do not send the same keys at the same time.
    connection->cursor = ring_.size() / options_.connections * index % ring_.size();
    connections_.push_back(std::move(connection));
    ++open_;
    return {};
  }

  void stop(Clock::time_point now) {
    if (!stopped_) stopped_at_ = now;
    stopped_ = true;
  }

  bool open_loop() const { return options_.rate > 0; }

  /// Open loop: begins the batches whose time has come, each on the next connection, and says how long the next one's
  /// time is away. Closed loop: begins none.
  timespec begin_due_batches() {
    constexpr std::int64_t kWaitNsMax = 100'000'000;
    auto wait_ns = kWaitNsMax;
    if (open_loop()) {
      const auto now = Clock::now();
      const double interval_ns = 1e9 * options_.pipeline / options_.rate;
      while (!stopped_ && left_ > 0) {
        const auto intended =
            began_ +
            std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<double>(batches_begun_) * interval_ns));
        if (intended > now) {
          wait_ns = std::min<std::int64_t>(kWaitNsMax, (intended - now).count());
          break;
        }
        if (outstanding_ > kBehindMax) {
          report_.trouble = "the server is too far behind this rate";
          stop(now);
          break;
        }
        begin_batch(*connections_[batches_begun_ % connections_.size()], intended);
        ++batches_begun_;
      }
    }
    return {.tv_sec = 0, .tv_nsec = wait_ns};
  }

  void begin_batch(Connection& connection, Clock::time_point from) {
    if (stopped_ || left_ == 0 || !connection.socket.open()) return;
    // Where each key is wanted once, all connections take from one row.
    auto& cursor = options_.spread == Spread::kEach ? cursor_of_all_ : connection.cursor;
    const auto room = ring_.size() - cursor;
    const auto size = std::min<std::uint64_t>({options_.pipeline, left_, room});
    const auto end = cursor + static_cast<std::size_t>(size);
    if (options_.ids) {
      connection.stamped.push_back(ring_.stamped(cursor, end, run_, next_id_));
      connection.unsent.emplace_back(connection.stamped.back());
    } else {
      connection.unsent.push_back(ring_.range(cursor, end));
    }
    cursor = end == ring_.size() ? 0 : end;
    connection.batches.push_back({from, size});
    left_ -= size;
    outstanding_ += size;
    report_.sent += size;
    send(connection);
  }

  void send(Connection& connection) {
    while (!connection.unsent.empty()) {
      auto& bytes = connection.unsent.front();
      const auto sent = ::send(connection.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
      if (sent < 0) return lose(connection, std::strerror(errno));
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      if (!bytes.empty()) continue;
      connection.unsent.pop_front();
      if (options_.ids) connection.stamped.pop_front();
    }
  }

  /// Everything that an event can mean: room to send, bytes to read, the end.
  void turn(Connection& connection) {
    if (!connection.socket.open()) return;
    send(connection);
    while (connection.socket.open()) {
      const auto got = ::recv(connection.socket.get(), buffer_.data(), buffer_.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
      if (got < 0) return lose(connection, std::strerror(errno));
      if (got == 0) return lose(connection, "closed by the server");
      take(connection, std::string_view(buffer_.data(), static_cast<std::size_t>(got)));
    }
  }

  void take(Connection& connection, std::string_view bytes) {
    const auto replies = connection.counter.feed(bytes, report_.replies);
    if (!replies) return lose(connection, replies.error().what);
    if (*replies == 0) return;
    const auto now = Clock::now();
    last_reply_ = now;
    for (auto left = *replies; left > 0;) {
      if (connection.batches.empty()) return lose(connection, "more replies than requests");
      auto& batch = connection.batches.front();
      const auto times = std::min(left, batch.awaited);
      const auto waited = std::chrono::duration_cast<std::chrono::nanoseconds>(now - batch.from).count();
      report_.latency.add(static_cast<std::uint64_t>(waited), times);
      left -= times;
      batch.awaited -= times;
      outstanding_ -= times;
      if (batch.awaited == 0) connection.batches.pop_front();
    }
    if (connection.batches.empty() && !open_loop()) begin_batch(connection, now);
  }

  void lose(Connection& connection, std::string_view why) {
    for (const auto& batch : connection.batches) {
      report_.lost += batch.awaited;
      outstanding_ -= batch.awaited;
    }
    connection.batches.clear();
    connection.unsent.clear();
    connection.stamped.clear();
    connection.socket.reset();
    --open_;
    ++report_.connections_lost;
    if (report_.trouble.empty()) report_.trouble = why;
  }

  /// A connection that was to be silent has nothing to read unless the server gave it up.
  void count_lost_idle() {
    for (const auto& socket : idle_) {
      char byte = 0;
      const auto got = ::recv(socket.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
      if (got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) ++report_.idle_lost;
    }
  }

  const LoadOptions& options_;
  RequestRing ring_;
  Descriptor epoll_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Descriptor> idle_;
  std::vector<char> buffer_ = std::vector<char>(kReadBytes);
  LoadReport report_;
  std::uint64_t left_ = 0;           // Requests that may still be begun.
  std::uint64_t outstanding_ = 0;    // Replies awaited, over all connections.
  std::uint64_t batches_begun_ = 0;  // In an open loop.
  std::size_t cursor_of_all_ = 0;    // With Spread::kEach.
  std::uint64_t next_id_ = 0;
  const std::uint32_t run_ = std::random_device{}();  // Tells the ids of this run from those of any other.
  std::uint32_t open_ = 0;
  bool stopped_ = false;
  Clock::time_point began_{};
  Clock::time_point last_reply_{};
  Clock::time_point stopped_at_{};
};

/// An open loop sleeps for microseconds; the system would add 50 of its own.
void wake_in_time() { ::prctl(PR_SET_TIMERSLACK, 1UL); }

/// Room for as many descriptors as the system lets us have.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

}  // namespace

Result<LoadReport> run_load(const LoadOptions& asked, const std::function<bool()>& interrupted,
                            const std::function<void(std::uint64_t replies, double seconds)>& progress) {
  raise_descriptor_limit();
  // From here on in requests, until the report.
  const std::uint64_t batch = asked.batch;
  auto options = asked;
  options.events /= batch;
  options.rate /= static_cast<double>(batch);
  options.keys = std::max<std::uint64_t>(1, asked.keys / batch);
  if (options.rate > 0) wake_in_time();
  KeyDistribution keys(asked.spread, asked.keys, asked.seed);
  // Enough draws that the ring is spread like the keys are.
  auto requests = options.protocol == LoadProtocol::kResp ? kRingRequestsMax : kRingRequestsMaxHttp;
  requests = static_cast<std::size_t>(std::clamp<std::uint64_t>(asked.keys * 16, kRingRequestsMin, requests) / batch);
  if (options.spread == Spread::kEach) {
    requests = static_cast<std::size_t>(std::min<std::uint64_t>(options.keys, kRingRequestsMaxEach));
  }
  if (options.events > 0) requests = static_cast<std::size_t>(std::min<std::uint64_t>(requests, options.events));
  const auto host = fmt::format("{}:{}", options.host, options.port);
  LoadRun run(options, RequestRing({options.protocol, options.space, host, options.name_bytes, batch, options.ids},
                                   keys, requests));
  if (auto connected = run.connect(); !connected) return std::unexpected(connected.error());
  auto report =
      run.run(interrupted, [&](std::uint64_t replies, double seconds) { progress(replies * batch, seconds); });
  for (auto* count : {&report.sent, &report.lost, &report.replies.accepted, &report.replies.busy,
                      &report.replies.unknown, &report.replies.refused}) {
    *count *= batch;
  }
  return report;
}

}  // namespace quipu
