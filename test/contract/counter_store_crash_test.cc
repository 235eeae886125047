#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "contract/counter_store_contract.h"
#include "store/rocksdb_store.h"

/// What a store on disk holds after its process was killed in the middle of writes: a prefix of them, each whole.
///
/// The process that is killed is this program again, with the one disabled test below: RocksDB's threads would not
/// outlive a plain fork.
namespace quipu::testing_contract {
namespace {

constexpr const char* kDirectoryName = "QUIPU_TEST_CRASH_DIRECTORY";
constexpr const char* kPipeName = "QUIPU_TEST_CRASH_PIPE";
constexpr int kRowsEach = 20;
constexpr std::uint64_t kSyncEvery = 50;
constexpr std::uint64_t kBaseEvery = 170;

/// A store that waits for each of its requests.
class PatientStore {
 public:
  explicit PatientStore(const std::filesystem::path& directory) {
    RocksdbStoreOptions options;
    options.limits.write_buffer_bytes = 64 << 10;  // So that RocksDB writes buffers out by itself, too.
    options.wake = [this] {
      {
        const std::scoped_lock lock(mutex_);
        woken_ = true;
      }
      condition_.notify_one();
    };
    auto opened = RocksdbStore::open(directory / "store", directory / "bases", std::move(options));
    if (!opened) throw std::runtime_error(opened.error().what);
    store_ = std::move(*opened);
  }
  RocksdbStore& store() { return *store_; }

  StoreCompletion wait() {
    std::vector<StoreCompletion> done;
    while (done.empty()) {
      std::unique_lock lock(mutex_);
      condition_.wait(lock, [this] { return woken_; });
      woken_ = false;
      lock.unlock();
      store_->take_completions(done);
    }
    if (!done.front().result) throw std::runtime_error(done.front().result.error().what);
    return std::move(done.front());
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool woken_ = false;
  std::unique_ptr<RocksdbStore> store_;
};

/// The write of number n: some rows that every write changes, one that only this write makes, and watermark n.
StoreWrite numbered(std::uint64_t n) {
  StoreWrite write;
  write.token = n;
  const auto total = static_cast<std::int64_t>(n);
  for (std::uint64_t i = 0; i < kRowsEach; ++i) {
    write.rows.add(i * 0x9e3779b97f4a7c15, "views", "shared", shard(1, 0), row(total, n));
  }
  write.rows.add(n * 0xd1342543de82ef95, "views", "own", shard(1, 1), row(total, n));
  write.sources.push_back({PartitionId{0}, {1, 1}, n, Offset{n}});
  write.watermarks.push_back({PartitionId{0}, Offset{n}, {}});
  write.sync = n % kSyncEvery == 0;
  return write;
}

TEST(CounterStoreCrashWriter, DISABLED_WritesUntilItIsKilled) {
  const char* directory = ::getenv(kDirectoryName);
  const char* pipe = ::getenv(kPipeName);
  if (directory == nullptr || pipe == nullptr) GTEST_SKIP() << "is run by the tests below";
  const int told = std::stoi(pipe);
  PatientStore store(directory);
  for (std::uint64_t n = 1;; ++n) {
    store.store().write(numbered(n));
    store.wait();
    if (n % kBaseEvery == 0) {
      store.store().write_base({Offset{n}, {}}, n);
      store.wait();
    }
    if (::write(told, &n, sizeof(n)) != sizeof(n)) ::_exit(1);
  }
}

class CounterStoreCrash : public testing::Test {
 protected:
  CounterStoreCrash() {
    std::string pattern = (std::filesystem::temp_directory_path() / "quipu-crash-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~CounterStoreCrash() override { std::filesystem::remove_all(directory_); }

  /// Lets another process write until it has told of `writes`, and kills it. Answers the last write it told of.
  std::uint64_t write_and_kill(std::uint64_t writes) {
    std::array<int, 2> pipe{};
    EXPECT_EQ(::pipe(pipe.data()), 0);
    const std::string directory_text = std::string(kDirectoryName) + "=" + directory_.string();
    const std::string pipe_text = std::string(kPipeName) + "=" + std::to_string(pipe[1]);
    std::vector<char*> environment{const_cast<char*>(directory_text.c_str()), const_cast<char*>(pipe_text.c_str())};
    for (char** at = environ; *at != nullptr; ++at) environment.push_back(*at);
    environment.push_back(nullptr);
    std::array<const char*, 4> arguments{"/proc/self/exe", "--gtest_filter=CounterStoreCrashWriter.DISABLED_*",
                                         "--gtest_also_run_disabled_tests", nullptr};
    const auto child = ::fork();
    if (child == 0) {
      ::dup2(::open("/dev/null", O_WRONLY), STDOUT_FILENO);
      ::execve(arguments[0], const_cast<char**>(arguments.data()), environment.data());
      ::_exit(127);
    }
    ::close(pipe[1]);
    std::uint64_t last = 0;
    for (std::uint64_t n = 0; last < writes && ::read(pipe[0], &n, sizeof(n)) == sizeof(n);) last = n;
    ::kill(child, SIGKILL);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status)) << "it ended by itself";
    for (std::uint64_t n = 0; ::read(pipe[0], &n, sizeof(n)) == sizeof(n);) last = n;
    ::close(pipe[0]);
    EXPECT_GE(last, writes);
    return last;
  }

  /// Checks that the store is as of one of the writes, and answers which.
  std::uint64_t check_prefix() {
    PatientStore patient(directory_);
    auto& store = patient.store();
    const auto marks = store.watermarks().value();
    const auto sources = store.sources().value();
    std::uint64_t newest = marks.empty() ? 0 : marks[0].offset.value;
    EXPECT_EQ(store.durable_watermark(PartitionId{0}), Offset{newest});
    EXPECT_EQ(sources.empty() ? 0 : sources[0].sequence, newest);
    store.scan({1, 0, SIZE_MAX});
    const auto rows = patient.wait().rows;
    std::uint64_t own = 0;
    for (const auto& item : rows.items()) {
      if (rows.counter(item) == "shared") {
        EXPECT_EQ(item.row.applied.value, newest) << "a row that is not as of the watermark";
      } else {
        EXPECT_LE(item.row.applied.value, newest) << "a row beyond the watermark";
        ++own;
      }
    }
    EXPECT_EQ(own, newest) << "a row below the watermark is missing";
    EXPECT_EQ(rows.size(), newest == 0 ? 0 : newest + kRowsEach);
    const auto base = store.newest_base(Offset{kOffsetMax});
    EXPECT_TRUE(base) << base.error().what;
    if (newest >= kBaseEvery) {
      EXPECT_TRUE(*base && (*base)->offset.value % kBaseEvery == 0 && (*base)->offset.value <= newest);
    }
    return newest;
  }

  std::filesystem::path directory_;
};

TEST_F(CounterStoreCrash, LeavesAPrefixOfTheWritesNoShorterThanTheLastSync) {
  int cut = 0;
  for (const std::uint64_t writes : {1, 49, 50, 120, 339, 340, 700}) {
    const auto told = write_and_kill(writes);
    const auto kept = check_prefix();
    EXPECT_LE(kept, told + 1);
    EXPECT_GE(kept, told - told % kSyncEvery) << "a write that was synced is lost";
    if (kept < told) ++cut;
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directory(directory_);
  }
  EXPECT_GT(cut, 0) << "no kill ever took a write: nothing was tested";
}

}  // namespace
}  // namespace quipu::testing_contract
