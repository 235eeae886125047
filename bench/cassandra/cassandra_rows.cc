#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "store/cassandra_session.h"
#include "store/cassandra_store.h"

/// How many rows a second the Cassandra store takes and gives, in its exact form and on counter columns, and how many
/// UPDATEs of one counter column, as the textbook has it: the same counters, the same driver, the server of
/// QUIPU_TEST_CASSANDRA. Rounds of the three alternate; each line is one round.
namespace quipu {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kCounters = 20'000;
constexpr std::uint64_t kRowsAtOnce = 1'000;
constexpr std::size_t kWritesAtOnce = 4;
constexpr double kRoundSeconds = 5;

double seconds_since(Clock::time_point began) { return std::chrono::duration<double>(Clock::now() - began).count(); }
std::string name(std::uint64_t counter) { return "video-" + std::to_string(1'000'000 + counter); }

class Measured {
 public:
  Measured(const std::string& contact_points, CassandraRowForm form, std::uint32_t in_flight) {
    CassandraStoreOptions options;
    options.connection.contact_points = contact_points;
    options.connection.requests_in_flight = in_flight;
    options.connection.request_ms = 20'000;
    options.keyspace.name =
        "quipu_bench_" + std::to_string(::getpid()) + (form == CassandraRowForm::kExact ? "e" : "c");
    options.keyspace.replication_factor = 1;
    options.form = form;
    options.wake = [this] {
      {
        const std::scoped_lock lock(mutex_);
        woken_ = true;
      }
      condition_.notify_one();
    };
    auto opened = CassandraStore::open(std::move(options));
    if (!opened) throw std::runtime_error(opened.error().what);
    store_ = std::move(*opened);
  }

  /// Rows a second over a round: each row is one higher than in the write before.
  double write_rows() {
    const auto began = Clock::now();
    std::uint64_t rows = 0;
    while (seconds_since(began) < kRoundSeconds) {
      while (store_->pending() < kWritesAtOnce) give_write();
      rows += take() * kRowsAtOnce;
    }
    while (store_->pending() > 0) rows += take() * kRowsAtOnce;
    return static_cast<double>(rows) / seconds_since(began);
  }

  double load_counters() {
    const auto began = Clock::now();
    std::uint64_t counters = 0;
    std::uint64_t next = 0;
    while (seconds_since(began) < kRoundSeconds) {
      while (store_->pending() < kWritesAtOnce) {
        StoreLoad load;
        for (std::uint64_t i = 0; i < kRowsAtOnce; ++i) {
          const auto counter = next++ % kCounters;
          load.keys.push_back({counter, "views", name(counter)});
        }
        store_->load(std::move(load));
      }
      counters += take() * kRowsAtOnce;
    }
    while (store_->pending() > 0) counters += take() * kRowsAtOnce;
    return static_cast<double>(counters) / seconds_since(began);
  }

 private:
  void give_write() {
    StoreWrite write;
    for (std::uint64_t i = 0; i < kRowsAtOnce; ++i) {
      const auto counter = next_++ % kCounters;
      const auto offset = next_ / kCounters + 1;
      write.rows.add(counter, "views", name(counter), {Generation{1}, PartitionId{0}},
                     {static_cast<std::int64_t>(offset), offset, Epoch{}, Offset{offset}, 0});
    }
    store_->write(std::move(write));
  }

  std::uint64_t take() {
    {
      std::unique_lock lock(mutex_);
      condition_.wait(lock, [this] { return woken_; });
      woken_ = false;
    }
    std::vector<StoreCompletion> done;
    store_->take_completions(done);
    for (const auto& completion : done) {
      if (!completion.result) throw std::runtime_error(completion.result.error().what);
    }
    return done.size();
  }

  std::mutex mutex_;
  std::condition_variable condition_;
  bool woken_ = false;
  std::uint64_t next_ = 0;
  std::unique_ptr<CassandraStore> store_;
};

/// What people do today: one UPDATE of one counter column for each event.
class Textbook {
 public:
  Textbook(const std::string& contact_points, std::uint32_t in_flight) : in_flight_(in_flight) {
    CassandraConnection connection;
    connection.contact_points = contact_points;
    connection.requests_in_flight = in_flight;
    connection.request_ms = 20'000;
    session_ = got(CassandraSession::open(connection, "system", [] {}));
    const auto keyspace = "quipu_bench_" + std::to_string(::getpid()) + "t";
    run("CREATE KEYSPACE " + keyspace +
        " WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}");
    run("CREATE TABLE " + keyspace + ".counters (video blob PRIMARY KEY, views counter)");
    update_ = got(session_->prepare("UPDATE " + keyspace + ".counters SET views = views + ? WHERE video = ?",
                                    {.repeatable = false}));
  }

  /// UPDATEs a second over a round.
  double update_counters() {
    const auto began = Clock::now();
    std::uint64_t updates = 0;
    while (seconds_since(began) < kRoundSeconds) {
      CassandraValues values;
      for (std::uint64_t i = 0; i < kRowsAtOnce; ++i) {
        values.begin(2);
        values.put_bigint(1);
        values.put_bytes(name(next_++ % kCounters));
      }
      const auto answer = session_->call(update_, values, in_flight_);
      if (auto result = answer.result(); !result) throw std::runtime_error(result.error().what);
      updates += kRowsAtOnce;
    }
    return static_cast<double>(updates) / seconds_since(began);
  }

 private:
  template <class Value>
  static Value got(Result<Value> result) {
    if (!result) throw std::runtime_error(result.error().what);
    return std::move(*result);
  }
  void run(const std::string& cql) {
    if (auto done = session_->run(cql); !done) throw std::runtime_error(done.error().what);
  }

  const std::uint32_t in_flight_;
  std::unique_ptr<CassandraSession> session_;
  CassandraSession::Statement update_{};
  std::uint64_t next_ = 0;
};

double cpu_seconds() { return static_cast<double>(::clock()) / CLOCKS_PER_SEC; }

/// `in_flight_of_each`: how many requests may be under way, a measurement for each.
int run(const std::vector<std::uint32_t>& in_flight_of_each) {
  const char* contact_points = ::getenv("QUIPU_TEST_CASSANDRA");
  if (!contact_points) {
    std::fputs("QUIPU_TEST_CASSANDRA is not set: deploy/local/services up\n", stderr);
    return 2;
  }
  for (const std::uint32_t in_flight : in_flight_of_each) {
    Measured exact(contact_points, CassandraRowForm::kExact, in_flight);
    Measured columns(contact_points, CassandraRowForm::kCounterColumns, in_flight);
    Textbook textbook(contact_points, in_flight);
    for (int round = 0; round < 2; ++round) {
      const auto line = [&](const char* what, double a_second, double cpu) {
        std::printf("%-34s %5u in flight  %8.0f /s  %5.1f us of this program's CPU each\n", what, in_flight, a_second,
                    cpu / (a_second * kRoundSeconds) * 1e6);
        std::fflush(stdout);
      };
      auto cpu = cpu_seconds();
      const auto rows = exact.write_rows();
      line("exact rows written", rows, cpu_seconds() - cpu);
      cpu = cpu_seconds();
      const auto additions = columns.write_rows();
      line("counter columns added to", additions, cpu_seconds() - cpu);
      cpu = cpu_seconds();
      const auto updates = textbook.update_counters();
      line("UPDATE of one counter column", updates, cpu_seconds() - cpu);
    }
    auto cpu = cpu_seconds();
    const auto loads = exact.load_counters();
    std::printf("%-34s %5u in flight  %8.0f /s  %5.1f us of this program's CPU each\n", "counters read", in_flight,
                loads, (cpu_seconds() - cpu) / (loads * kRoundSeconds) * 1e6);
  }
  return 0;
}

}  // namespace
}  // namespace quipu

/// With arguments: so many requests under way, each in turn.
int main(int count, char** words) {
  try {
    std::vector<std::uint32_t> in_flight;
    for (int i = 1; i < count; ++i) in_flight.push_back(static_cast<std::uint32_t>(std::stoul(words[i])));
    return quipu::run(in_flight.empty() ? std::vector<std::uint32_t>{64, 256, 1'024} : in_flight);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
