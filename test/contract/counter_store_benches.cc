#include <gtest/gtest.h>
#include <stdlib.h>

#include <condition_variable>
#include <filesystem>
#include <iterator>
#include <mutex>
#include <sstream>
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

StoreUnderTest memory_store_under_test() {
  return {"Memory", [] { return std::make_unique<MemoryBench>(); }};
}

StoreUnderTest rocksdb_store_under_test() {
  return {"Rocksdb", [] { return std::make_unique<RocksdbBench>(); }};
}

std::vector<StoreCompletion> take_all(StoreBench& bench) {
  std::vector<StoreCompletion> all;
  while (bench.store().pending() > 0) {
    bench.wait();
    bench.store().take_completions(all);
  }
  return all;
}

std::string text_of(const RowBatch& rows) {
  std::ostringstream text;
  for (const auto& item : rows.items()) {
    text << item.routing << ' ' << rows.space(item) << '/' << rows.counter(item) << " g" << item.shard.generation.value
         << " p" << item.shard.partition.value << " total " << item.row.total << " events " << item.row.events
         << " epoch " << item.row.epoch.value << " applied " << item.row.applied.value << " flags "
         << int{item.row.flags} << '\n';
  }
  return text.str();
}

}  // namespace quipu::testing_contract
