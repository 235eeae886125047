#include "store/postgres_store.h"

#include <poll.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <iterator>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "store/postgres_bell.h"
#include "store/postgres_connection.h"
#include "store/postgres_pipeline.h"
#include "store/postgres_queue.h"
#include "store/postgres_schema.h"
#include "store/postgres_statements.h"
#include "store/postgres_values.h"
#include "store/request_bytes.h"

namespace quipu {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::int64_t kQueueFullRetryMs = 100;
constexpr std::int64_t kBackoffMinMs = 50;
constexpr std::int64_t kBackoffMaxMs = 2'000;
constexpr std::size_t kWriterBytes = 16;

/// From its pieces; nullopt where there are none.
Result<std::optional<Base>> read_base(const Result<PostgresResult>& found) {
  if (!found) return std::unexpected(found.error());
  const int pieces = postgres_rows(found->get());
  if (pieces == 0) return std::nullopt;
  Base base{Offset{static_cast<std::uint64_t>(read_postgres_int(postgres_value(found->get(), 0, 0)))}, {}};
  for (int at = 0; at < pieces; ++at) put(base.windows, as_bytes(postgres_value(found->get(), at, 1)));
  return base;
}

std::string random_writer() {
  std::array<char, kWriterBytes> bytes{};
  QUIPU_CHECK(::getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  return {bytes.data(), bytes.size()};
}

}  // namespace

class PostgresStore::State {
 public:
  explicit State(PostgresStoreOptions options)
      : options_(std::move(options)),
        writer_(random_writer()),
        queue_({options_.waiting_requests_max, options_.waiting_bytes_max, options_.wake}) {}
  ~State() {
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
    }
    stop_.ring();
    asked_.ring();
    if (thread_.joinable()) thread_.join();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Result<void> start();
  /// What a statement gives, for the calls "at start".
  Result<PostgresResult> ask(const std::string& sql, const std::vector<std::string>& parameters = {}) const;

  template <class What>
  void give(What what, StoreCompletion::Kind kind, std::uint64_t token, std::size_t bytes) {
    PostgresRequest request;
    request.kind = kind;
    request.token = token;
    request.bytes = bytes;
    request.what = std::move(what);
    queue_.give(std::move(request));
    asked_.ring();
  }
  void take(std::vector<StoreCompletion>& out) { queue_.take(out); }
  std::size_t pending() const { return queue_.pending(); }
  Offset durable(PartitionId partition) const {
    const std::scoped_lock lock(mutex_);
    const auto at = durable_.find(partition);
    return at == durable_.end() ? kNoOffset : at->second;
  }
  Offset oldest_base() const {
    const std::scoped_lock lock(mutex_);
    return oldest_base_;
  }
  Stats stats() const {
    const std::scoped_lock lock(mutex_);
    return stats_;
  }

 private:
  using Answer = PostgresPipeline::Answer;

  PostgresDeadline start_deadline() const { return Clock::now() + milliseconds(options_.start_timeout_ms); }
  /// A new connection, checked.
  Result<std::unique_ptr<PostgresConnection>> connect(PostgresDeadline deadline) const;
  void run();
  void reconnect();
  Result<void> meet(PostgresConnection& connection, PostgresDeadline deadline);
  Result<void> exchange();
  void wait(bool sending);
  void leave(const Error& why);
  void expire();
  void finish(std::vector<Answer> answers);
  void complete(StoreCompletion completion);

  const PostgresStoreOptions options_;
  const std::string writer_;
  PostgresBell asked_;
  PostgresBell stop_;
  PostgresQueue queue_;

  // Used by the store's thread, and before `start` has begun it.
  std::unique_ptr<PostgresPipeline> pipeline_;
  std::deque<PostgresRequest> ready_;      // Not with the server, oldest first.
  std::uint64_t writes_done_ = 0;          // The number of the last write that was completed well.
  std::map<PartitionId, Offset> written_;  // Watermarks in completed writes.
  std::int64_t backoff_ms_ = 0;
  PostgresDeadline next_try_;

  // Under mutex_.
  mutable std::mutex mutex_;
  std::map<PartitionId, Offset> durable_;
  Offset oldest_base_{};
  Stats stats_;
  bool stopping_ = false;

  std::thread thread_;
};

Result<std::unique_ptr<PostgresConnection>> PostgresStore::State::connect(PostgresDeadline deadline) const {
  auto connection = PostgresConnection::connect(options_.url, deadline, stop_.file());
  if (!connection) return connection;
  if (auto fit = prepare_postgres_session(**connection, options_.answer_timeout_ms, deadline); !fit) {
    return std::unexpected(fit.error());
  }
  return connection;
}

Result<PostgresResult> PostgresStore::State::ask(const std::string& sql,
                                                 const std::vector<std::string>& parameters) const {
  const auto deadline = start_deadline();
  const auto connection = connect(deadline);
  if (!connection) return std::unexpected(connection.error());
  return (*connection)->run(sql, parameters, deadline);
}

Result<void> PostgresStore::State::start() {
  const auto deadline = start_deadline();
  auto connection = connect(deadline);
  if (!connection) return std::unexpected(connection.error());
  if (auto migrated = migrate_postgres_schema(**connection, deadline); !migrated) return migrated;
  if (auto met = meet(**connection, deadline); !met) return met;
  if (const auto cleaned = (*connection)->run(kPostgresOldWriters, deadline); !cleaned) {
    return std::unexpected(cleaned.error());
  }
  auto pipeline = PostgresPipeline::begin(std::move(*connection), writer_, deadline);
  if (!pipeline) return std::unexpected(pipeline.error());
  pipeline_ = std::move(*pipeline);
  stats_.connections = 1;
  stats_.connected = true;
  thread_ = std::thread([this] { run(); });
  return {};
}

/// What every new connection begins with: whether the server still knows the last completed write, and if not, what it
/// knows instead.
Result<void> PostgresStore::State::meet(PostgresConnection& connection, PostgresDeadline deadline) {
  const auto known = connection.run(kPostgresWritten, {writer_}, deadline);
  if (!known) return std::unexpected(known.error());
  const std::uint64_t written = postgres_rows(known->get()) == 0
                                    ? 0
                                    : static_cast<std::uint64_t>(read_postgres_int(postgres_value(known->get(), 0, 0)));
  const bool forgot = written < writes_done_;
  if (!forgot && writes_done_ > 0) return {};
  const auto marks = connection.run(kPostgresWatermarks, {}, deadline);
  if (!marks) return std::unexpected(marks.error());
  const auto oldest = connection.run(kPostgresOldestBase, {}, deadline);
  if (!oldest) return std::unexpected(oldest.error());
  written_.clear();
  for (const Watermark& mark : read_postgres_watermarks(marks->get())) written_[mark.partition] = mark.offset;
  writes_done_ = written;
  {
    const std::scoped_lock lock(mutex_);
    durable_ = written_;
    oldest_base_ = Offset{static_cast<std::uint64_t>(read_postgres_int(postgres_value(oldest->get(), 0, 0)))};
  }
  if (forgot) complete({StoreCompletion::Kind::kForgot, 0, {}, {}, {}});
  return {};
}

void PostgresStore::State::run() {
  while (true) {
    {
      const std::scoped_lock lock(mutex_);
      if (stopping_) return;
    }
    queue_.collect(ready_);
    expire();
    if (!pipeline_ && Clock::now() >= next_try_) reconnect();
    bool sending = false;
    if (pipeline_) {
      if (auto exchanged = exchange(); !exchanged) {
        leave(exchanged.error());
        continue;
      }
      const auto flushed = pipeline_->flush();
      if (!flushed) {
        leave(flushed.error());
        continue;
      }
      sending = !*flushed;
    }
    wait(sending);
  }
}

void PostgresStore::State::reconnect() {
  const auto deadline = Clock::now() + milliseconds(std::min(options_.answer_timeout_ms, options_.start_timeout_ms));
  const auto attempt = [&]() -> Result<void> {
    auto connection = connect(deadline);
    if (!connection) return std::unexpected(connection.error());
    if (auto met = meet(**connection, deadline); !met) return met;
    auto pipeline = PostgresPipeline::begin(std::move(*connection), writer_, deadline);
    if (!pipeline) return std::unexpected(pipeline.error());
    pipeline_ = std::move(*pipeline);
    return {};
  };
  const auto made = attempt();
  {
    const std::scoped_lock lock(mutex_);
    stats_.connected = made.has_value();
    stats_.trouble = made ? "" : made.error().what;
    if (made) ++stats_.connections;
  }
  if (made) {
    backoff_ms_ = 0;
  } else {
    backoff_ms_ = std::clamp(backoff_ms_ * 2, kBackoffMinMs, kBackoffMaxMs);
    next_try_ = Clock::now() + milliseconds(backoff_ms_);
  }
}

/// Reads what was answered, and sends what has room.
Result<void> PostgresStore::State::exchange() {
  std::vector<Answer> answers;
  auto read = pipeline_->read(answers);
  finish(std::move(answers));
  if (!read) return read;
  while (!ready_.empty() && pipeline_->requests() < options_.in_flight_requests_max &&
         (pipeline_->requests() == 0 || pipeline_->bytes() + ready_.front().bytes <= options_.in_flight_bytes_max)) {
    PostgresRequest next = std::move(ready_.front());
    ready_.pop_front();
    if (std::holds_alternative<PostgresRequest::Refused>(next.what)) {
      // Its turn comes when all before it are answered.
      if (pipeline_->requests() > 0) {
        ready_.push_front(std::move(next));
        break;
      }
      StoreCompletion done{next.kind, next.token, {}, {}, {}};
      done.result = busy("the store has too many requests waiting", kQueueFullRetryMs);
      complete(std::move(done));
      continue;
    }
    if (auto sent = pipeline_->send(std::move(next)); !sent) return sent;
  }
  if (pipeline_->requests() > 0 &&
      Clock::now() - pipeline_->waiting_since() > milliseconds(options_.answer_timeout_ms)) {
    return busy("PostgreSQL has not answered for " + std::to_string(options_.answer_timeout_ms) + " ms",
                kQueueFullRetryMs);
  }
  return {};
}

/// Until the socket or the owner has something, or a bound is due.
void PostgresStore::State::wait(bool sending) {
  auto until = Clock::now() + milliseconds(kBackoffMaxMs);
  if (!pipeline_) until = std::min(until, next_try_);
  if (pipeline_ && pipeline_->requests() > 0) {
    until = std::min(until, pipeline_->waiting_since() + milliseconds(options_.answer_timeout_ms));
  }
  // While something is with the server, its answer comes first.
  const bool alone = !pipeline_ || pipeline_->requests() == 0;
  if (alone && !ready_.empty())
    until = std::min(until, ready_.front().given_at + milliseconds(options_.request_timeout_ms));
  const auto left = std::chrono::duration_cast<milliseconds>(until - Clock::now()).count() + 1;
  std::array<pollfd, 2> polled{{{asked_.file(), POLLIN, 0}, {-1, 0, 0}}};
  if (pipeline_) {
    polled[1] = {pipeline_->socket(), static_cast<short>(sending ? POLLIN | POLLOUT : POLLIN), 0};
  }
  ::poll(polled.data(), polled.size(), static_cast<int>(std::max<std::int64_t>(left, 0)));
  if (polled[0].revents != 0) asked_.quiet();
}

/// Gives the connection up; what it was asked and has not answered is asked again, before all else.
void PostgresStore::State::leave(const Error& why) {
  auto again = pipeline_->take_back();
  pipeline_.reset();
  next_try_ = Clock::now();
  const std::scoped_lock lock(mutex_);
  stats_.connected = false;
  stats_.trouble = why.what;
  stats_.sent_again += again.size();
  ready_.insert(ready_.begin(), std::make_move_iterator(again.begin()), std::make_move_iterator(again.end()));
}

/// Completes with kBusy what has waited for too long, oldest first.
void PostgresStore::State::expire() {
  const auto old = Clock::now() - milliseconds(options_.request_timeout_ms);
  std::vector<StoreCompletion> late;
  if (pipeline_ && pipeline_->requests() > 0) return;  // The answers of those before it come first.
  while (!ready_.empty() && ready_.front().given_at < old) {
    PostgresRequest request = std::move(ready_.front());
    ready_.pop_front();
    queue_.release(request);
    StoreCompletion done{request.kind, request.token, {}, {}, {}};
    const std::scoped_lock lock(mutex_);
    ++stats_.expired;
    done.result = busy("the store was not reached in " + std::to_string(options_.request_timeout_ms) +
                           " ms (perhaps written: giving it again changes nothing): " + stats_.trouble,
                       kBackoffMaxMs);
    late.push_back(std::move(done));
  }
  if (!late.empty()) queue_.complete(std::move(late));
}

void PostgresStore::State::finish(std::vector<Answer> answers) {
  if (answers.empty()) return;
  std::vector<StoreCompletion> done;
  for (Answer& answer : answers) {
    queue_.release(answer.request);
    const bool well = answer.completion.result.has_value();
    bool synced = well && answer.request.kind == StoreCompletion::Kind::kBase;
    if (const auto* write = std::get_if<StoreWrite>(&answer.request.what); write != nullptr && well) {
      writes_done_ = answer.request.number;
      for (const Watermark& mark : write->watermarks) {
        Offset& kept = written_[mark.partition];
        kept = mark.offset;
      }
      synced = write->sync;
    }
    if (synced) {
      const std::scoped_lock lock(mutex_);
      durable_ = written_;
      const auto* base = std::get_if<PostgresRequest::BaseWrite>(&answer.request.what);
      if (base != nullptr && !base->of) oldest_base_ = answer.request.base_there;
      if (base != nullptr && base->of && answer.request.base_there > base->base.offset) {
        answer.completion.result = failure(Code::kRefused, "another worker keeps a newer base of the partition");
      }
    }
    done.push_back(std::move(answer.completion));
  }
  answers.clear();  // Their memory is given back before anyone is told.
  queue_.complete(std::move(done));
}

void PostgresStore::State::complete(StoreCompletion completion) {
  std::vector<StoreCompletion> one;
  one.push_back(std::move(completion));
  queue_.complete(std::move(one));
}

PostgresStore::PostgresStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
PostgresStore::~PostgresStore() = default;

Result<std::unique_ptr<PostgresStore>> PostgresStore::open(PostgresStoreOptions options) {
  auto state = std::make_unique<State>(std::move(options));
  if (auto started = state->start(); !started) return std::unexpected(started.error());
  return std::unique_ptr<PostgresStore>(new PostgresStore(std::move(state)));
}

Result<std::vector<Watermark>> PostgresStore::watermarks() {
  const auto found = state_->ask(kPostgresWatermarks);
  if (!found) return std::unexpected(found.error());
  return read_postgres_watermarks(found->get());
}

Result<std::vector<SourceRow>> PostgresStore::sources() {
  const auto found = state_->ask(kPostgresSources);
  if (!found) return std::unexpected(found.error());
  return read_postgres_sources(found->get());
}

Result<std::vector<std::pair<std::string, std::string>>> PostgresStore::settings() {
  const auto found = state_->ask(kPostgresSettings);
  if (!found) return std::unexpected(found.error());
  std::vector<std::pair<std::string, std::string>> settings;
  for (int at = 0; at < postgres_rows(found->get()); ++at) {
    settings.emplace_back(postgres_value(found->get(), at, 0), postgres_value(found->get(), at, 1));
  }
  return settings;
}

Result<std::string> PostgresStore::claim_setting(const std::string& name, const std::string& value) {
  if (auto put = state_->ask(kPostgresClaimSetting, {name, value}); !put) return std::unexpected(put.error());
  // A statement of its own: it sees what another process put there while the first one waited for it.
  const auto found = state_->ask(kPostgresSetting, {name});
  if (!found) return std::unexpected(found.error());
  QUIPU_CHECK(postgres_rows(found->get()) == 1);
  return std::string(postgres_value(found->get(), 0, 0));
}

Result<std::optional<Base>> PostgresStore::newest_base(Offset offset) {
  return read_base(state_->ask(kPostgresBase, {postgres_int8(static_cast<std::int64_t>(offset.value))}));
}

Result<std::optional<Base>> PostgresStore::newest_base_of(ShardId partition, Offset offset) {
  return read_base(
      state_->ask(kPostgresPartitionBase,
                  {postgres_int4(static_cast<std::int32_t>(partition.generation.value)),
                   postgres_int4(partition.partition.value), postgres_int8(static_cast<std::int64_t>(offset.value))}));
}

void PostgresStore::write(StoreWrite write) {
  const auto token = write.token;
  const auto bytes = request_bytes(write);
  state_->give(std::move(write), StoreCompletion::Kind::kWrite, token, bytes);
}

void PostgresStore::load(StoreLoad load) {
  const auto token = load.token;
  const auto bytes = request_bytes(load);
  state_->give(std::move(load), StoreCompletion::Kind::kLoad, token, bytes);
}

void PostgresStore::scan(StoreScan scan) { state_->give(scan, StoreCompletion::Kind::kScan, scan.token, 0); }

void PostgresStore::write_base(Base base, std::uint64_t token) {
  // Its windows are not counted: they may be larger than the bound, and the engine makes one base at a time.
  state_->give(PostgresRequest::BaseWrite{std::move(base)}, StoreCompletion::Kind::kBase, token, 0);
}

void PostgresStore::write_base_of(ShardId partition, Base base, std::uint64_t token) {
  state_->give(PostgresRequest::BaseWrite{std::move(base), partition}, StoreCompletion::Kind::kBase, token, 0);
}

void PostgresStore::take_completions(std::vector<StoreCompletion>& out) { state_->take(out); }
std::size_t PostgresStore::pending() const { return state_->pending(); }
Offset PostgresStore::durable_watermark(PartitionId partition) const { return state_->durable(partition); }
Offset PostgresStore::oldest_base() const { return state_->oldest_base(); }
PostgresStore::Stats PostgresStore::stats() const { return state_->stats(); }

}  // namespace quipu
