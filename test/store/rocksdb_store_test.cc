#include "store/rocksdb_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "store/row_codec.h"

/// What only the store in RocksDB can meet: damage, other versions, full disks. What every store must do is in
/// test/contract.
namespace quipu {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr ShardId kShard{Generation{1}, PartitionId{0}};

class RocksdbStoreTest : public testing::Test {
 protected:
  RocksdbStoreTest() {
    std::string pattern = (fs::temp_directory_path() / "quipu-rocksdb-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    options_.limits.write_buffer_bytes = 1 << 20;
    options_.wake = [this] {
      {
        const std::scoped_lock lock(mutex_);
        woken_ = true;
      }
      condition_.notify_one();
    };
  }
  ~RocksdbStoreTest() override {
    store_.reset();
    fs::remove_all(root_);
  }

  Result<void> open() {
    auto opened = RocksdbStore::open(directory(), root_ / "bases", options_);
    if (!opened) return std::unexpected(opened.error());
    store_ = std::move(*opened);
    return {};
  }
  std::string directory() const { return root_ / "store"; }

  /// The completions of everything that was asked.
  std::vector<StoreCompletion> all() {
    std::vector<StoreCompletion> done;
    while (store_->pending() > 0) {
      std::unique_lock lock(mutex_);
      condition_.wait(lock, [this] { return woken_; });
      woken_ = false;
      lock.unlock();
      store_->take_completions(done);
    }
    return done;
  }
  Result<void> write(StoreWrite write) {
    store_->write(std::move(write));
    return all().at(0).result;
  }
  /// Puts bytes into the closed store that this program would not write.
  void smuggle(const std::string& key, const std::string& value) {
    rocksdb::DB* opened = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open({}, directory(), &opened).ok());
    const std::unique_ptr<rocksdb::DB> db(opened);
    ASSERT_TRUE(db->Put({}, key, value).ok());
  }

  fs::path root_;
  RocksdbStoreOptions options_;
  std::mutex mutex_;
  std::condition_variable condition_;
  bool woken_ = false;
  std::unique_ptr<RocksdbStore> store_;
};

StoreWrite rows(std::uint64_t first, std::uint64_t count, std::size_t name_size = 10) {
  StoreWrite write;
  for (auto n = first; n < first + count; ++n) {
    auto name = std::to_string(n * 0x9e3779b97f4a7c15);
    name.resize(name_size, 'x');
    write.rows.add(n, "views", name, kShard, {1, 1, Epoch{}, Offset{n + 1}, 0});
  }
  return write;
}

TEST_F(RocksdbStoreTest, RefusesAStoreOfANewerFormatAndNamesBothVersions) {
  ASSERT_TRUE(open());
  store_.reset();
  smuggle(format_key(), format_value(2));
  const auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kRefused);
  EXPECT_THAT(opened.error().what, HasSubstr(directory()));
  EXPECT_THAT(opened.error().what, HasSubstr("version 2"));
  EXPECT_THAT(opened.error().what, HasSubstr("version 1"));
}

TEST_F(RocksdbStoreTest, RefusesADatabaseThatIsNotItsOwn) {
  fs::create_directory(directory());
  {
    rocksdb::Options options;
    options.create_if_missing = true;
    rocksdb::DB* opened = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(options, directory(), &opened).ok());
    const std::unique_ptr<rocksdb::DB> db(opened);
    ASSERT_TRUE(db->Put({}, "somebody", "else").ok());
  }
  EXPECT_EQ(open().error().code, Code::kDamaged);
}

TEST_F(RocksdbStoreTest, RefusesToShareADirectory) {
  ASSERT_TRUE(open());
  const auto second = RocksdbStore::open(directory(), root_ / "bases", {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kRefused);
  EXPECT_THAT(second.error().what, HasSubstr(directory()));
}

TEST_F(RocksdbStoreTest, NamesTheKeyOfADamagedValue) {
  ASSERT_TRUE(open());
  ASSERT_TRUE(write(rows(0, 10)));
  store_.reset();
  std::string key;
  put_row_key(key, 4, "views", "cats", kShard);
  smuggle(key, "not a row");
  ASSERT_TRUE(open());
  store_->load({1, {{4, "views", "cats"}}});
  store_->scan({2, 0, 100});
  store_->load({3, {{4, "views", "dogs"}}});
  const auto done = all();
  ASSERT_EQ(done.size(), 3u);
  for (const int read : {0, 1}) {
    ASSERT_FALSE(done[read].result);
    EXPECT_EQ(done[read].result.error().code, Code::kDamaged);
    EXPECT_THAT(done[read].result.error().what, HasSubstr(key_text(key)));
    EXPECT_THAT(done[read].result.error().what, HasSubstr(directory()));
    EXPECT_TRUE(done[read].rows.empty());
  }
  EXPECT_TRUE(done[2].result);
  store_.reset();
  smuggle(watermark_key(PartitionId{3}), "");
  const auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().what, HasSubstr("watermark key 020003"));
}

TEST_F(RocksdbStoreTest, BeyondItsBoundsAnswersBusyInTurn) {
  options_.waiting_requests_max = 0;
  ASSERT_TRUE(open());
  store_->write(rows(0, 1));
  store_->load({5, {{0, "views", "cats"}}});
  const auto done = all();
  ASSERT_EQ(done.size(), 2u);
  EXPECT_EQ(done[0].kind, StoreCompletion::Kind::kWrite);
  EXPECT_EQ(done[1].token, 5u);
  for (const auto& refused : done) {
    ASSERT_FALSE(refused.result);
    EXPECT_EQ(refused.result.error().code, Code::kBusy);
    EXPECT_GT(refused.result.error().retry_after_ms, 0);
  }
}

TEST_F(RocksdbStoreTest, KeepsManyRowsWithSmallBuffersAndFindsEachOfThem) {
  options_.limits = {256 << 10, 256 << 10, 16};
  ASSERT_TRUE(open());
  constexpr std::uint64_t kCount = 40'000;
  for (std::uint64_t n = 0; n < kCount; n += 1'000) ASSERT_TRUE(write(rows(n, 1'000, 100)));
  store_.reset();
  ASSERT_TRUE(open());
  StoreLoad load;
  for (std::uint64_t n = 0; n < 2 * kCount; n += 7) {
    auto name = std::to_string(n * 0x9e3779b97f4a7c15);
    name.resize(100, 'x');
    load.keys.push_back({n, "views", name});
  }
  store_->load(std::move(load));
  EXPECT_EQ(all().at(0).rows.size(), (kCount + 6) / 7);
}

TEST_F(RocksdbStoreTest, ABaseCanBeOpenedAsAStoreOfItsOwn) {
  ASSERT_TRUE(open());
  ASSERT_TRUE(write(rows(0, 100)));
  store_->write_base({Offset{100}, {}}, 1);
  ASSERT_TRUE(all().at(0).result);
  ASSERT_TRUE(write(rows(100, 100)));
  const auto checkpoint = (root_ / "bases/0000000000100/store").string();
  const auto base = RocksdbDatabase::open(checkpoint, {});
  ASSERT_TRUE(base) << base.error().what;
  RowBatch found;
  ASSERT_TRUE((*base)->scan({0, 0, 1'000}, found));
  EXPECT_EQ(found.size(), 100u);
}

/// While it lives, no file of this process may grow beyond 4 KiB.
class SmallFiles {
 public:
  SmallFiles() {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit small{4096, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~SmallFiles() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(RocksdbStoreTest, GoesOnWithEverythingAfterAFlushThatFailed) {
  ASSERT_TRUE(open());
  ASSERT_TRUE(write(rows(0, 5'000)));
  auto marked = rows(5'000, 5'000);
  marked.watermarks.push_back({PartitionId{0}, Offset{10'000}, {}});
  marked.sync = true;
  {
    const SmallFiles small;
    for (int attempt = 0; attempt < 3; ++attempt) {
      const auto failed = write(marked);
      ASSERT_FALSE(failed);
      EXPECT_EQ(failed.error().code, Code::kBusy) << failed.error().what;
      store_->scan({1, 0, SIZE_MAX});
      const auto page = all();
      ASSERT_TRUE(page.at(0).result) << page.at(0).result.error().what;
      EXPECT_EQ(page.at(0).rows.size(), 10'000u) << "what was not flushed can be read";
    }
    EXPECT_EQ(store_->durable_watermark(PartitionId{0}), kNoOffset);
  }
  const auto stored = write(rows(10'000, 1));
  ASSERT_TRUE(stored) << stored.error().what;
  EXPECT_EQ(store_->durable_watermark(PartitionId{0}), kNoOffset) << "nobody waited for a flush";
  ASSERT_TRUE(write(marked));
  EXPECT_EQ(store_->durable_watermark(PartitionId{0}), Offset{10'000});
  store_.reset();
  ASSERT_TRUE(open());
  store_->scan({1, 0, SIZE_MAX});
  EXPECT_EQ(all().at(0).rows.size(), 10'001u);
}

/// A file system of 24 MiB in memory.
class FullDisk : public RocksdbStoreTest {
 protected:
  void SetUp() override {
    mounted_ = ::mount("none", root_.c_str(), "tmpfs", 0, "size=24m") == 0;
    if (!mounted_) GTEST_SKIP() << "mounting a file system needs root";
  }
  ~FullDisk() override {
    store_.reset();
    if (mounted_) ::umount2(root_.c_str(), MNT_DETACH);
  }
  void fill() {
    std::ofstream ballast(root_ / "ballast", std::ios::binary);
    const std::string block(4096, 'b');
    while (ballast.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  bool mounted_ = false;
};

TEST_F(FullDisk, IsBusyStillReadsAndGoesOnWhenThereIsRoom) {
  ASSERT_TRUE(open());
  ASSERT_TRUE(write(rows(0, 1'000)));
  fill();
  auto marked = rows(1'000, 1'000);
  marked.watermarks.push_back({PartitionId{0}, Offset{2'000}, {}});
  marked.sync = true;
  for (int attempt = 0; attempt < 3; ++attempt) {
    const auto full = write(marked);
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().code, Code::kBusy) << full.error().what;
    EXPECT_GT(full.error().retry_after_ms, 0);
    EXPECT_THAT(full.error().what, HasSubstr(directory()));
    EXPECT_EQ(store_->durable_watermark(PartitionId{0}), kNoOffset);
  }
  store_->write_base({Offset{9}, {}}, 1);
  EXPECT_EQ(all().at(0).result.error().code, Code::kBusy);
  store_->scan({1, 0, 1});
  const auto page = all();
  EXPECT_TRUE(page.at(0).result) << page.at(0).result.error().what;
  EXPECT_EQ(page.at(0).rows.size(), 1u);

  fs::remove(root_ / "ballast");
  const auto stored = write(marked);
  ASSERT_TRUE(stored) << stored.error().what;
  EXPECT_EQ(store_->durable_watermark(PartitionId{0}), Offset{2'000});
  store_.reset();
  ASSERT_TRUE(open());
  store_->scan({1, 0, 10'000});
  EXPECT_EQ(all().at(0).rows.size(), 2'000u);
  EXPECT_EQ(store_->oldest_base(), kNoOffset);
}

/// Rows that do not compress, of 1 KB each, over the whole range of keys.
StoreWrite noise(std::uint64_t first, std::uint64_t count) {
  StoreWrite write;
  std::mt19937_64 random(first);
  for (auto n = first; n < first + count; ++n) {
    std::string name(1'000, 0);
    for (char& byte : name) byte = static_cast<char>(random());
    write.rows.add(random(), "views", name, kShard, {1, 1, Epoch{}, Offset{n + 1}, 0});
  }
  return write;
}

TEST_F(FullDisk, NothingWaitsForACompactionThatHasNoRoom) {
  using std::chrono::steady_clock;
  constexpr auto kAnswered = std::chrono::seconds{5};  // RocksDB itself pauses for 1 s behind a failed compaction.
  constexpr int kSlowFiles = 20;  // From there on RocksDB would slow writes down; it stops them at 36.
  ASSERT_TRUE(open());
  std::uint64_t rows_written = 0;
  const auto flushed = [&](std::uint64_t count) {
    auto rows = noise(rows_written, count);
    rows_written += count;
    rows.sync = true;
    return write(std::move(rows));
  };
  ASSERT_EQ(::mount("none", root_.c_str(), "tmpfs", MS_REMOUNT, "size=40m"), 0);
  for (int i = 0; i < 12; ++i) ASSERT_TRUE(flushed(1'000));
  // While the last compaction is under way it has most of the room.
  // A flush of a few rows fits, a compaction of all rows does not: files pile up until RocksDB takes no more.
  while (fs::space(root_).available < (20 << 20)) std::this_thread::sleep_for(std::chrono::milliseconds{2});
  std::ofstream(root_ / "ballast") << std::string(fs::space(root_).available - (10 << 20), 'b');
  Result<void> stored;
  int timed = 0;
  for (int files = 0, attempts = 0; attempts < 2'000; ++attempts) {
    stored = flushed(5);
    if (!stored && stored.error().what.find("compaction") != std::string::npos) break;
    if (!stored) std::this_thread::sleep_for(std::chrono::milliseconds{2});  // A compaction has the room for a moment.
    if (!stored || ++files < kSlowFiles) continue;
    const auto began = steady_clock::now();
    store_->write(noise(rows_written, 800));  // A piece of a flush has up to 4,096.
    store_->load({1, {{7, "views", "a"}}});
    ASSERT_EQ(all().size(), 2u);
    ++timed;
    ASSERT_LT(steady_clock::now() - began, kAnswered) << "a read stood behind a write that RocksDB slowed down";
  }
  ASSERT_FALSE(stored) << "compaction did have room";
  EXPECT_EQ(stored.error().code, Code::kBusy);
  EXPECT_GT(timed, 0) << "RocksDB stopped before a read was timed";

  fs::remove(root_ / "ballast");
  const auto room_since = steady_clock::now();
  while (!(stored = flushed(1))) {
    ASSERT_LT(steady_clock::now() - room_since, 2 * kAnswered) << stored.error().what;
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
}

}  // namespace
}  // namespace quipu
