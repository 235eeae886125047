#include "contract/counter_store_contract.h"
#include "services/postgres_place.h"

/// The stores that need a server, for the suite of test/contract.
namespace quipu::testing_contract {
namespace {

class PostgresBench final : public StoreBench {
 public:
  PostgresBench() { open(); }
  CounterStore& store() override { return **store_; }
  void reopen() override {
    store_.reset();
    open();
  }
  void wait() override { store_->wait(); }

 private:
  void open() {
    PostgresStoreOptions options;
    options.url = place_.url();
    store_.emplace(std::move(options));
  }

  testing_services::PostgresPlace place_;
  std::optional<testing_services::OpenStore> store_;
};

}  // namespace

std::vector<StoreUnderTest> stores_under_test() {
  return {{"Postgres", [] { return std::make_unique<PostgresBench>(); }, false}};
}

}  // namespace quipu::testing_contract
