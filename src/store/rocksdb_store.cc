#include "store/rocksdb_store.h"

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <iterator>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "base/failpoint.h"
#include "store/base_files.h"
#include "store/durable_files.h"
#include "store/request_bytes.h"

namespace quipu {
namespace {

constexpr std::int64_t kBusyRetryMs = 100;

struct BaseRequest {
  Base base;
  std::uint64_t token;
};

/// A request that came when the queue was full: answered in its turn.
struct Refused {
  StoreCompletion::Kind kind;
  std::uint64_t token;
};

using Request = std::variant<StoreWrite, StoreLoad, StoreScan, BaseRequest, Refused>;

}  // namespace

class RocksdbStore::State {
 public:
  State(std::unique_ptr<RocksdbDatabase> opened, BaseFiles base_files, RocksdbStoreOptions store_options)
      : database(std::move(opened)), bases(std::move(base_files)), options_(std::move(store_options)) {}
  ~State() {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    asked_.notify_one();
    if (thread_.joinable()) thread_.join();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  /// What is in the database now is durable. Then the thread begins.
  Result<void> start();

  void give(Request request, StoreCompletion::Kind kind, std::uint64_t token, std::size_t bytes);
  void take(std::vector<StoreCompletion>& out);
  std::size_t pending() const { return pending_; }
  Offset durable(PartitionId partition) const;
  Offset oldest_base() const {
    const std::scoped_lock lock(mutex_);
    return oldest_base_;
  }

  // Before `start`, and for the calls "at start", used by the owner; then by the store's thread.
  const std::unique_ptr<RocksdbDatabase> database;
  BaseFiles bases;

 private:
  struct Waiting {
    Request request;
    std::size_t bytes;
  };

  void run();
  StoreCompletion perform(const StoreWrite& write);
  StoreCompletion perform(const StoreLoad& load);
  StoreCompletion perform(const StoreScan& scan);
  StoreCompletion perform(const BaseRequest& request);
  StoreCompletion perform(const Refused& refused);
  void note_durable();

  const RocksdbStoreOptions options_;

  // Used by the owner.
  std::size_t pending_ = 0;

  // Used by the store's thread.
  std::map<PartitionId, Offset> written_;  // Watermarks in completed writes.

  // Under mutex_.
  mutable std::mutex mutex_;
  std::condition_variable asked_;
  std::deque<Waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::vector<StoreCompletion> completions_;
  std::map<PartitionId, Offset> durable_;
  Offset oldest_base_{};
  bool stopping_ = false;

  std::thread thread_;
};

Result<void> RocksdbStore::State::start() {
  const auto marks = database->watermarks();
  if (!marks) return std::unexpected(marks.error());
  for (const Watermark& mark : *marks) written_[mark.partition] = mark.offset;
  oldest_base_ = bases.oldest();
  durable_ = written_;
  thread_ = std::thread([this] { run(); });
  return {};
}

void RocksdbStore::State::give(Request request, StoreCompletion::Kind kind, std::uint64_t token, std::size_t bytes) {
  ++pending_;
  {
    const std::scoped_lock lock(mutex_);
    // A request that alone is beyond the bound has its turn when nothing else waits.
    const bool full = waiting_.size() >= options_.waiting_requests_max ||
                      (waiting_bytes_ > 0 && waiting_bytes_ + bytes > options_.waiting_bytes_max);
    if (full) {
      waiting_.push_back({Refused{kind, token}, 0});
    } else {
      waiting_bytes_ += bytes;
      waiting_.push_back({std::move(request), bytes});
    }
  }
  asked_.notify_one();
}

void RocksdbStore::State::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    asked_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    waiting_bytes_ -= next.bytes;
    lock.unlock();
    auto completion = std::visit([this](const auto& request) { return perform(request); }, next.request);
    next.request = Refused{};  // Its memory is given back before anyone is told.
    lock.lock();
    const bool wake = completions_.empty();  // The owner takes all at once: one call is enough.
    completions_.push_back(std::move(completion));
    if (!wake) continue;
    lock.unlock();
    options_.wake();
    lock.lock();
  }
}

void RocksdbStore::State::take(std::vector<StoreCompletion>& out) {
  std::vector<StoreCompletion> taken;
  {
    const std::scoped_lock lock(mutex_);
    taken.swap(completions_);
  }
  pending_ -= taken.size();
  std::move(taken.begin(), taken.end(), std::back_inserter(out));
}

Offset RocksdbStore::State::durable(PartitionId partition) const {
  const std::scoped_lock lock(mutex_);
  const auto at = durable_.find(partition);
  return at == durable_.end() ? kNoOffset : at->second;
}

StoreCompletion RocksdbStore::State::perform(const StoreWrite& write) {
  StoreCompletion completion{StoreCompletion::Kind::kWrite, write.token, {}, {}, {}};
  if ((!write.rows.empty() && QUIPU_FAILS_AT("store.rows")) ||
      (!write.watermarks.empty() && QUIPU_FAILS_AT("store.watermark"))) {
    completion.result = busy("a failpoint's error", kBusyRetryMs);
    return completion;
  }
  completion.result = database->write(write);
  if (!completion.result) return completion;
  if (!write.watermarks.empty()) QUIPU_FAILPOINT("store.marked");
  for (const Watermark& mark : write.watermarks) written_[mark.partition] = mark.offset;
  if (write.sync) {
    completion.result = database->flush();
    if (completion.result) {
      QUIPU_FAILPOINT("store.synced");
      note_durable();
    }
    options_.flushed();
  }
  return completion;
}

StoreCompletion RocksdbStore::State::perform(const StoreLoad& load) {
  StoreCompletion completion{StoreCompletion::Kind::kLoad, load.token, {}, {}, {}};
  completion.result = database->load(load.keys, completion.rows);
  if (!completion.result) completion.rows.clear();
  return completion;
}

StoreCompletion RocksdbStore::State::perform(const StoreScan& scan) {
  StoreCompletion completion{StoreCompletion::Kind::kScan, scan.token, {}, {}, {}};
  auto next = database->scan(scan, completion.rows);
  if (next) {
    completion.next = *next;
  } else {
    completion.result = std::unexpected(next.error());
    completion.rows.clear();
  }
  return completion;
}

StoreCompletion RocksdbStore::State::perform(const BaseRequest& request) {
  StoreCompletion completion{StoreCompletion::Kind::kBase, request.token, {}, {}, {}};
  const auto make = [&]() -> Result<void> {
    const auto place = bases.begin(request.base.offset);
    if (!place) return std::unexpected(place.error());
    if (auto made = database->checkpoint(*place); !made) return made;
    note_durable();
    if (QUIPU_FAILS_AT("base.checkpoint")) return busy("a failpoint's error", kBusyRetryMs);
    return bases.finish(request.base);
  };
  completion.result = make();
  if (!completion.result) bases.abandon(request.base.offset);
  const std::scoped_lock lock(mutex_);
  oldest_base_ = bases.oldest();
  return completion;
}

StoreCompletion RocksdbStore::State::perform(const Refused& refused) {
  StoreCompletion completion{refused.kind, refused.token, {}, {}, {}};
  completion.result = busy("the store has too many requests waiting", kBusyRetryMs);
  return completion;
}

void RocksdbStore::State::note_durable() {
  const std::scoped_lock lock(mutex_);
  durable_ = written_;
}

RocksdbStore::RocksdbStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
RocksdbStore::~RocksdbStore() = default;

Result<std::unique_ptr<RocksdbStore>> RocksdbStore::open(const std::string& directory,
                                                         const std::string& bases_directory,
                                                         RocksdbStoreOptions options) {
  std::error_code error;
  const auto place = std::filesystem::absolute(directory, error).string();  // A checkpoint needs an absolute path.
  const auto bases_place = std::filesystem::absolute(bases_directory, error).string();
  if (error) return failure(Code::kRefused, directory + ": " + error.message());
  if (auto made = make_directory(place); !made) return std::unexpected(made.error());
  auto bases = BaseFiles::open(bases_place);
  if (!bases) return std::unexpected(bases.error());
  auto database = RocksdbDatabase::open(place, options.limits);
  if (!database) return std::unexpected(database.error());
  auto state = std::make_unique<State>(std::move(*database), std::move(*bases), std::move(options));
  if (auto started = state->start(); !started) return std::unexpected(started.error());
  return std::unique_ptr<RocksdbStore>(new RocksdbStore(std::move(state)));
}

Result<std::vector<Watermark>> RocksdbStore::watermarks() { return state_->database->watermarks(); }
Result<std::vector<SourceRow>> RocksdbStore::sources() { return state_->database->sources(); }
Result<std::vector<std::pair<std::string, std::string>>> RocksdbStore::settings() {
  return state_->database->settings();
}
Result<std::optional<Base>> RocksdbStore::newest_base(Offset offset) { return state_->bases.newest(offset); }

void RocksdbStore::write(StoreWrite write) {
  const auto token = write.token;
  const auto bytes = request_bytes(write);
  state_->give(std::move(write), StoreCompletion::Kind::kWrite, token, bytes);
}

void RocksdbStore::load(StoreLoad load) {
  const auto token = load.token;
  const auto bytes = request_bytes(load);
  state_->give(std::move(load), StoreCompletion::Kind::kLoad, token, bytes);
}

void RocksdbStore::scan(StoreScan scan) { state_->give(scan, StoreCompletion::Kind::kScan, scan.token, 0); }

void RocksdbStore::write_base(Base base, std::uint64_t token) {
  // Its windows are not counted: they may be larger than the bound, and the engine makes one base at a time.
  state_->give(BaseRequest{std::move(base), token}, StoreCompletion::Kind::kBase, token, 0);
}

void RocksdbStore::take_completions(std::vector<StoreCompletion>& out) { state_->take(out); }
std::size_t RocksdbStore::pending() const { return state_->pending(); }
Offset RocksdbStore::durable_watermark(PartitionId partition) const { return state_->durable(partition); }
Offset RocksdbStore::oldest_base() const { return state_->oldest_base(); }

}  // namespace quipu
