#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "store/counter_store.h"
#include "store/postgres_connection.h"

namespace quipu {

/// What PostgresStore was asked for.
struct PostgresRequest {
  struct BaseWrite {
    Base base;
    std::optional<ShardId> of{};  ///< Of one partition; of all where there is none.
  };
  /// One that came when the queue was full: answered in its turn.
  struct Refused {};

  StoreCompletion::Kind kind = StoreCompletion::Kind::kWrite;
  std::uint64_t token = 0;
  std::variant<StoreWrite, StoreLoad, StoreScan, BaseWrite, Refused> what;
  std::size_t bytes = 0;
  std::uint64_t number = 0;  ///< Of a write: how many this store has been given.
  PostgresDeadline given_at;
  Offset base_there{};  ///< Read from the answer to a base: the oldest that there is; of a partition the newest.
};

/// One connection in libpq's pipeline mode, and the requests that are with the server, oldest first. A request is one
/// implicit transaction: its statements, then a Sync, at which the server commits it.
///
/// Thread: one at a time; nothing waits but `begin`. After any error of the connection it is good for nothing but
/// `take_back`.
class PostgresPipeline {
 public:
  struct Answer {
    PostgresRequest request;
    StoreCompletion completion;
  };

  /// Prepares the statements and enters the mode.
  static Result<std::unique_ptr<PostgresPipeline>> begin(std::unique_ptr<PostgresConnection> connection,
                                                         std::string writer, PostgresDeadline deadline);

  /// Hands a request to libpq. Its answer comes out of `read`.
  Result<void> send(PostgresRequest request);
  /// Sends what the socket takes; true when all is sent.
  Result<bool> flush();
  /// Reads what is there and adds what was answered. An error means that the connection is to be left, and that
  /// everything not answered is to be given again.
  Result<void> read(std::vector<Answer>& out);
  /// Requests without an answer, oldest first.
  std::deque<PostgresRequest> take_back();

  int socket() const;
  std::size_t requests() const { return in_flight_.size(); }
  std::size_t bytes() const { return bytes_; }
  /// When the oldest unanswered request began to wait for the server alone; meaningless with none.
  PostgresDeadline waiting_since() const { return waiting_since_; }

 private:
  struct Flight {
    PostgresRequest request;
    StoreCompletion completion;
    std::optional<PostgresFailure> failed;
  };

  PostgresPipeline(std::unique_ptr<PostgresConnection> connection, std::string writer)
      : connection_(std::move(connection)), writer_(std::move(writer)) {}
  Result<void> take_result(const pg_result* result, std::vector<Answer>& out);
  void take_rows(const pg_result* result);

  std::unique_ptr<PostgresConnection> connection_;
  const std::string writer_;
  std::deque<Flight> in_flight_;
  std::size_t bytes_ = 0;
  PostgresDeadline waiting_since_;
};

}  // namespace quipu
