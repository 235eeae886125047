#include "cassandra/cassandra_bench.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>

namespace quipu::testing_cassandra {
namespace {

constexpr auto kPatience = std::chrono::seconds(120);

}  // namespace

std::string contact_points() {
  const char* given = ::getenv("QUIPU_TEST_CASSANDRA");
  if (!given) throw std::runtime_error("QUIPU_TEST_CASSANDRA is not set: deploy/local/services up, or tools/test");
  return given;
}

std::string new_keyspace() {
  static std::atomic<int> count{0};
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  return "quipu_" + std::to_string(::getpid()) + "_" + std::to_string(now) + "_" + std::to_string(++count);
}

CassandraStoreOptions options_for(const std::string& contact_points, const std::string& keyspace) {
  CassandraStoreOptions options;
  options.connection.contact_points = contact_points;
  options.connection.request_ms = 20'000;
  options.connection.connect_ms = 20'000;
  options.connection.retry_ms = 60'000;
  options.keyspace = {keyspace, 1};
  options.sync_wait_ms = 50;
  options.settle_at_open = true;
  return options;
}

std::unique_ptr<CassandraSession> open_session(const std::string& contact_points) {
  auto opened = CassandraSession::open(options_for(contact_points, "").connection, "system", [] {});
  if (!opened) throw std::runtime_error(opened.error().what);
  return std::move(*opened);
}

void Waker::wake() {
  {
    const std::scoped_lock lock(mutex_);
    ++wakes_;
  }
  woken_.notify_one();
}

void Waker::wait() {
  std::unique_lock lock(mutex_);
  if (!woken_.wait_for(lock, kPatience, [this] { return wakes_ > 0; }))
    throw std::runtime_error("nothing was completed");
  wakes_ = 0;
}

CassandraBench::CassandraBench(std::string contact_points, std::function<void(CassandraStoreOptions&)> edit)
    : contact_points_(std::move(contact_points)), keyspace_(new_keyspace()), edit_(std::move(edit)) {
  reopen();
}

CassandraBench::~CassandraBench() {
  store_.reset();
  try {
    run("DROP KEYSPACE IF EXISTS KS");
  } catch (const std::exception&) {
    // The server does not answer any more; its data go with it.
  }
}

void CassandraBench::reopen() {
  store_.reset();
  auto options = options_for(contact_points_, keyspace_);
  options.wake = [this] { waker_.wake(); };
  edit_(options);
  auto opened = CassandraStore::open(std::move(options));
  if (!opened) throw std::runtime_error(opened.error().what);
  store_ = std::move(*opened);
}

void CassandraBench::run(std::string cql) {
  for (auto at = cql.find("KS"); at != std::string::npos; at = cql.find("KS", at + keyspace_.size())) {
    cql.replace(at, 2, keyspace_);
  }
  if (const auto done = open_session(contact_points_)->run(cql); !done) throw std::runtime_error(done.error().what);
}

StoreCompletion CassandraBench::wait_for(StoreCompletion::Kind kind) {
  while (true) {
    store_->take_completions(taken_);
    const auto at = std::ranges::find(taken_, kind, &StoreCompletion::kind);
    if (at == taken_.end()) {
      waker_.wait();
      continue;
    }
    auto found = std::move(*at);
    taken_.erase(at);
    return found;
  }
}

StoreCompletion CassandraBench::write(StoreWrite write) {
  store_->write(std::move(write));
  return wait_for(StoreCompletion::Kind::kWrite);
}

RowBatch CassandraBench::load(const std::vector<CounterKey>& keys) {
  store_->load({1, keys});
  auto done = wait_for(StoreCompletion::Kind::kLoad);
  if (!done.result) throw std::runtime_error(done.result.error().what);
  return std::move(done.rows);
}

}  // namespace quipu::testing_cassandra

namespace quipu::testing_contract {

std::vector<StoreUnderTest> stores_under_test() {
  return {{"Cassandra", [] { return std::make_unique<testing_cassandra::CassandraBench>(); }, true}};
}

}  // namespace quipu::testing_contract
