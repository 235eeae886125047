#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "store/cassandra_session.h"

namespace quipu {

/// Requests to a cluster and what is done with their answers. Everything happens on the owner's thread: the answers'
/// functions within `dispatch`.
class CassandraRequests {
 public:
  using Handler = std::function<void(const CassandraAnswer&)>;

  explicit CassandraRequests(std::unique_ptr<CassandraSession> session) : session_(std::move(session)) {}

  void submit(CassandraSession::Statement statement, const CassandraValues& values, std::uint32_t concurrency,
              Handler handler) {
    session_->submit(expect(std::move(handler)), statement, values, concurrency);
  }
  void ask_nodes(const std::string& cql, std::uint32_t limit_ms, Handler handler) {
    session_->ask_nodes(expect(std::move(handler)), cql, limit_ms);
  }
  void after(std::uint32_t milliseconds, Handler handler) { session_->after(expect(std::move(handler)), milliseconds); }

  /// Hands out the answers that are there.
  void dispatch();

  /// For requests that wait.
  CassandraSession& session() { return *session_; }
  /// How many requests were sent again.
  std::uint64_t repeats() const { return repeats_; }

 private:
  std::uint64_t expect(Handler handler) {
    handlers_.emplace(++last_token_, std::move(handler));
    return last_token_;
  }

  std::unordered_map<std::uint64_t, Handler> handlers_;
  std::uint64_t last_token_ = 0;
  std::uint64_t repeats_ = 0;
  std::unique_ptr<CassandraSession> session_;
};

}  // namespace quipu
