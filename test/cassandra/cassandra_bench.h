#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "contract/counter_store_contract.h"
#include "store/cassandra_session.h"
#include "store/cassandra_store.h"

namespace quipu::testing_cassandra {

/// The server of QUIPU_TEST_CASSANDRA; throws when it is not set.
std::string contact_points();

/// A name that no other test uses.
std::string new_keyspace();

/// Options for tests: that server, that keyspace with one copy, and no long waits.
CassandraStoreOptions options_for(const std::string& contact_points, const std::string& keyspace);

/// A session of the test's own, for what somebody else does to the keyspace.
std::unique_ptr<CassandraSession> open_session(const std::string& contact_points);

/// Lets the store's wake end a wait.
class Waker {
 public:
  void wake();
  /// Returns after the next wake, or one that was not waited for; throws after a generous time.
  void wait();

 private:
  std::mutex mutex_;
  std::condition_variable woken_;
  int wakes_ = 0;
};

/// A store in a keyspace of its own, which is dropped at the end.
class CassandraBench final : public testing_contract::StoreBench {
 public:
  /// `edit` changes the options before each opening.
  explicit CassandraBench(
      std::string contact_points = testing_cassandra::contact_points(),
      std::function<void(CassandraStoreOptions&)> edit = [](CassandraStoreOptions&) {});
  ~CassandraBench() override;
  CassandraBench(const CassandraBench&) = delete;
  CassandraBench& operator=(const CassandraBench&) = delete;

  CassandraStore& store() override { return *store_; }
  void reopen() override;
  void wait() override { waker_.wait(); }

  const std::string& keyspace() const { return keyspace_; }
  /// Runs CQL with "KS" for the keyspace.
  void run(std::string cql);
  /// Performs one request and answers its completion, what else was completed meanwhile left in `others`.
  StoreCompletion write(StoreWrite write);
  RowBatch load(const std::vector<CounterKey>& keys);
  /// Takes completions until one of that kind is there.
  StoreCompletion wait_for(StoreCompletion::Kind kind);

 private:
  const std::string contact_points_;
  const std::string keyspace_;
  const std::function<void(CassandraStoreOptions&)> edit_;
  Waker waker_;
  std::unique_ptr<CassandraStore> store_;
  std::vector<StoreCompletion> taken_;
};

}  // namespace quipu::testing_cassandra
