#include "store/postgres_connection.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace quipu {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kRetryMs = 500;

enum class Waited : std::uint8_t { kReady, kLate, kStopped };

Waited wait_for(int socket, bool writing, int stop, PostgresDeadline deadline) {
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return Waited::kLate;
    std::array<pollfd, 2> polled{{{socket, static_cast<short>(writing ? POLLOUT : POLLIN), 0}, {stop, POLLIN, 0}}};
    const int ready =
        ::poll(polled.data(), stop < 0 ? 1 : 2, static_cast<int>(std::min<std::int64_t>(left + 1, 60'000)));
    if (stop >= 0 && polled[1].revents != 0) return Waited::kStopped;
    if (ready > 0 && polled[0].revents != 0) return Waited::kReady;
  }
}

std::string without_line_end(const char* text) {
  std::string line(text == nullptr ? "" : text);
  while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.pop_back();
  return line;
}

}  // namespace

PostgresFailure postgres_failure(std::string_view sqlstate) {
  if (sqlstate.empty()) return PostgresFailure::kAgain;
  const auto is = [&](std::initializer_list<std::string_view> states) {
    return std::any_of(states.begin(), states.end(), [&](auto state) { return sqlstate.starts_with(state); });
  };
  // Class 57P: shut down or starting. 25006: read only, a standby. 26000: a prepared statement of a former connection.
  if (is({"08", "40", "55P03", "57014", "57P", "25006", "26000", "25P"})) return PostgresFailure::kAgain;
  if (is({"53", "54", "58"})) return PostgresFailure::kExhausted;
  if (is({"42P01", "42703", "42P10", "42804", "XX", "22"})) return PostgresFailure::kDamaged;
  return PostgresFailure::kRefused;
}

Error postgres_error(const pg_result* result, std::string_view place) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const std::string sqlstate(state == nullptr ? "" : state);
  std::string what = "PostgreSQL at " + std::string(place) + ": " + without_line_end(PQresultErrorMessage(result));
  if (!sqlstate.empty()) what += " (SQLSTATE " + sqlstate + ")";
  switch (postgres_failure(sqlstate)) {
    case PostgresFailure::kDamaged:
      return {Code::kDamaged, std::move(what), 0};
    case PostgresFailure::kRefused:
      return {Code::kRefused, std::move(what), 0};
    case PostgresFailure::kAgain:
    case PostgresFailure::kExhausted:
      break;
  }
  return {Code::kBusy, std::move(what), kRetryMs};
}

Result<std::unique_ptr<PostgresConnection>> PostgresConnection::connect(const std::string& url,
                                                                        PostgresDeadline deadline, int stop) {
  char* wrong = nullptr;
  PQconninfoOption* parsed = PQconninfoParse(url.c_str(), &wrong);
  if (parsed == nullptr) {
    // libpq's words may hold the URL, and that a password: only what is wrong is passed on, without what follows a
    // quote.
    std::string what = without_line_end(wrong);
    PQfreemem(wrong);
    return failure(Code::kRefused, "the URL of PostgreSQL is wrong: " + what.substr(0, what.find('"')));
  }
  PQconninfoFree(parsed);
  // A name that the URL gives stands before this one.
  const char* const keys[] = {"fallback_application_name", "dbname", nullptr};
  const char* const values[] = {"quipu", url.c_str(), nullptr};
  std::unique_ptr<PostgresConnection> made(new PostgresConnection(PQconnectStartParams(keys, values, 1), stop));
  pg_conn* connection = made->connection_;
  if (connection == nullptr) return busy("PostgreSQL: no memory for a connection", kRetryMs);
  const char* host = PQhost(connection);
  const char* port = PQport(connection);
  made->place_ = std::string(host == nullptr ? "" : host) + ":" + (port == nullptr ? "" : port);
  auto polling = PGRES_POLLING_WRITING;
  while (PQstatus(connection) != CONNECTION_BAD && polling != PGRES_POLLING_OK && polling != PGRES_POLLING_FAILED) {
    switch (wait_for(PQsocket(connection), polling == PGRES_POLLING_WRITING, stop, deadline)) {
      case Waited::kReady:
        break;
      case Waited::kLate:
        return busy("PostgreSQL at " + made->place_ + " did not let this process in in time", kRetryMs);
      case Waited::kStopped:
        return busy("the store is being closed", kRetryMs);
    }
    polling = PQconnectPoll(connection);
  }
  if (PQstatus(connection) == CONNECTION_OK) {
    PQsetNoticeProcessor(connection, [](void*, const char*) {}, nullptr);
    return made;
  }
  const auto what = without_line_end(PQerrorMessage(connection));
  // Connection errors have no SQLSTATE in libpq 15; a wrong password or database stays wrong.
  const bool login = what.find("authentication failed") != std::string::npos ||
                     what.find("does not exist") != std::string::npos ||
                     what.find("no pg_hba.conf entry") != std::string::npos;
  if (login) return failure(Code::kRefused, "PostgreSQL: " + what);
  return busy("PostgreSQL: " + what, kRetryMs);
}

PostgresConnection::~PostgresConnection() {
  if (connection_ != nullptr) PQfinish(connection_);
}

Error PostgresConnection::lost() const {
  return {Code::kBusy, "PostgreSQL at " + place_ + ": " + without_line_end(PQerrorMessage(connection_)), kRetryMs};
}

Result<PostgresResult> PostgresConnection::take(bool sent, PostgresDeadline deadline) {
  if (!sent) return std::unexpected(lost());
  PostgresResult last(nullptr, PQclear);
  PostgresResult wrong(nullptr, PQclear);
  while (true) {
    while (PQisBusy(connection_) != 0) {
      const auto waited = wait_for(PQsocket(connection_), false, stop_, deadline);
      if (waited == Waited::kLate) return busy("PostgreSQL at " + place_ + " did not answer in time", kRetryMs);
      if (waited == Waited::kStopped) return busy("the store is being closed", kRetryMs);
      if (PQconsumeInput(connection_) == 0) return std::unexpected(lost());
    }
    PostgresResult next(PQgetResult(connection_), PQclear);
    if (!next) break;
    const auto status = PQresultStatus(next.get());
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
      last = std::move(next);
    } else if (!wrong) {
      wrong = std::move(next);
    }
  }
  if (wrong) return std::unexpected(postgres_error(wrong.get(), place_));
  if (!last) return std::unexpected(lost());
  return last;
}

Result<PostgresResult> PostgresConnection::run(const std::string& sql, PostgresDeadline deadline) {
  return take(PQsendQuery(connection_, sql.c_str()) == 1, deadline);
}

Result<PostgresResult> PostgresConnection::run(const std::string& sql, const std::vector<std::string>& parameters,
                                               PostgresDeadline deadline) {
  std::vector<const char*> values;
  std::vector<int> sizes;
  for (const std::string& parameter : parameters) {
    values.push_back(parameter.data());
    sizes.push_back(static_cast<int>(parameter.size()));
  }
  const std::vector<int> binary(parameters.size(), 1);
  return take(PQsendQueryParams(connection_, sql.c_str(), static_cast<int>(parameters.size()), nullptr, values.data(),
                                sizes.data(), binary.data(), 1) == 1,
              deadline);
}

Result<void> PostgresConnection::prepare(const std::string& name, const std::string& sql, PostgresDeadline deadline) {
  const auto prepared = take(PQsendPrepare(connection_, name.c_str(), sql.c_str(), 0, nullptr) == 1, deadline);
  if (!prepared) return std::unexpected(prepared.error());
  return {};
}

std::string_view postgres_value(const pg_result* result, int row, int column) {
  return {PQgetvalue(result, row, column), static_cast<std::size_t>(PQgetlength(result, row, column))};
}

int postgres_rows(const pg_result* result) { return PQntuples(result); }

}  // namespace quipu
