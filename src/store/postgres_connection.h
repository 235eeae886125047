#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct pg_conn;
struct pg_result;

namespace quipu {

using PostgresDeadline = std::chrono::steady_clock::time_point;

/// A result of libpq, owned.
using PostgresResult = std::unique_ptr<pg_result, void (*)(pg_result*)>;

/// What a statement says of a failure, by its SQLSTATE.
enum class PostgresFailure : std::uint8_t {
  kAgain,      ///< Deadlock, time-out, shutdown, standby, a lost connection: the same may succeed on a new connection.
  kExhausted,  ///< Disk, memory or connections are used up: later.
  kDamaged,    ///< A table is not what this version made it.
  kRefused,    ///< Anything else, such as a missing right.
};
PostgresFailure postgres_failure(std::string_view sqlstate);

/// The error of a result as a value: its code, the server's words, the place.
Error postgres_error(const pg_result* result, std::string_view place);

/// A connection of libpq whose every wait ends at a deadline.
///
/// Thread: one at a time. Names in the URL are resolved by libpq and block as long as the resolver does.
class PostgresConnection {
 public:
  /// Connects, or answers kBusy: nobody there, or not in time; kRefused where login or URL are wrong. `stop` is a file
  /// descriptor that ends every wait when it becomes readable; -1 for none.
  static Result<std::unique_ptr<PostgresConnection>> connect(const std::string& url, PostgresDeadline deadline,
                                                             int stop);
  ~PostgresConnection();
  PostgresConnection(const PostgresConnection&) = delete;
  PostgresConnection& operator=(const PostgresConnection&) = delete;

  /// Runs statements without parameters (simple protocol: several are one transaction) and gives the last result, in
  /// text. Not in pipeline mode.
  Result<PostgresResult> run(const std::string& sql, PostgresDeadline deadline);
  /// Runs one statement with parameters in binary form, and gives its result in binary form. Not in pipeline mode.
  Result<PostgresResult> run(const std::string& sql, const std::vector<std::string>& parameters,
                             PostgresDeadline deadline);
  Result<void> prepare(const std::string& name, const std::string& sql, PostgresDeadline deadline);

  pg_conn* raw() const { return connection_; }
  /// Host and port, for messages; never the password.
  const std::string& place() const { return place_; }

 private:
  PostgresConnection(pg_conn* connection, int stop) : connection_(connection), stop_(stop) {}
  Result<PostgresResult> take(bool sent, PostgresDeadline deadline);
  Error lost() const;

  pg_conn* connection_;
  int stop_;
  std::string place_;
};

/// A value of a binary or text result.
std::string_view postgres_value(const pg_result* result, int row, int column);
int postgres_rows(const pg_result* result);

}  // namespace quipu
