#include "sim/distributed/cassandra_driver.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "base/check.h"
#include "base/hash.h"
#include "store/cassandra_rows.h"
#include "store/cassandra_values.h"

namespace quipu::sim {
namespace {

SimCassandra* used_cluster = nullptr;
Random* used_random = nullptr;
Trace* used_trace = nullptr;
SimCassandraSession* newest_session = nullptr;
TimeMs steady_now = 0;
std::int64_t wall_us_now = 0;

constexpr std::size_t kHostIdBytes = 16;
/// How often a request that waits is repeated at once before it is given up.
constexpr std::uint32_t kCallsMax = 3;
constexpr std::size_t kCountBytes = sizeof(std::uint16_t);

/// The values of one execution, cut from the front.
std::string cut_execution(std::string_view& bytes) {
  QUIPU_CHECK(bytes.size() >= kCountBytes);
  auto count = static_cast<unsigned>(static_cast<unsigned char>(bytes[0])) << 8 | static_cast<unsigned char>(bytes[1]);
  bytes.remove_prefix(kCountBytes);
  std::string values;
  for (; count > 0; --count) values += cut_value(bytes);
  return values;
}

std::vector<std::string_view> values_of(std::string_view bytes) {
  std::vector<std::string_view> values;
  while (!bytes.empty()) values.push_back(cut_value(bytes));
  return values;
}

std::int64_t bigint_of(std::string_view value) { return CassandraReader(value).take_bigint(); }

std::string table_prefix(const CassandraStatement& statement) { return statement.table + '\0'; }

/// Cassandra's place of a partition key; any function of it does here.
std::int64_t token_of(std::string_view space, std::string_view counter) {
  return static_cast<std::int64_t>(hash64(as_bytes(counter), hash64(as_bytes(space), 1)));
}

/// What a completion owns.
struct Held {
  std::string rows;
};

std::string text_of(const CassandraStatement& statement, const SimCassandra::Key& key, const SimCassandra::Cell& cell) {
  if (statement.table != "counters") return statement.table;
  const auto bytes = key.substr(statement.table.size() + 1) + cell.value;
  CassandraReader reader(bytes);
  RowBatch rows;
  if (!read_shard(reader, rows) || rows.empty()) return "a row that is none";
  const auto& item = rows.items().front();
  return "row " + std::string(rows.counter(item)) + " of partition " + std::to_string(item.shard.partition.value) +
         " at offset " + std::to_string(item.row.applied.value) + " with " + std::to_string(item.row.total);
}

std::int32_t code_of(SimCassandra::Answer answer) {
  switch (answer) {
    case SimCassandra::Answer::kDone:
      return QUIPU_CASSANDRA_OK;
    case SimCassandra::Answer::kUnknown:
      return QUIPU_CASSANDRA_UNKNOWN;
    case SimCassandra::Answer::kUnavailable:
      return QUIPU_CASSANDRA_UNAVAILABLE;
  }
  return QUIPU_CASSANDRA_REFUSED;
}

}  // namespace

void SimCassandraSession::use(SimCassandra* cluster, Random* random, Trace* trace) {
  used_cluster = cluster;
  used_random = random;
  used_trace = trace;
}

std::unique_ptr<SimCassandraSession> SimCassandraSession::open(std::int64_t retry_ms) {
  if (used_cluster == nullptr || used_cluster->up() == 0) return nullptr;
  auto session = std::make_unique<SimCassandraSession>(*used_cluster, *used_random, *used_trace, retry_ms);
  newest_session = session.get();
  return session;
}

SimCassandraSession* SimCassandraSession::newest() { return newest_session; }

void SimCassandraSession::set_time(TimeMs steady, std::int64_t wall_us) {
  steady_now = steady;
  wall_us_now = wall_us;
}

std::uint32_t SimCassandraSession::prepare(const std::string& cql, std::uint32_t how) {
  auto& statement = statements_.emplace_back(parse_statement(cql));
  statement.repeatable = (how & QUIPU_CASSANDRA_REPEATABLE) != 0;
  statement.all_replicas = (how & QUIPU_CASSANDRA_ALL_REPLICAS) != 0;
  return static_cast<std::uint32_t>(statements_.size() - 1);
}

SimCassandraSession::Job SimCassandraSession::make(std::uint64_t token, std::uint32_t statement,
                                                   std::string_view values, std::uint32_t count) const {
  Job job;
  job.token = token;
  job.statement = &statements_.at(statement);
  for (std::uint32_t i = 0; i < count; ++i) job.executions.push_back(cut_execution(values));
  job.rows.resize(count);
  job.done.resize(count);
  job.left = count;
  job.until = steady_now + (job.statement->repeatable ? retry_ms_ : 0);
  return job;
}

std::vector<std::pair<SimCassandra::Key, SimCassandra::Cell>> SimCassandraSession::rows_waiting() const {
  std::vector<std::pair<SimCassandra::Key, SimCassandra::Cell>> rows;
  for (const Job& job : jobs_) {
    if (job.statement == nullptr || job.statement->kind != CassandraStatement::Kind::kInsert) continue;
    if (job.statement->table != "counters") continue;
    for (std::size_t i = 0; i < job.executions.size(); ++i) {
      auto bound = values_of(job.executions[i]);
      if (!job.done[i]) rows.push_back(cell_of(*job.statement, bound));
    }
  }
  return rows;
}

void SimCassandraSession::submit(std::uint64_t token, std::uint32_t statement, std::string_view values,
                                 std::uint32_t count) {
  jobs_.push_back(make(token, statement, values, count));
}

void SimCassandraSession::call(std::uint32_t statement, std::string_view values, std::uint32_t count,
                               quipu_cassandra_completion& out) {
  auto job = make(0, statement, values, count);
  while (job.left > 0 && job.code == QUIPU_CASSANDRA_OK) {
    if (job.repeats >= kCallsMax) job.until = steady_now;
    perform_one(job);
  }
  complete(job, out);
}

void SimCassandraSession::submit_nodes(std::uint64_t token, const std::string& cql) {
  Job job;
  job.token = token;
  job.cql = cql;
  job.left = 1;
  jobs_.push_back(std::move(job));
}

void SimCassandraSession::call_nodes(const std::string& cql, quipu_cassandra_completion& out) {
  Job job;
  job.cql = cql;
  answer_nodes(job);
  complete(job, out);
}

void SimCassandraSession::submit_timer(std::uint64_t token, std::uint32_t milliseconds) {
  timers_.emplace_back(steady_now + milliseconds, token);
}

/// Each node says for itself what it is asked; one that is down, or in a hurry, says nothing.
void SimCassandraSession::answer_nodes(Job& job) {
  std::string rows;
  for (std::size_t node = 0; node < SimCassandra::kNodes; ++node) {
    rows += wire_value(std::string(kHostIdBytes, static_cast<char>('a' + node)));
    if (!cluster_.is_up(node)) {
      CassandraValues null;
      null.begin(1);
      null.put_null();
      rows += null.bytes().substr(kCountBytes);
    } else if (job.cql.find("commitlog_sync_period") != std::string::npos) {
      rows += wire_value(std::to_string(cluster_.sync_ms()) + "ms");
    } else if (job.cql.find("commitlog_sync") != std::string::npos) {
      rows += wire_value("periodic");
    } else {
      rows += wire_int(static_cast<std::int32_t>(cluster_.generation(node)));
    }
  }
  job.rows = {{std::move(rows), SimCassandra::kNodes}};
  job.left = 0;
}

void SimCassandraSession::perform(std::size_t count) {
  for (std::size_t i = 0; i < timers_.size();) {
    if (timers_[i].first > steady_now) {
      ++i;
      continue;
    }
    Job job;
    job.token = timers_[i].second;
    timers_.erase(timers_.begin() + static_cast<std::ptrdiff_t>(i));
    complete(job, completions_.emplace_back());
  }
  for (; count > 0 && !jobs_.empty(); --count) {
    const auto at = random_.below(jobs_.size());
    Job& job = jobs_[at];
    if (job.left > 0) perform_one(job);
    if (job.left > 0 && job.code == QUIPU_CASSANDRA_OK) continue;
    complete(job, completions_.emplace_back());
    jobs_.erase(jobs_.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

/// One execution that is not done yet, any; the first that fails for good ends all.
void SimCassandraSession::perform_one(Job& job) {
  if (job.statement == nullptr) return answer_nodes(job);
  auto skip = random_.below(job.left);
  std::size_t at = 0;
  for (; job.done[at] || skip > 0; ++at) skip -= job.done[at] ? 0 : 1;
  job.rows[at] = {};
  const auto answer = execute(*job.statement, job.executions[at], job.rows[at].first, job.rows[at].second);
  if (answer == SimCassandra::Answer::kDone) {
    job.done[at] = true;
    --job.left;
  } else if (steady_now < job.until) {
    ++job.repeats;
  } else {
    job.code = code_of(answer);
  }
}

/// The key that an execution names, or begins with, and the cell that it writes there.
std::pair<SimCassandra::Key, SimCassandra::Cell> SimCassandraSession::cell_of(const CassandraStatement& statement,
                                                                              std::vector<std::string_view>& bound) {
  SimCassandra::Key key = table_prefix(statement);
  SimCassandra::Cell cell;
  cell.timestamp = wall_us_now;
  if (statement.timestamp) {
    const auto at = statement.kind == CassandraStatement::Kind::kDelete ? bound.begin() : std::prev(bound.end());
    cell.timestamp = bigint_of(*at);
    bound.erase(at);
  }
  std::size_t next = 0;
  const auto named = std::min(statement.given.size(), columns_of(statement.table) - 1);
  for (std::size_t i = 0; i < named; ++i) {
    key += statement.given[i].empty() ? bound.at(next++) : std::string_view(statement.given[i]);
  }
  if (next < bound.size()) cell.value = bound[next];
  return {std::move(key), std::move(cell)};
}

SimCassandra::Answer SimCassandraSession::execute(const CassandraStatement& statement, const std::string& values,
                                                  std::string& rows, std::uint32_t& count) {
  using Kind = CassandraStatement::Kind;
  auto bound = values_of(values);
  if (!statement.writes()) return select(statement, bound, rows, count);
  const auto [key, cell] = cell_of(statement, bound);
  if (statement.kind == Kind::kClaim) return cluster_.claim(key, cell);
  if (statement.kind == Kind::kInsert) {
    const auto answer = cluster_.write(key, cell);
    trace_.line("store: " + text_of(statement, key, cell) +
                (answer == SimCassandra::Answer::kDone ? " written" : " perhaps written"));
    return answer;
  }
  return cluster_.remove(key, key + (statement.below ? cell.value : "\x7f"), cell.timestamp);
}

SimCassandra::Answer SimCassandraSession::select(const CassandraStatement& statement,
                                                 const std::vector<std::string_view>& bound, std::string& rows,
                                                 std::uint32_t& count) {
  const bool scan = statement.kind == CassandraStatement::Kind::kScan;
  SimCassandra::Key prefix = table_prefix(statement);
  std::size_t next = 0;
  for (const auto& given : statement.given) prefix += given.empty() ? bound.at(next++) : std::string_view(given);
  SimCassandra::Rows found;
  if (const auto answer = cluster_.read(prefix, found, statement.all_replicas); answer != SimCassandra::Answer::kDone)
    return answer;
  std::multimap<std::int64_t, std::string> by_token;
  for (const auto& [key, cell] : found) {
    auto columns = values_of(std::string_view(key).substr(statement.table.size() + 1));
    columns.emplace_back(cell.value);
    std::string row;
    for (const auto column : statement.selected) {
      row += column == CassandraStatement::kWriteTime ? wire_bigint(cell.timestamp) : std::string(columns.at(column));
    }
    if (scan) {
      const auto token = token_of(columns[0], columns[1]);
      by_token.emplace(token, wire_bigint(token) + row);
      continue;
    }
    rows += row;
    ++count;
  }
  if (!scan) return SimCassandra::Answer::kDone;
  const auto most = static_cast<std::uint32_t>(CassandraReader(bound.at(1)).take_int());
  for (auto at = by_token.lower_bound(bigint_of(bound.at(0))); at != by_token.end() && count < most; ++at, ++count) {
    rows += at->second;
  }
  return SimCassandra::Answer::kDone;
}

void SimCassandraSession::complete(Job& job, quipu_cassandra_completion& out) {
  auto* const held = new Held;
  out = {};
  for (auto& [rows, count] : job.rows) {
    held->rows += rows;
    out.row_count += count;
  }
  if (job.code != QUIPU_CASSANDRA_OK) out.row_count = 0;
  out.token = job.token;
  out.code = job.code;
  out.repeats = job.repeats;
  out.error = job.code == QUIPU_CASSANDRA_OK ? "" : "simulated";
  out.rows = reinterpret_cast<const std::uint8_t*>(held->rows.data());
  out.rows_size = held->rows.size();
  out.owner = held;
}

std::size_t SimCassandraSession::take(quipu_cassandra_completion* out, std::size_t max) {
  const auto count = std::min(max, completions_.size());
  std::copy_n(completions_.begin(), count, out);
  completions_.erase(completions_.begin(), completions_.begin() + static_cast<std::ptrdiff_t>(count));
  return count;
}

void SimCassandraSession::abandon() {
  for (Job& job : jobs_) {
    if (job.statement == nullptr || job.statement->kind != CassandraStatement::Kind::kInsert) continue;
    for (std::size_t i = 0; i < job.executions.size(); ++i) {
      if (job.done[i] || random_.one_in(4)) continue;
      trace_.fault(Fault::kWriteLate, "of a process that is gone");
      auto bound = values_of(job.executions[i]);
      const auto [key, cell] = cell_of(*job.statement, bound);
      cluster_.write_later(key, cell);
    }
  }
  for (auto& completion : completions_) quipu_cassandra_release(&completion);
  completions_.clear();
  jobs_.clear();
  timers_.clear();
}

}  // namespace quipu::sim

using quipu::sim::SimCassandraSession;

namespace {

std::string_view text_of(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

extern "C" {

const char* quipu_cassandra_driver() { return "simulated"; }

int32_t quipu_cassandra_open(const quipu_cassandra_options* options, quipu_cassandra_session** session, char* error,
                             size_t error_size) {
  auto opened = SimCassandraSession::open(options->retry_ms);
  *session = nullptr;
  if (!opened) {
    std::strncpy(error, "no node can be reached", error_size - 1);
    return QUIPU_CASSANDRA_UNAVAILABLE;
  }
  *session = new quipu_cassandra_session{std::move(opened)};
  return QUIPU_CASSANDRA_OK;
}

void quipu_cassandra_close(quipu_cassandra_session* session) {
  if (session != nullptr) session->session->abandon();
  delete session;
}

int32_t quipu_cassandra_prepare(quipu_cassandra_session* session, const char* cql, uint32_t how, uint32_t* statement,
                                char*, size_t) {
  *statement = session->session->prepare(cql, how);
  return QUIPU_CASSANDRA_OK;
}

int32_t quipu_cassandra_run(quipu_cassandra_session*, const char*, char*, size_t) { return QUIPU_CASSANDRA_OK; }

void quipu_cassandra_submit(quipu_cassandra_session* session, uint64_t token, uint32_t statement, const uint8_t* values,
                            size_t values_size, uint32_t count, uint32_t) {
  session->session->submit(token, statement, text_of(values, values_size), count);
}

void quipu_cassandra_call(quipu_cassandra_session* session, uint32_t statement, const uint8_t* values,
                          size_t values_size, uint32_t count, uint32_t, quipu_cassandra_completion* out) {
  session->session->call(statement, text_of(values, values_size), count, *out);
}

void quipu_cassandra_nodes(quipu_cassandra_session* session, uint64_t token, const char* cql, uint32_t) {
  session->session->submit_nodes(token, cql);
}

void quipu_cassandra_call_nodes(quipu_cassandra_session* session, const char* cql, uint32_t,
                                quipu_cassandra_completion* out) {
  session->session->call_nodes(cql, *out);
}

void quipu_cassandra_after(quipu_cassandra_session* session, uint64_t token, uint32_t milliseconds) {
  session->session->submit_timer(token, milliseconds);
}

size_t quipu_cassandra_take(quipu_cassandra_session* session, quipu_cassandra_completion* out, size_t max) {
  return session->session->take(out, max);
}

void quipu_cassandra_release(quipu_cassandra_completion* completion) {
  delete static_cast<quipu::sim::Held*>(completion->owner);
  completion->owner = nullptr;
}

}  // extern "C"
