#include "store/cassandra_session.h"

#include <quipu_cassandra.h>

#include <algorithm>
#include <array>
#include <utility>

namespace quipu {
namespace {

constexpr std::size_t kErrorBytes = 2'048;
constexpr std::int64_t kRetryMs = 1'000;

Result<void> result_of(std::int32_t code, const char* what) {
  switch (code) {
    case QUIPU_CASSANDRA_OK:
      return {};
    case QUIPU_CASSANDRA_UNKNOWN:
      return failure(Code::kUnknown, std::string("Cassandra: ") + what);
    case QUIPU_CASSANDRA_UNAVAILABLE:
      return busy(std::string("Cassandra: ") + what, kRetryMs);
    default:
      return failure(Code::kRefused, std::string("Cassandra: ") + what);
  }
}

const char* or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

const std::uint8_t* data_of(const CassandraValues& values) {
  return reinterpret_cast<const std::uint8_t*>(values.bytes().data());
}

}  // namespace

struct CassandraAnswer::Held {
  quipu_cassandra_completion completion{};
  Held() = default;
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() { quipu_cassandra_release(&completion); }
};

CassandraAnswer::CassandraAnswer() : held_(std::make_unique<Held>()) {}
CassandraAnswer::~CassandraAnswer() = default;
CassandraAnswer::CassandraAnswer(CassandraAnswer&& other) noexcept = default;
CassandraAnswer& CassandraAnswer::operator=(CassandraAnswer&& other) noexcept = default;

std::uint64_t CassandraAnswer::token() const { return held_->completion.token; }
Result<void> CassandraAnswer::result() const { return result_of(held_->completion.code, held_->completion.error); }
std::string_view CassandraAnswer::rows() const {
  return {reinterpret_cast<const char*>(held_->completion.rows), held_->completion.rows_size};
}
std::uint32_t CassandraAnswer::row_count() const { return held_->completion.row_count; }
std::uint32_t CassandraAnswer::repeats() const { return held_->completion.repeats; }

struct CassandraSession::Driver {
  quipu_cassandra_session* session = nullptr;
  std::function<void()> wake;

  Driver() = default;
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  ~Driver() { quipu_cassandra_close(session); }
};

CassandraSession::CassandraSession(std::unique_ptr<Driver> driver) : driver_(std::move(driver)) {}
CassandraSession::~CassandraSession() = default;

Result<std::unique_ptr<CassandraSession>> CassandraSession::open(const CassandraConnection& connection,
                                                                 const std::string& keyspace,
                                                                 std::function<void()> wake) {
  auto driver = std::make_unique<Driver>();
  driver->wake = std::move(wake);
  quipu_cassandra_options options{};
  options.contact_points = connection.contact_points.c_str();
  options.datacenter = or_null(connection.datacenter);
  options.keyspace = keyspace.c_str();
  options.user = or_null(connection.user);
  options.password = or_null(connection.password);
  options.tls = connection.tls ? 1 : 0;
  options.tls_ca = or_null(connection.tls_ca);
  options.tls_certificate = or_null(connection.tls_certificate);
  options.tls_key = or_null(connection.tls_key);
  options.threads = std::clamp(connection.threads, 1u, 64u);
  options.connections = std::clamp(connection.connections, 1u, 64u);
  options.requests_in_flight = std::clamp(connection.requests_in_flight, 1u, 32'768u);
  options.connect_ms = connection.connect_ms;
  options.request_ms = connection.request_ms;
  options.retry_ms = connection.retry_ms;
  options.wake = [](void* argument) { static_cast<Driver*>(argument)->wake(); };
  options.wake_argument = driver.get();
  std::array<char, kErrorBytes> error{};
  const auto code = quipu_cassandra_open(&options, &driver->session, error.data(), error.size());
  if (auto opened = result_of(code, error.data()); !opened) return std::unexpected(opened.error());
  return std::unique_ptr<CassandraSession>(new CassandraSession(std::move(driver)));
}

Result<void> CassandraSession::run(const std::string& cql) {
  std::array<char, kErrorBytes> error{};
  return result_of(quipu_cassandra_run(driver_->session, cql.c_str(), error.data(), error.size()), error.data());
}

Result<CassandraSession::Statement> CassandraSession::prepare(const std::string& cql, Way way) {
  std::array<char, kErrorBytes> error{};
  Statement statement = 0;
  std::uint32_t how = 0;
  if (way.repeatable) how |= QUIPU_CASSANDRA_REPEATABLE;
  if (way.all_replicas) how |= QUIPU_CASSANDRA_ALL_REPLICAS;
  const auto code = quipu_cassandra_prepare(driver_->session, cql.c_str(), how, &statement, error.data(), error.size());
  if (auto prepared = result_of(code, error.data()); !prepared) return std::unexpected(prepared.error());
  return statement;
}

CassandraAnswer CassandraSession::call(Statement statement, const CassandraValues& values, std::uint32_t concurrency) {
  CassandraAnswer answer;
  quipu_cassandra_call(driver_->session, statement, data_of(values), values.bytes().size(), values.executions(),
                       concurrency, &answer.held_->completion);
  return answer;
}

CassandraAnswer CassandraSession::call_nodes(const std::string& cql, std::uint32_t limit_ms) {
  CassandraAnswer answer;
  quipu_cassandra_call_nodes(driver_->session, cql.c_str(), limit_ms, &answer.held_->completion);
  return answer;
}

void CassandraSession::submit(std::uint64_t token, Statement statement, const CassandraValues& values,
                              std::uint32_t concurrency) {
  quipu_cassandra_submit(driver_->session, token, statement, data_of(values), values.bytes().size(),
                         values.executions(), concurrency);
}

void CassandraSession::ask_nodes(std::uint64_t token, const std::string& cql, std::uint32_t limit_ms) {
  quipu_cassandra_nodes(driver_->session, token, cql.c_str(), limit_ms);
}

void CassandraSession::after(std::uint64_t token, std::uint32_t milliseconds) {
  quipu_cassandra_after(driver_->session, token, milliseconds);
}

void CassandraSession::take(std::vector<CassandraAnswer>& out) {
  constexpr std::size_t kAtOnce = 64;
  std::array<quipu_cassandra_completion, kAtOnce> taken{};
  while (true) {
    const auto count = quipu_cassandra_take(driver_->session, taken.data(), taken.size());
    for (std::size_t at = 0; at < count; ++at) {
      out.emplace_back();
      out.back().held_->completion = taken[at];
    }
    if (count < taken.size()) return;
  }
}

}  // namespace quipu
