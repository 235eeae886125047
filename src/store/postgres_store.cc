#include "store/postgres_store.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>
#include <vector>

#include "base/check.h"
#include "store/postgres_connection.h"
#include "store/postgres_statements.h"
#include "store/postgres_thread.h"
#include "store/postgres_values.h"
#include "store/request_bytes.h"

namespace quipu {
namespace {

/// Of a load that the store makes for itself. Owners count their requests from 0 or 1: none comes so far.
constexpr std::uint64_t kOwnToken = std::numeric_limits<std::uint64_t>::max();

/// From its pieces; nullopt where there are none.
Result<std::optional<Base>> read_base(const Result<PostgresResult>& found) {
  if (!found) return std::unexpected(found.error());
  const int pieces = postgres_rows(found->get());
  if (pieces == 0) return std::nullopt;
  Base base{Offset{static_cast<std::uint64_t>(read_postgres_int(postgres_value(found->get(), 0, 0)))}, {}};
  for (int at = 0; at < pieces; ++at) put(base.windows, as_bytes(postgres_value(found->get(), at, 1)));
  return base;
}

}  // namespace

PostgresStore::PostgresStore(std::unique_ptr<PostgresThread> thread) : thread_(std::move(thread)) {}
PostgresStore::~PostgresStore() = default;

Result<std::unique_ptr<PostgresStore>> PostgresStore::open(PostgresStoreOptions options) {
  auto thread = std::make_unique<PostgresThread>(std::move(options));
  if (auto started = thread->start(); !started) return std::unexpected(started.error());
  return std::unique_ptr<PostgresStore>(new PostgresStore(std::move(thread)));
}

Result<std::vector<Watermark>> PostgresStore::watermarks() {
  const auto found = thread_->ask(kPostgresWatermarks);
  if (!found) return std::unexpected(found.error());
  return read_postgres_watermarks(found->get());
}

Result<std::vector<SourceRow>> PostgresStore::sources() {
  const auto found = thread_->ask(kPostgresSources, {postgres_int8(generation_.value)});
  if (!found) return std::unexpected(found.error());
  return read_postgres_sources(found->get());
}

Result<std::vector<std::pair<std::string, std::string>>> PostgresStore::settings() {
  const auto found = thread_->ask(kPostgresSettings);
  if (!found) return std::unexpected(found.error());
  std::vector<std::pair<std::string, std::string>> settings;
  for (int at = 0; at < postgres_rows(found->get()); ++at) {
    settings.emplace_back(postgres_value(found->get(), at, 0), postgres_value(found->get(), at, 1));
  }
  return settings;
}

Result<std::string> PostgresStore::claim_setting(const std::string& name, const std::string& value) {
  if (auto put = thread_->ask(kPostgresClaimSetting, {name, value}); !put) return std::unexpected(put.error());
  // A statement of its own: it sees what another process put there while the first one waited for it.
  const auto found = thread_->ask(kPostgresSetting, {name});
  if (!found) return std::unexpected(found.error());
  QUIPU_CHECK(postgres_rows(found->get()) == 1);
  return std::string(postgres_value(found->get(), 0, 0));
}

Result<std::optional<Base>> PostgresStore::newest_base(Offset offset) {
  return read_base(thread_->ask(kPostgresBase, {postgres_int8(static_cast<std::int64_t>(offset.value))}));
}

Result<std::optional<Base>> PostgresStore::newest_base_of(ShardId partition, Offset offset) {
  return read_base(
      thread_->ask(kPostgresPartitionBase,
                   {postgres_int4(static_cast<std::int32_t>(partition.generation.value)),
                    postgres_int4(partition.partition.value), postgres_int8(static_cast<std::int64_t>(offset.value))}));
}

void PostgresStore::write(StoreWrite write) {
  const auto token = write.token;
  const auto bytes = request_bytes(write);
  thread_->give(std::move(write), StoreCompletion::Kind::kWrite, token, bytes);
}

void PostgresStore::load(StoreLoad load) {
  const auto token = load.token;
  const auto bytes = request_bytes(load);
  thread_->give(std::move(load), StoreCompletion::Kind::kLoad, token, bytes);
}

void PostgresStore::scan(StoreScan scan) { thread_->give(scan, StoreCompletion::Kind::kScan, scan.token, 0); }

void PostgresStore::write_base(Base base, std::uint64_t token) {
  // Its windows are not counted: they may be larger than the bound, and the engine makes one base at a time.
  thread_->give(PostgresRequest::BaseWrite{std::move(base)}, StoreCompletion::Kind::kBase, token, 0);
}

void PostgresStore::write_base_of(ShardId partition, Base base, std::uint64_t token) {
  thread_->give(PostgresRequest::BaseWrite{std::move(base), partition}, StoreCompletion::Kind::kBase, token, 0);
}

void PostgresStore::ask_for_an_answer(std::function<void(Result<void>)> then) {
  asking_.push_back(std::move(then));
  load({kOwnToken, {}});
}

void PostgresStore::take_completions(std::vector<StoreCompletion>& out) {
  const auto before = static_cast<std::ptrdiff_t>(out.size());
  thread_->take(out);
  if (asking_.empty()) return;
  const auto own = std::stable_partition(out.begin() + before, out.end(),
                                         [](const StoreCompletion& done) { return done.token != kOwnToken; });
  std::vector<StoreCompletion> answers(std::make_move_iterator(own), std::make_move_iterator(out.end()));
  out.erase(own, out.end());
  for (StoreCompletion& answer : answers) {
    const auto then = std::move(asking_.front());
    asking_.pop_front();
    then(std::move(answer.result));
  }
}

std::size_t PostgresStore::pending() const { return thread_->pending(); }
Offset PostgresStore::durable_watermark(PartitionId partition) const { return thread_->durable(partition); }
Offset PostgresStore::oldest_base() const { return thread_->oldest_base(); }
PostgresStats PostgresStore::stats() const { return thread_->stats(); }

}  // namespace quipu
