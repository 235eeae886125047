#pragma once

#include <quipu_cassandra.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/distributed/cassandra_cluster.h"
#include "sim/distributed/cassandra_statement.h"

namespace quipu::sim {

/// What stands in for Cassandra's driver, at its border to C++ (drivers/include/quipu_cassandra.h), so that all of the
/// store above it is the product. What is submitted waits until the world has it performed, one execution after the
/// other and in no order; what waits by the driver's contract is performed at once.
class SimCassandraSession {
 public:
  SimCassandraSession(SimCassandra& cluster, Random& random, Trace& trace, std::int64_t retry_ms)
      : cluster_(cluster), random_(random), trace_(trace), retry_ms_(retry_ms) {}

  /// Sessions that are opened from now on are of this cluster; null: they fail to open.
  static void use(SimCassandra* cluster, Random* random, Trace* trace);
  static std::unique_ptr<SimCassandraSession> open(std::int64_t retry_ms);

  /// The time: `steady` only ever rises, the other is what writes without a timestamp are given.
  static void set_time(TimeMs steady, std::int64_t wall_us);
  /// The session that was opened last: who opens a store finds its driver by it.
  static SimCassandraSession* newest();

  /// Performs some executions of what waits.
  void perform(std::size_t count);
  std::size_t waiting() const { return jobs_.size(); }
  /// What waits of rows of counters, as it stands in their table.
  std::vector<std::pair<SimCassandra::Key, SimCassandra::Cell>> rows_waiting() const;
  /// The process is gone: of the writes that it had sent some arrive.
  void abandon();

  // The border.
  std::uint32_t prepare(const std::string& cql, std::uint32_t how);
  void submit(std::uint64_t token, std::uint32_t statement, std::string_view values, std::uint32_t count);
  void call(std::uint32_t statement, std::string_view values, std::uint32_t count, quipu_cassandra_completion& out);
  void submit_nodes(std::uint64_t token, const std::string& cql);
  void call_nodes(const std::string& cql, quipu_cassandra_completion& out);
  void submit_timer(std::uint64_t token, std::uint32_t milliseconds);
  std::size_t take(quipu_cassandra_completion* out, std::size_t max);

 private:
  struct Job {
    std::uint64_t token = 0;
    const CassandraStatement* statement = nullptr;  // Null: the nodes are asked.
    std::string cql;
    std::vector<std::string> executions;  // Of each its values.
    std::vector<std::pair<std::string, std::uint32_t>> rows;
    std::size_t left = 0;
    std::vector<bool> done;
    TimeMs until = 0;  // It is repeated so long.
    std::uint32_t repeats = 0;
    std::int32_t code = 0;
  };

  Job make(std::uint64_t token, std::uint32_t statement, std::string_view values, std::uint32_t count) const;
  void perform_one(Job& job);
  static std::pair<SimCassandra::Key, SimCassandra::Cell> cell_of(const CassandraStatement& statement,
                                                                  std::vector<std::string_view>& bound);
  SimCassandra::Answer execute(const CassandraStatement& statement, const std::string& values, std::string& rows,
                               std::uint32_t& count);
  SimCassandra::Answer select(const CassandraStatement& statement, const std::vector<std::string_view>& bound,
                              std::string& rows, std::uint32_t& count);
  void answer_nodes(Job& job);
  static void complete(Job& job, quipu_cassandra_completion& out);

  SimCassandra& cluster_;
  Random& random_;
  Trace& trace_;
  const std::int64_t retry_ms_;
  std::deque<CassandraStatement> statements_;  // Jobs point to them.
  std::vector<Job> jobs_;
  std::vector<std::pair<TimeMs, std::uint64_t>> timers_;
  std::vector<quipu_cassandra_completion> completions_;
};

}  // namespace quipu::sim

/// A session as C knows it.
struct quipu_cassandra_session {  // NOLINT(readability-identifier-naming)
  std::unique_ptr<quipu::sim::SimCassandraSession> session;
};
