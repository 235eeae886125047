// The shell of the load generator: sockets, epoll and the clock.

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
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
constexpr auto kDrainMax = std::chrono::seconds(10);

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

struct Connection {
  Connection(Descriptor connected, LoadProtocol protocol) : socket(std::move(connected)), counter(protocol) {}

  Descriptor socket;
  ReplyCounter counter;
  std::size_t cursor = 0;     // The ring's request that comes next.
  std::string_view unsent;    // Of the batch under way.
  std::uint64_t awaited = 0;  // Replies of the batch under way.
  Clock::time_point sent_at{};
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
    return {};
  }

  LoadReport run(const std::function<bool()>& interrupted, const std::function<void(std::uint64_t, double)>& progress) {
    began_ = last_reply_ = Clock::now();
    left_ = options_.events > 0 ? options_.events : ~std::uint64_t{0};
    for (auto& connection : connections_) begin_batch(*connection, began_);
    auto told = began_;
    while (open_ > 0 && outstanding_ > 0) {
      std::array<epoll_event, 256> events;
      const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 100);
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

  void begin_batch(Connection& connection, Clock::time_point now) {
    if (stopped_ || left_ == 0 || !connection.socket.open()) return;
    const auto room = ring_.size() - connection.cursor;
    const auto size = std::min<std::uint64_t>({options_.pipeline, left_, room});
    const auto end = connection.cursor + static_cast<std::size_t>(size);
    connection.unsent = ring_.range(connection.cursor, end);
    connection.cursor = end == ring_.size() ? 0 : end;
    connection.awaited = size;
    connection.sent_at = now;
    left_ -= size;
    outstanding_ += size;
    report_.sent += size;
    send(connection);
  }

  void send(Connection& connection) {
    while (!connection.unsent.empty()) {
      const auto sent =
          ::send(connection.socket.get(), connection.unsent.data(), connection.unsent.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
      if (sent < 0) return lose(connection, std::strerror(errno));
      connection.unsent.remove_prefix(static_cast<std::size_t>(sent));
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
    if (*replies > connection.awaited) return lose(connection, "more replies than requests");
    const auto now = Clock::now();
    last_reply_ = now;
    const auto waited = std::chrono::duration_cast<std::chrono::nanoseconds>(now - connection.sent_at).count();
    report_.latency.add(static_cast<std::uint64_t>(waited), *replies);
    connection.awaited -= *replies;
    outstanding_ -= *replies;
    if (connection.awaited == 0) begin_batch(connection, now);
  }

  void lose(Connection& connection, std::string_view why) {
    report_.lost += connection.awaited;
    outstanding_ -= connection.awaited;
    connection.awaited = 0;
    connection.socket.reset();
    --open_;
    ++report_.connections_lost;
    if (report_.trouble.empty()) report_.trouble = why;
  }

  const LoadOptions& options_;
  RequestRing ring_;
  Descriptor epoll_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<char> buffer_ = std::vector<char>(kReadBytes);
  LoadReport report_;
  std::uint64_t left_ = 0;         // Requests that may still be begun.
  std::uint64_t outstanding_ = 0;  // Replies awaited, over all connections.
  std::uint32_t open_ = 0;
  bool stopped_ = false;
  Clock::time_point began_{};
  Clock::time_point last_reply_{};
  Clock::time_point stopped_at_{};
};

/// Room for as many descriptors as the system lets us have.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

}  // namespace

Result<LoadReport> run_load(const LoadOptions& options, const std::function<bool()>& interrupted,
                            const std::function<void(std::uint64_t replies, double seconds)>& progress) {
  raise_descriptor_limit();
  KeyDistribution keys(options.spread, options.keys, options.seed);
  // Enough draws that the ring is spread like the keys are.
  auto requests = options.protocol == LoadProtocol::kResp ? kRingRequestsMax : kRingRequestsMaxHttp;
  requests = static_cast<std::size_t>(std::clamp<std::uint64_t>(options.keys * 16, kRingRequestsMin, requests));
  if (options.events > 0) requests = static_cast<std::size_t>(std::min<std::uint64_t>(requests, options.events));
  const auto host = fmt::format("{}:{}", options.host, options.port);
  LoadRun run(options, RequestRing(options.protocol, options.space, host, keys, requests));
  if (auto connected = run.connect(); !connected) return std::unexpected(connected.error());
  return run.run(interrupted, progress);
}

}  // namespace quipu
