#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/identifiers.h"
#include "net/connections_ended.h"
#include "net/event_loop.h"
#include "net/session.h"
#include "net/socket.h"
#include "net/tcp_server.h"

namespace quipu {

class TcpConnection;

/// What a connection asks of the server that has it. Each call is noted and done in the server's next `after_step`.
class TcpConnectionOwner {
 public:
  virtual ~TcpConnectionOwner() = default;
  virtual const TcpServerOptions& options() const = 0;
  virtual EventLoop& loop() = 0;
  /// It has replies that are not durable yet.
  virtual void holds(TcpConnection& connection) = 0;
  /// Its session waits for the engine.
  virtual void waits(TcpConnection& connection) = 0;
  /// Its session can go on.
  virtual void ready(TcpConnection& connection) = 0;
  /// Its socket is closed.
  virtual void closed(TcpConnection& connection) = 0;
  /// What all connections hold; each of them says what it does.
  virtual ClientsMemory& clients() = 0;
  /// It is not read until there is room in what all connections hold.
  virtual void crowded_out(TcpConnection& connection) = 0;
  /// It is ended by a limit.
  virtual void ended(EndedBy cause) = 0;
  /// Memory to read into, which nearly all connections need for a moment only: so it stays in the processor's cache,
  /// and an idle connection has none.
  virtual std::vector<char> take_block() = 0;
  virtual void give_block(std::vector<char> block) = 0;
};

/// One socket and its session. A session that is busy is kept, with the bytes that it was given, until it is not.
class TcpConnection final : private Watcher {
 public:
  TcpConnection(Socket socket, TcpConnectionOwner& owner);
  ~TcpConnection() override;
  TcpConnection(const TcpConnection&) = delete;
  TcpConnection& operator=(const TcpConnection&) = delete;

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

  bool open() const { return socket_.is_open(); }

  bool in_holding = false;  ///< The owner's notes: on its list of those with held replies ...
  bool in_waiting = false;  ///< ... with busy sessions ...
  bool in_ready = false;    ///< ... that can go on.

 private:
  void ready(bool readable, bool writable) override;
  void take_bytes();
  bool read_available();
  void make_room();
  void give_room_back();
  void feed();
  void note_request_time(bool used, bool answered);
  void write();
  void after_write();
  void watch(bool read, bool write);
  std::size_t output_bytes_max() const;
  void account();
  bool crowded_out();
  bool reads_too_slowly(TimeMs now) const;
  void linger();
  void end_overrun();
  void end(EndedBy cause);
  void close();
  std::size_t unread() const { return input_end_ - input_begin_; }

  Socket socket_;
  TcpConnectionOwner& owner_;
  std::unique_ptr<Session> session_;
  std::vector<char> input_;  // A block of the owner's, a buffer of its own, or none.
  std::size_t input_begin_ = 0;
  std::size_t input_end_ = 0;
  bool reading_ = false;      // It is watched for bytes.
  bool writing_ = false;      // It is watched for room.
  bool full_ = false;         // Requests are there that wait for room among the replies.
  bool peer_done_ = false;    // The client has sent its last byte.
  bool lingering_ = false;    // Our last byte is sent; what still comes is thrown away.
  TimeMs request_since_ = 0;  // When the request began that is not whole yet; 0: there is none.
  TimeMs active_at_ = 0;      // When something last arrived or left.
  TimeMs stuck_since_ = 0;    // Since when replies have found no room; 0: they have.
  TimeMs late_since_ = 0;     // When those replies found no room ...
  std::size_t late_ = 0;      // ... of which so many bytes have not left yet.
  TimeMs crowded_since_ = 0;  // Since when it is not read for want of memory; 0: it is.
  TimeMs lingering_since_ = 0;
  std::size_t held_ = 0;  // The memory that the owner's clients were told of.
};

}  // namespace quipu
