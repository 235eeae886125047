#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/identifiers.h"
#include "base/result.h"
#include "net/clients_memory.h"
#include "net/connections_ended.h"
#include "net/event_loop.h"
#include "net/limits.h"
#include "net/session.h"

namespace quipu {

struct TcpServerOptions {
  std::string name;     ///< As errors name it: the configuration's key, such as `http.listen`.
  std::string address;  ///< `HOST:PORT` or `[HOST]:PORT`; port 0 is any free one.
  NetLimits limits;
  std::function<std::unique_ptr<Session>()> make_session;
  std::function<Offset()> durable;   ///< How far the log is durable now.
  std::function<TimeMs()> now;       ///< A clock that does not jump: every limit of time goes by it.
  ClientsMemory* clients = nullptr;  ///< What it shares with the process's other servers; null: its own.
};

/// One listening address and its connections: sockets on one side, sessions on the other.
///
///   readable ─► read all that is there ─► session.receive until nothing is used ─► one write of what may leave
///                                             └─ parked, or replies unread: reading stops until that is over
///   after every step of the engine: `after_step` goes on where a batch was parked, and writes what has become durable
///
/// Bounded: connections, input and output bytes of each, time without a request, time for a request, time without
/// reading (NetLimits), and the memory of all together (ClientsMemory). All calls, and the sessions, on the thread that
/// turns the loop, which must outlive the server.
class TcpServer {
 public:
  /// Binds and listens. kRefused, naming option, address and cause, where that can not be.
  static Result<std::unique_ptr<TcpServer>> listen(EventLoop& loop, TcpServerOptions options);
  ~TcpServer();

  /// The address with the port that was bound.
  std::string address() const;

  /// Called after each step of the engine: lets waiting sessions see the time, goes on with those whose batch is done,
  /// writes what may leave, and once a second looks at the time limits. Whether sessions gave the engine something new.
  bool after_step();

  /// The log failed: every held reply is answered as unknown, and all connections close when that has left.
  void fail();

  /// Takes no more connections, for a graceful stop.
  void stop_accepting();
  /// Closes the connections that owe nothing: no reply to be written, no batch under way.
  void close_idle();

  std::size_t connections() const;
  /// Connections that a limit ended since the server began to listen.
  const ConnectionsEnded& ended() const;

 private:
  class Parts;
  explicit TcpServer(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace quipu
