#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "services/shell.h"
#include "store/postgres_store.h"

namespace quipu::testing_services {

/// A schema of its own in the PostgreSQL of the tests, gone with it.
class PostgresPlace {
 public:
  explicit PostgresPlace(std::string server = address("QUIPU_TEST_POSTGRES"));
  ~PostgresPlace();
  PostgresPlace(const PostgresPlace&) = delete;
  PostgresPlace& operator=(const PostgresPlace&) = delete;

  /// The URL that leads there.
  std::string url() const { return url_; }
  /// The condition that picks, of pg_stat_activity, the sessions opened with this URL but the one that asks: other
  /// tests run beside on the same server.
  std::string sessions() const { return "application_name = '" + schema_ + "' AND pid <> pg_backend_pid()"; }
  /// Runs SQL there; the value of the first row and column, as text.
  std::string run(const std::string& sql) const;

 private:
  std::string server_;
  std::string schema_;
  std::string url_;
};

/// A store with what is needed to wait for it.
class OpenStore {
 public:
  explicit OpenStore(PostgresStoreOptions options);

  CounterStore& operator*() { return *store_; }
  PostgresStore* operator->() { return store_.get(); }
  void wait();
  /// Completions until nothing is pending.
  std::vector<StoreCompletion> all();

 private:
  struct Wake {
    std::mutex mutex;
    std::condition_variable woken;
    bool rung = false;
  };
  std::shared_ptr<Wake> wake_ = std::make_shared<Wake>();
  std::unique_ptr<PostgresStore> store_;
};

}  // namespace quipu::testing_services
