#include "cache/redis_connection.h"

#include <hiredis/hiredis.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace quipu {
namespace {

constexpr std::int64_t kRetryMs = 100;
constexpr std::size_t kReadBytes = std::size_t{64} << 10;

std::unexpected<Error> trouble(const std::string& address, const char* what) {
  return busy("Redis at " + address + ": " + what, kRetryMs);
}

using Reader = std::unique_ptr<redisReader, void (*)(redisReader*)>;

/// What hiredis makes replies of by itself.
const redisReplyObjectFunctions& own_functions() {
  static const redisReplyObjectFunctions functions = *Reader(redisReaderCreate(), redisReaderFree)->fn;
  return functions;
}

/// The same, but that no array is made for more elements than a reply may have: hiredis allocates what an array
/// declares, and its own bound on that is gibibytes. It has a setting for it (`maxelements`) only from version 1.0 on.
redisReplyObjectFunctions* bounded_functions() {
  static redisReplyObjectFunctions functions = [] {
    auto bounded = own_functions();
    bounded.createArray = [](const redisReadTask* task, auto elements) -> void* {
      if (static_cast<std::size_t>(elements) <= RedisConnection::kReplyElementsMax) {
        return own_functions().createArray(task, elements);
      }
      *static_cast<bool*>(task->privdata) = true;
      return nullptr;
    };
    return bounded;
  }();
  return &functions;
}

}  // namespace

RedisConnection::RedisConnection(int socket, std::string address)
    : socket_(socket),
      address_(std::move(address)),
      reader_(redisReaderCreateWithFunctions(bounded_functions()), redisReaderFree) {
  reader_->privdata = &too_many_;
}

RedisConnection::~RedisConnection() { ::close(socket_); }

Result<std::unique_ptr<RedisConnection>> RedisConnection::connect(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == address.size()) {
    return failure(Code::kRefused, "'" + address + "' is no address of Redis: host:port");
  }
  auto host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &found); error != 0) {
    return trouble(address, ::gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, ::freeaddrinfo);
  const int socket = ::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return trouble(address, std::strerror(errno));
  std::unique_ptr<RedisConnection> made(new RedisConnection(socket, address));
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (::connect(socket, found->ai_addr, found->ai_addrlen) != 0 && errno != EINPROGRESS) {
    return trouble(address, std::strerror(errno));
  }
  return made;
}

Result<void> RedisConnection::flush() {
  while (sent_ < out_.size()) {
    const auto sent = ::send(socket_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    // ENOTCONN: it is still being connected.
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOTCONN)) break;
    if (sent < 0) return trouble(address_, std::strerror(errno));
    sent_ += static_cast<std::size_t>(sent);
  }
  if (sent_ == out_.size()) {
    out_.clear();
    sent_ = 0;
  } else if (sent_ > out_.size() / 2) {
    out_.erase(0, sent_);
    sent_ = 0;
  }
  return {};
}

Result<void> RedisConnection::fill() {
  std::array<char, kReadBytes> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init): recv writes it.
  while (true) {
    const auto size = ::recv(socket_, bytes.data(), bytes.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOTCONN)) return {};
    if (size < 0) return trouble(address_, std::strerror(errno));
    if (size == 0) return trouble(address_, "it has closed the connection");
    if (reader_->len - reader_->pos + static_cast<std::size_t>(size) > kReplyBytesMax) {
      return trouble(address_, "a reply is larger than any that was asked for");
    }
    if (redisReaderFeed(reader_.get(), bytes.data(), static_cast<std::size_t>(size)) != REDIS_OK) {
      return trouble(address_, "no memory for its reply");
    }
    if (static_cast<std::size_t>(size) < bytes.size()) return {};
  }
}

Result<RedisReply> RedisConnection::next() {
  void* reply = nullptr;
  if (redisReaderGetReply(reader_.get(), &reply) != REDIS_OK) {
    return trouble(address_, too_many_ ? "a reply has more elements than any that was asked for" : reader_->errstr);
  }
  return RedisReply(static_cast<redisReply*>(reply), [](redisReply* one) { freeReplyObject(one); });
}

}  // namespace quipu
