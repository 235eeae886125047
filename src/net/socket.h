#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace quipu {

/// One end of a TCP connection, or a listening address, which never waits. Owns its descriptor.
class Socket {
 public:
  /// What a read, a write or an accept came to.
  enum class Status : std::uint8_t {
    kDone,
    kWouldBlock,  ///< Nothing to be done now.
    kEnded,       ///< The other side sends no more.
    kFailed,      ///< The connection is gone; for `accept`: the system has no room for another one now.
  };
  struct Transfer {
    Status status;
    std::size_t bytes = 0;
  };

  Socket() = default;
  Socket(Socket&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  Socket& operator=(Socket&& other) noexcept;
  ~Socket() { close(); }

  /// Binds and listens on `HOST:PORT` or `[HOST]:PORT`; port 0 is any free one. kRefused, beginning with `name` and the
  /// address, where that can not be. Waits for the resolver where the host is a name.
  static Result<Socket> listen(const std::string& name, const std::string& address);

  /// Takes a connection that has come; replies on it leave without delay.
  Status accept(Socket& taken) const;

  Transfer read(std::span<char> into) const;
  Transfer write(std::string_view bytes) const;
  /// Sends no more.
  void end_writes() const;
  void close();

  bool is_open() const { return file_ >= 0; }
  int file() const { return file_; }
  /// The port that a listening socket was bound to; 0 where it is closed.
  int port() const;

 private:
  explicit Socket(int file) : file_(file) {}

  int file_ = -1;
};

}  // namespace quipu
