#include <gtest/gtest.h>
#include <stdlib.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <stdexcept>

#include "contract/counter_store_contract.h"
#include "store/memory_store.h"
#include "store/rocksdb_store.h"

namespace quipu::testing_contract {
namespace {

class MemoryBench final : public StoreBench {
 public:
  CounterStore& store() override { return store_; }
  void reopen() override {
    std::vector<StoreCompletion> ignored;
    store_.take_completions(ignored);
    store_.crash(store_.unsynced());
  }
  void wait() override {}

 private:
  MemoryStore store_;
};

class RocksdbBench final : public StoreBench {
 public:
  RocksdbBench() {
    std::string pattern = (std::filesystem::temp_directory_path() / "quipu-store-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
    open();
  }
  ~RocksdbBench() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }
  CounterStore& store() override { return *store_; }
  void reopen() override {
    store_.reset();
    open();
  }
  void wait() override {
    std::unique_lock lock(mutex_);
    woken_.wait(lock, [this] { return wakes_ > 0; });
    wakes_ = 0;
  }

 private:
  void open() {
    RocksdbStoreOptions options;
    options.limits.write_buffer_bytes = 1 << 20;
    options.wake = [this] {
      {
        const std::scoped_lock lock(mutex_);
        ++wakes_;
      }
      woken_.notify_one();
    };
    auto opened = RocksdbStore::open(directory_ / "store", directory_ / "bases", std::move(options));
    if (!opened) throw std::runtime_error(opened.error().what);
    store_ = std::move(*opened);
  }

  std::filesystem::path directory_;
  std::mutex mutex_;
  std::condition_variable woken_;
  int wakes_ = 0;
  std::unique_ptr<RocksdbStore> store_;
};

}  // namespace

std::vector<StoreUnderTest> stores_under_test() {
  return {{"Memory", [] { return std::make_unique<MemoryBench>(); }, false},
          {"Rocksdb", [] { return std::make_unique<RocksdbBench>(); }, false}};
}

}  // namespace quipu::testing_contract
