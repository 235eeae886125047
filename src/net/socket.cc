#include "net/socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <memory>

#include "net/limits.h"

namespace quipu {
namespace {

using Addresses = std::unique_ptr<addrinfo, decltype([](addrinfo* list) { ::freeaddrinfo(list); })>;

Socket::Status why_not() {
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return Socket::Status::kWouldBlock;
  return Socket::Status::kFailed;
}

/// Finds the address to bind. The error says only what is wrong.
Result<Addresses> resolve(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) return failure(Code::kRefused, "an address is HOST:PORT");
  auto host = address.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  const auto port = address.substr(colon + 1);
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (port.empty() || error != std::errc{} || end != port.data() + port.size()) {
    return failure(Code::kRefused, "the port must be 0 to 65535");
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (host.empty() || ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0 || found == nullptr) {
    return failure(Code::kRefused, "the host is not known");
  }
  return Addresses(found);
}

}  // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    close();
    file_ = std::exchange(other.file_, -1);
  }
  return *this;
}

Result<Socket> Socket::listen(const std::string& name, const std::string& address) {
  const auto refused = [&](const std::string& why) {
    return failure(Code::kRefused, name + " " + address + ": " + why);
  };
  const auto found = resolve(address);
  if (!found) return refused(found.error().what);
  const addrinfo& place = **found;
  Socket socket(::socket(place.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  const int unsent = kUnsentBytesMax;  // Of each connection that is accepted: they have it from here.
  if (!socket.is_open() || ::setsockopt(socket.file_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::setsockopt(socket.file_, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent) != 0 ||
      ::bind(socket.file_, place.ai_addr, place.ai_addrlen) != 0 || ::listen(socket.file_, SOMAXCONN) != 0) {
    return refused(std::strerror(errno));
  }
  return socket;
}

Socket::Status Socket::accept(Socket& taken) const {
  taken = Socket(::accept4(file_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!taken.is_open()) return errno == ECONNABORTED ? Status::kWouldBlock : why_not();
  const int on = 1;
  ::setsockopt(taken.file_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return Status::kDone;
}

Socket::Transfer Socket::read(std::span<char> into) const {
  const auto size = ::recv(file_, into.data(), into.size(), 0);
  if (size < 0) return {why_not()};
  if (size == 0) return {Status::kEnded};
  return {Status::kDone, static_cast<std::size_t>(size)};
}

Socket::Transfer Socket::write(std::string_view bytes) const {
  const auto size = ::send(file_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (size < 0) return {why_not()};
  return {Status::kDone, static_cast<std::size_t>(size)};
}

void Socket::end_writes() const { ::shutdown(file_, SHUT_WR); }

void Socket::close() {
  if (file_ >= 0) ::close(std::exchange(file_, -1));
}

int Socket::port() const {
  sockaddr_storage place{};
  socklen_t size = sizeof place;
  if (file_ < 0 || ::getsockname(file_, reinterpret_cast<sockaddr*>(&place), &size) != 0) return 0;
  if (place.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(place).sin6_port);
  return ntohs(reinterpret_cast<const sockaddr_in&>(place).sin_port);
}

}  // namespace quipu
