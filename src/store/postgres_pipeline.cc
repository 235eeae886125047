#include "store/postgres_pipeline.h"

#include <libpq-fe.h>

#include <utility>

#include "base/check.h"
#include "store/postgres_statements.h"
#include "store/postgres_values.h"

namespace quipu {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

Result<std::unique_ptr<PostgresPipeline>> PostgresPipeline::begin(std::unique_ptr<PostgresConnection> connection,
                                                                  std::string writer, PostgresDeadline deadline) {
  for (const PostgresPrepared& prepared : postgres_prepared()) {
    if (auto made = connection->prepare(prepared.name, prepared.sql, deadline); !made) {
      return std::unexpected(made.error());
    }
  }
  if (PQsetnonblocking(connection->raw(), 1) != 0 || PQenterPipelineMode(connection->raw()) != 1) {
    return busy("PostgreSQL at " + connection->place() + ": no pipeline", 500);
  }
  return std::unique_ptr<PostgresPipeline>(new PostgresPipeline(std::move(connection), std::move(writer)));
}

Result<void> PostgresPipeline::send(PostgresRequest request) {
  const auto calls = std::visit(
      [&](const auto& what) -> std::vector<PostgresCall> {
        using What = std::decay_t<decltype(what)>;
        if constexpr (std::is_same_v<What, StoreWrite>) {
          return postgres_calls(what, writer_, request.number);
        } else if constexpr (std::is_same_v<What, PostgresRequest::BaseWrite>) {
          return what.of ? postgres_calls(what.base, *what.of) : postgres_calls(what.base);
        } else if constexpr (std::is_same_v<What, PostgresRequest::Refused>) {
          return {};
        } else {
          return postgres_calls(what);
        }
      },
      request.what);
  if (in_flight_.empty()) waiting_since_ = Clock::now();
  bytes_ += request.bytes;
  StoreCompletion completion{request.kind, request.token, {}, {}, {}};
  in_flight_.push_back({std::move(request), std::move(completion), std::nullopt});
  pg_conn* connection = connection_->raw();
  bool sent = true;
  for (const PostgresCall& call : calls) {
    std::vector<const char*> values;
    std::vector<int> sizes;
    for (const std::string& parameter : call.parameters) {
      values.push_back(parameter.data());
      sizes.push_back(static_cast<int>(parameter.size()));
    }
    const std::vector<int> binary(values.size(), 1);
    sent = sent && PQsendQueryPrepared(connection, call.name, static_cast<int>(values.size()), values.data(),
                                       sizes.data(), binary.data(), 1) == 1;
  }
  sent = sent && PQpipelineSync(connection) == 1;
  if (!sent) return busy("PostgreSQL at " + connection_->place() + ": " + PQerrorMessage(connection), 500);
  return {};
}

Result<bool> PostgresPipeline::flush() {
  const int left = PQflush(connection_->raw());
  if (left < 0) return busy("PostgreSQL at " + connection_->place() + ": " + PQerrorMessage(connection_->raw()), 500);
  return left == 0;
}

Result<void> PostgresPipeline::read(std::vector<Answer>& out) {
  pg_conn* connection = connection_->raw();
  if (PQconsumeInput(connection) == 0) {
    return busy("PostgreSQL at " + connection_->place() + ": " + PQerrorMessage(connection), 500);
  }
  bool after_nothing = false;  // One null result stands behind each statement; a second one, where nothing is left.
  while (!in_flight_.empty() && PQisBusy(connection) == 0) {
    const PostgresResult result(PQgetResult(connection), PQclear);
    if (!result) {
      if (std::exchange(after_nothing, true)) break;
      continue;
    }
    after_nothing = false;
    if (auto taken = take_result(result.get(), out); !taken) return taken;
  }
  if (PQstatus(connection) == CONNECTION_BAD) {
    return busy("PostgreSQL at " + connection_->place() + ": " + PQerrorMessage(connection), 500);
  }
  return {};
}

Result<void> PostgresPipeline::take_result(const pg_result* result, std::vector<Answer>& out) {
  Flight& flight = in_flight_.front();
  switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
      return {};
    case PGRES_TUPLES_OK:
      take_rows(result);
      return {};
    case PGRES_PIPELINE_ABORTED:
      return {};  // Behind a statement that failed, up to the Sync.
    case PGRES_PIPELINE_SYNC:
      break;
    default: {
      const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
      const auto failed = postgres_failure(state == nullptr ? "" : state);
      auto error = postgres_error(result, connection_->place());
      // Given again, over a new connection and with all that stand behind it: so the order stays.
      if (failed == PostgresFailure::kAgain || flight.failed) return std::unexpected(std::move(error));
      flight.failed = failed;
      flight.completion.result = std::unexpected(std::move(error));
      flight.completion.rows.clear();
      return {};
    }
  }
  bytes_ -= flight.request.bytes;
  out.push_back({std::move(flight.request), std::move(flight.completion)});
  in_flight_.pop_front();
  waiting_since_ = Clock::now();
  return {};
}

void PostgresPipeline::take_rows(const pg_result* result) {
  Flight& flight = in_flight_.front();
  if (flight.request.kind == StoreCompletion::Kind::kBase) {
    flight.request.base_there = Offset{static_cast<std::uint64_t>(read_postgres_int(postgres_value(result, 0, 0)))};
    return;
  }
  auto read = read_postgres_rows(result, flight.completion.rows);
  if (!read) {
    flight.completion.rows.clear();
    flight.completion.result = std::move(read);
    return;
  }
  if (flight.request.kind == StoreCompletion::Kind::kScan) flight.completion.next = read_postgres_next(result);
}

std::deque<PostgresRequest> PostgresPipeline::take_back() {
  std::deque<PostgresRequest> requests;
  for (Flight& flight : in_flight_) requests.push_back(std::move(flight.request));
  in_flight_.clear();
  bytes_ = 0;
  return requests;
}

int PostgresPipeline::socket() const { return PQsocket(connection_->raw()); }

}  // namespace quipu
