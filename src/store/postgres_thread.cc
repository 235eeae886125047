#include "store/postgres_thread.h"

#include <poll.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>

#include "base/check.h"
#include "store/postgres_schema.h"
#include "store/postgres_statements.h"
#include "store/postgres_values.h"

namespace quipu {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::int64_t kQueueFullRetryMs = 100;
constexpr std::int64_t kBackoffMinMs = 50;
constexpr std::int64_t kBackoffMaxMs = 2'000;
constexpr std::size_t kWriterBytes = 16;

std::string random_writer() {
  std::array<char, kWriterBytes> bytes{};
  QUIPU_CHECK(::getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  return {bytes.data(), bytes.size()};
}

}  // namespace

PostgresThread::PostgresThread(PostgresStoreOptions options)
    : options_(std::move(options)),
      writer_(random_writer()),
      queue_({options_.waiting_requests_max, options_.waiting_bytes_max, options_.wake}) {}

PostgresThread::~PostgresThread() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  stop_.ring();
  asked_.ring();
  if (thread_.joinable()) thread_.join();
}

PostgresDeadline PostgresThread::start_deadline() const {
  return Clock::now() + milliseconds(options_.start_timeout_ms);
}

Result<std::unique_ptr<PostgresConnection>> PostgresThread::connect(PostgresDeadline deadline) const {
  auto connection = PostgresConnection::connect(options_.url, deadline, stop_.file());
  if (!connection) return connection;
  if (auto fit = prepare_postgres_session(**connection, options_.answer_timeout_ms, deadline); !fit) {
    return std::unexpected(fit.error());
  }
  return connection;
}

Result<PostgresResult> PostgresThread::ask(const std::string& sql, const std::vector<std::string>& parameters) const {
  const auto deadline = start_deadline();
  const auto connection = connect(deadline);
  if (!connection) return std::unexpected(connection.error());
  return (*connection)->run(sql, parameters, deadline);
}

Result<void> PostgresThread::start() {
  const auto deadline = start_deadline();
  auto connection = connect(deadline);
  if (!connection) return std::unexpected(connection.error());
  if (auto migrated = migrate_postgres_schema(**connection, deadline); !migrated) return migrated;
  if (auto met = meet(**connection, deadline); !met) return met;
  for (const char* old : {kPostgresOldWriters, kPostgresOldSources}) {
    if (const auto cleaned = (*connection)->run(old, deadline); !cleaned) return std::unexpected(cleaned.error());
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
Result<void> PostgresThread::meet(PostgresConnection& connection, PostgresDeadline deadline) {
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

void PostgresThread::run() {
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

void PostgresThread::reconnect() {
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
Result<void> PostgresThread::exchange() {
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
void PostgresThread::wait(bool sending) {
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
void PostgresThread::leave(const Error& why) {
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
void PostgresThread::expire() {
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

void PostgresThread::finish(std::vector<Answer> answers) {
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

void PostgresThread::complete(StoreCompletion completion) {
  std::vector<StoreCompletion> one;
  one.push_back(std::move(completion));
  queue_.complete(std::move(one));
}

}  // namespace quipu
