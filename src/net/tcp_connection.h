#pragma once
// Only for tcp_server.cc and tcp_connection.cc: it brings in Asio.

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/identifiers.h"
#include "net/session.h"
#include "net/tcp_server.h"

namespace quipu {

class TcpConnection;

/// What a connection asks of the server that has it. Each call is noted and done in the server's next `after_step`.
class TcpConnectionOwner {
 public:
  virtual ~TcpConnectionOwner() = default;
  virtual const TcpServerOptions& options() const = 0;
  /// It has replies that are not durable yet.
  virtual void holds(const std::shared_ptr<TcpConnection>& connection) = 0;
  /// Its session waits for the engine.
  virtual void waits(const std::shared_ptr<TcpConnection>& connection) = 0;
  /// Its session can go on.
  virtual void ready(const std::shared_ptr<TcpConnection>& connection) = 0;
  /// Its socket is closed.
  virtual void closed(const std::shared_ptr<TcpConnection>& connection) = 0;
};

/// One socket and its session. A session that is busy is kept, with the bytes that it was given, until it is not.
class TcpConnection : public std::enable_shared_from_this<TcpConnection> {
 public:
  TcpConnection(boost::asio::ip::tcp::socket socket, TcpConnectionOwner& owner);

  void start();
  /// Says that there are too many connections, and closes.
  void turn_away();
  /// Gives the session what has arrived, writes what may leave, and waits for more.
  void proceed();
  /// Writes what has become durable.
  void release();
  void tick(TimeMs now) { session_->tick(now); }
  bool busy() const { return session_->busy(); }
  void fail();
  /// Closes if the session owes nothing.
  void close_if_idle();
  /// Looks at the time limits.
  void check_time(TimeMs now);

  /// Closes the socket without telling the owner, which is going.
  void abandon();

  bool open() const { return socket_.is_open(); }

  bool in_holding = false;  ///< The owner's notes: on its list of those with held replies ...
  bool in_waiting = false;  ///< ... with busy sessions ...
  bool in_ready = false;    ///< ... that can go on.

 private:
  bool read_available();
  void feed();
  void note_request_time(bool used, bool answered);
  void write();
  void after_write();
  void wait_readable();
  void wait_writable();
  void linger();
  void close();
  std::size_t unread() const { return input_end_ - input_begin_; }

  boost::asio::ip::tcp::socket socket_;
  TcpConnectionOwner& owner_;
  std::unique_ptr<Session> session_;
  std::vector<char> input_;
  std::size_t input_begin_ = 0;
  std::size_t input_end_ = 0;
  bool reading_ = false;      // A wait for bytes is under way.
  bool writing_ = false;      // A wait for room is under way.
  bool peer_done_ = false;    // The client has sent its last byte.
  bool lingering_ = false;    // Our last byte is sent; what still comes is thrown away.
  TimeMs request_since_ = 0;  // When the request began that is not whole yet; 0: there is none.
  TimeMs active_at_ = 0;      // When something last arrived or left.
  TimeMs lingering_since_ = 0;
};

}  // namespace quipu
