#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/cassandra_values.h"

namespace quipu {

/// How to reach a cluster.
struct CassandraConnection {
  std::string contact_points;  ///< "host:port,host:port": some of its nodes.
  std::string datacenter;      ///< The local one, whose replicas make the quorum; empty: there is only one.
  std::string user;            ///< Empty: no login.
  std::string password;
  bool tls = false;             ///< Certificates are checked against `tls_ca`; names in them are not.
  std::string tls_ca;           ///< A PEM file; empty: the system's authorities.
  std::string tls_certificate;  ///< PEM files of the client's own certificate and key; empty: none.
  std::string tls_key;
  std::uint32_t threads = 1;               ///< Of the driver; 1 to 64.
  std::uint32_t connections = 1;           ///< To each node; 1 to 64.
  std::uint32_t requests_in_flight = 256;  ///< 1 to 32,768.
  std::uint32_t connect_ms = 5'000;
  std::uint32_t request_ms = 5'000;  ///< Cassandra itself gives up after 2 s by default.
  std::uint32_t retry_ms = 10'000;   ///< How long a request that may be repeated is sent again, as it is.
};

/// What became of a request. The bytes are the driver's until it goes away.
class CassandraAnswer {
 public:
  CassandraAnswer();
  ~CassandraAnswer();
  CassandraAnswer(CassandraAnswer&& other) noexcept;
  CassandraAnswer& operator=(CassandraAnswer&& other) noexcept;

  std::uint64_t token() const;
  /// kRefused: wrong, or not allowed. kUnknown: it timed out, perhaps carried out. kBusy: not carried out, try later.
  Result<void> result() const;
  /// The rows of all executions in order, their values one after the other.
  std::string_view rows() const;
  std::uint32_t row_count() const;
  /// How many requests were sent again.
  std::uint32_t repeats() const;

 private:
  friend class CassandraSession;
  struct Held;
  std::unique_ptr<Held> held_;
};

/// A connection to a cluster: prepared statements, asynchronous by completion (drivers/include/quipu_cassandra.h has
/// the promises). Everything runs at LOCAL_QUORUM that is not prepared otherwise. Threads: those of the driver. Calls
/// on one thread. Its answers must be gone before it is.
class CassandraSession {
 public:
  using Statement = std::uint32_t;

  /// How a statement is carried out.
  struct Way {
    /// It changes nothing when it is carried out twice: it is sent again when its outcome is not known.
    bool repeatable = true;
    /// Every replica must answer, and all that they say is made the same on each.
    bool all_replicas = false;
  };

  /// Connects; waits. `wake` is called on a thread of the driver when answers are there; it must not block, nor call
  /// this.
  static Result<std::unique_ptr<CassandraSession>> open(const CassandraConnection& connection,
                                                        const std::string& keyspace, std::function<void()> wake);
  ~CassandraSession();
  CassandraSession(const CassandraSession&) = delete;
  CassandraSession& operator=(const CassandraSession&) = delete;

  // These wait.
  Result<void> run(const std::string& cql);
  Result<Statement> prepare(const std::string& cql, Way way);
  CassandraAnswer call(Statement statement, const CassandraValues& values, std::uint32_t concurrency = 1);
  /// Each node itself gives a row: its host id, and the one value that `cql` selects, null where it did not answer.
  CassandraAnswer call_nodes(const std::string& cql, std::uint32_t limit_ms);

  // Each of these is answered by one completion with its token.
  void submit(std::uint64_t token, Statement statement, const CassandraValues& values, std::uint32_t concurrency);
  void ask_nodes(std::uint64_t token, const std::string& cql, std::uint32_t limit_ms);
  /// Nothing but the time passes.
  void after(std::uint64_t token, std::uint32_t milliseconds);

  void take(std::vector<CassandraAnswer>& out);

 private:
  struct Driver;
  explicit CassandraSession(std::unique_ptr<Driver> driver);
  std::unique_ptr<Driver> driver_;
};

}  // namespace quipu
