#include "services/postgres_place.h"

#include <chrono>
#include <stdexcept>

#include "store/postgres_connection.h"

namespace quipu::testing_services {
namespace {

PostgresDeadline soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(30); }

std::string run_at(const std::string& url, const std::string& sql) {
  const auto connection = PostgresConnection::connect(url, soon(), -1);
  if (!connection) throw std::runtime_error(connection.error().what);
  const auto result = (*connection)->run(sql, soon());
  if (!result) throw std::runtime_error(result.error().what);
  return postgres_rows(result->get()) == 0 ? "" : std::string(postgres_value(result->get(), 0, 0));
}

}  // namespace

PostgresPlace::PostgresPlace(std::string server) : server_(std::move(server)) {
  schema_ = "quipu_test_" + random_name();
  run_at(server_, "CREATE SCHEMA " + schema_);
  url_ = server_ + "?application_name=" + schema_ + "&options=-csearch_path%3D" + schema_;
}

PostgresPlace::~PostgresPlace() {
  try {
    run_at(server_, "DROP SCHEMA " + schema_ + " CASCADE");
  } catch (const std::runtime_error&) {
    // The server was taken down by the test: its directory goes too.
  }
}

std::string PostgresPlace::run(const std::string& sql) const { return run_at(url_, sql); }

OpenStore::OpenStore(PostgresStoreOptions options) {
  options.wake = [wake = wake_] {
    {
      const std::scoped_lock lock(wake->mutex);
      wake->rung = true;
    }
    wake->woken.notify_one();
  };
  auto opened = PostgresStore::open(std::move(options));
  if (!opened) throw std::runtime_error(opened.error().what);
  store_ = std::move(*opened);
}

void OpenStore::wait() {
  std::unique_lock lock(wake_->mutex);
  if (!wake_->woken.wait_for(lock, std::chrono::seconds(60), [this] { return wake_->rung; })) {
    throw std::runtime_error("the store has not answered for a minute");
  }
  wake_->rung = false;
}

std::vector<StoreCompletion> OpenStore::all() {
  std::vector<StoreCompletion> done;
  while (store_->pending() > 0) {
    wait();
    store_->take_completions(done);
  }
  return done;
}

}  // namespace quipu::testing_services
