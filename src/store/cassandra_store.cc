#include "store/cassandra_store.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <variant>

#include "base/check.h"
#include "store/cassandra_rows.h"
#include "store/cassandra_store_state.h"
#include "store/request_bytes.h"

namespace quipu {
namespace {

constexpr std::int64_t kTimestampBaseMax = std::int64_t{1} << 62;
constexpr std::uint32_t kNodeCheckMsMin = 10;

std::int64_t system_wall_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Result<void> CassandraStore::State::start() {
  const auto& connection = options_.connection;
  if (options_.timestamp_base < 0 || options_.timestamp_base > kTimestampBaseMax) {
    return failure(Code::kRefused, "the base of timestamps is from 0 to 2^62");
  }
  if (options_.node_check_ms < kNodeCheckMsMin) return failure(Code::kRefused, "nodes are checked every 10 ms at most");
  auto opened = CassandraSession::open(connection, options_.keyspace.name, options_.wake);
  if (!opened) return std::unexpected(opened.error());
  requests_ = std::make_unique<CassandraRequests>(std::move(*opened));
  auto& session = requests_->session();
  const auto prepared = open_schema(session, options_.keyspace, options_.form, options_.scan_all_replicas);
  if (!prepared) return std::unexpected(prepared.error());
  statements_ = *prepared;
  if (auto probed = probe_timestamps(session, statements_, options_.timestamp_base); !probed) return probed;
  sync_wait_ms_ = options_.sync_wait_ms ? *options_.sync_wait_ms : sync_wait_of_nodes(session, connection.request_ms);
  CassandraHealth::Options health;
  health.check_ms = options_.node_check_ms;
  health.limit_ms = connection.request_ms;
  health.sync_wait_ms = sync_wait_ms_;
  health.timestamp_base = options_.timestamp_base;
  health.on_forgot = [this] {
    tasks_.forgot();
    if (marks_) marks_->doubt();
  };
  health.on_check = [this] { drop_obsolete(); };
  health_ = std::make_unique<CassandraHealth>(*requests_, statements_, std::move(health));
  if (auto watching = health_->start(); !watching) return watching;
  return begin_generation(options_.generation);
}

Result<void> CassandraStore::State::begin_generation(Generation generation) {
  QUIPU_CHECK(tasks_.pending() == 0);
  marks_ = std::make_unique<CassandraMarks>(generation, options_.timestamp_base);
  bases_ = std::make_unique<CassandraBases>(*requests_, statements_, *health_, generation, options_.timestamp_base);
  durable_.clear();
  if (auto refreshed = refresh(); !refreshed) return refreshed;
  const auto lists = bases_->lists();
  if (!lists) return std::unexpected(lists.error());
  const auto found = std::make_shared<Settled>(settling());
  if (options_.settle_at_open) {
    if (auto settled = health_->settle_now(); !settled) return settled;
    bases_->note_durable(*lists);
    return put_durable_now(*found);
  }
  health_->settle([this, generation, found, lists = *lists](const Result<void>& settled) {
    if (!settled || marks_->generation() != generation) return;
    bases_->note_durable(lists);
    put_durable(found, [](const Result<void>&) {});
  });
  return {};
}

Result<std::string> CassandraStore::State::claim_setting(const std::string& name, const std::string& value) {
  CassandraValues values;
  values.begin(2);
  values.put_bytes(name);
  values.put_bytes(value);
  auto put = requests_->session().call(statements_.claim_setting, values).result();
  if (!put) return std::unexpected(put.error());
  const auto all = settings();
  if (!all) return std::unexpected(all.error());
  for (const auto& [at, text] : *all) {
    if (at == name) return text;
  }
  return failure(Code::kDamaged, "Cassandra does not give back the setting that it took: " + name);
}

std::int64_t CassandraStore::State::timestamp() {
  const auto now = options_.wall_us ? options_.wall_us() : system_wall_us();
  last_timestamp_ = std::max(now, last_timestamp_ + 1);
  return last_timestamp_;
}

void CassandraStore::State::ask_for_marks(std::function<void(Result<void>)> then) {
  requests_->submit(statements_.all_marks, generation_values(marks_->generation()), 1,
                    [then = std::move(then)](const CassandraAnswer& answer) { then(answer.result()); });
}

// What is given.

void CassandraStore::State::give(StoreWrite write) {
  const auto token = write.token;
  const auto bytes = request_bytes(write);
  CassandraTask task;
  task.what = std::move(write);
  give(std::move(task), StoreCompletion::Kind::kWrite, token, bytes);
}

void CassandraStore::State::give(StoreLoad load) {
  const auto token = load.token;
  const auto bytes = request_bytes(load);
  CassandraTask task;
  task.what = std::move(load);
  give(std::move(task), StoreCompletion::Kind::kLoad, token, bytes);
}

void CassandraStore::State::give(StoreScan scan) {
  CassandraTask task;
  task.what.emplace<CassandraScan>(scan, read_row());
  give(std::move(task), StoreCompletion::Kind::kScan, scan.token, 0);
}

void CassandraStore::State::give_base(PartitionId partition, Base base, std::uint64_t token) {
  CassandraTask task;
  task.what = CassandraBaseTask{partition, std::move(base)};
  // Its windows are not counted: they may be larger than the bound, and an owner makes one base of a partition at a
  // time.
  give(std::move(task), StoreCompletion::Kind::kBase, token, 0);
}

void CassandraStore::State::give(CassandraTask task, StoreCompletion::Kind kind, std::uint64_t token,
                                 std::size_t bytes) {
  task.forgot = health_->forgot();
  tasks_.give(std::move(task), kind, token, bytes);
  if (tasks_.completed_any()) options_.wake();
}

void CassandraStore::State::take(std::vector<StoreCompletion>& out) {
  requests_->dispatch();
  tasks_.advance();
  tasks_.take_completions(out);
}

void CassandraStore::State::begin(const CassandraTaskPtr& task) {
  if (const auto* write = std::get_if<StoreWrite>(&task->what)) {
    begin(task, *write);
  } else if (const auto* load = std::get_if<StoreLoad>(&task->what)) {
    begin(task, *load);
  } else if (std::holds_alternative<CassandraScan>(task->what)) {
    step_scan(task);
  } else {
    begin_base(task);
  }
}

// Reads.

void CassandraStore::State::begin(const CassandraTaskPtr& task, const StoreLoad& load) {
  if (load.keys.empty()) return tasks_.finish(task, {});
  CassandraValues values;
  for (const CounterKey& key : load.keys) {
    values.begin(2);
    values.put_bytes(key.space);
    values.put_bytes(key.counter);
  }
  requests_->submit(statements_.load_counter, values, options_.connection.requests_in_flight,
                    [this, task](const CassandraAnswer& answer) { finish_load(task, answer); });
}

void CassandraStore::State::finish_load(const CassandraTaskPtr& task, const CassandraAnswer& answer) {
  ++loads_;
  if (auto result = answer.result(); !result) return tasks_.finish(task, std::move(result));
  std::set<std::tuple<std::uint64_t, std::string_view, std::string_view>> asked;
  for (const CounterKey& key : std::get<StoreLoad>(task->what).keys) {
    asked.emplace(key.routing, key.space, key.counter);
  }
  CassandraReader rows(answer.rows());
  RowBatch all;
  for (std::uint32_t at = 0; at < answer.row_count(); ++at) {
    if (auto read = read_row()(rows, all); !read) return tasks_.finish(task, std::move(read));
  }
  if (!exact()) {
    deltas_.make_room(all.size());
    deltas_.note(all);
  }
  RowBatch& out = task->completion.rows;
  for (const auto& item : all.items()) {
    // The routing hash is no part of Cassandra's key: it follows from the name, and from the log's secret.
    if (!asked.contains({item.routing, all.space(item), all.counter(item)})) continue;
    out.add(item.routing, all.space(item), all.counter(item), item.shard, item.row);
  }
  tasks_.finish(task, {});
}

void CassandraStore::State::step_scan(const CassandraTaskPtr& task) {
  const auto ask = std::get<CassandraScan>(task->what).ask();
  CassandraValues values;
  values.begin(2);
  values.put_bigint(ask.token);
  values.put_int(ask.rows);
  requests_->submit(statements_.scan_counters, values, 1, [this, task](const CassandraAnswer& answer) {
    if (auto result = answer.result(); !result) return tasks_.finish(task, std::move(result));
    auto& scan = std::get<CassandraScan>(task->what);
    const auto more = scan.take(answer.rows(), answer.row_count());
    if (!more) return tasks_.finish(task, std::unexpected(more.error()));
    if (*more) return step_scan(task);
    task->completion.next = scan.finish(task->completion.rows);
    tasks_.finish(task, {});
  });
}

/// A base rests on durable marks: the one that is on disk says which older base may go, and the one that is written
/// before the list is on disk when the base is. Another worker may have put the one that is there.
void CassandraStore::State::begin_base(const CassandraTaskPtr& task) {
  requests_->submit(statements_.all_marks, generation_values(marks_->generation()), 1,
                    [this, task](const CassandraAnswer& answer) {
                      const auto found = read_found_marks(answer);
                      if (!found) return tasks_.finish_base(task, std::unexpected(found.error()));
                      if (task->overtaken || marks_->doubted())
                        return tasks_.finish_base(task, std::unexpected(forgotten()));
                      for (const auto& [partition, mark] : found->durable) marks_->load_durable(partition, mark);
                      write_base(task);
                    });
}

void CassandraStore::State::write_base(const CassandraTaskPtr& task) {
  auto& [partition, base] = std::get<CassandraBaseTask>(task->what);
  const auto put_marks = [this, task, marks = std::make_shared<Settled>(settling()),
                          partition = partition](const std::function<void(Result<Offset>)>& then) {
    put_durable(marks, [this, task, partition, then](Result<void> put) {
      if (put && task->overtaken) put = std::unexpected(forgotten());
      if (!put) return then(std::unexpected(std::move(put.error())));
      then(written().contains(partition) ? marks_->sure(partition) : Offset{kOffsetMax});
    });
  };
  bases_->write(
      partition, std::move(base), [this] { return timestamp(); }, put_marks,
      [this, task](Result<void> made) {
        if (made && task->overtaken) made = std::unexpected(forgotten());
        tasks_.finish_base(task, std::move(made));
      });
}

// What is surely there.

std::map<PartitionId, Offset> CassandraStore::State::written() const {
  std::map<PartitionId, Offset> offsets;
  for (const Watermark& mark : marks_->watermarks()) offsets[mark.partition] = mark.offset;
  return offsets;
}

Offset CassandraStore::State::durable(PartitionId partition) const {
  const auto at = durable_.find(partition);
  return at == durable_.end() ? kNoOffset : at->second;
}

CassandraStore::Stats CassandraStore::State::stats() const {
  return {rows_written_, requests_->repeats(), health_->forgot(), health_->nodes(), sync_wait_ms_};
}

CassandraStore::CassandraStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
CassandraStore::~CassandraStore() = default;

Result<std::unique_ptr<CassandraStore>> CassandraStore::open(CassandraStoreOptions options) {
  auto state = std::make_unique<State>(std::move(options));
  if (auto started = state->start(); !started) return std::unexpected(started.error());
  return std::unique_ptr<CassandraStore>(new CassandraStore(std::move(state)));
}

Result<std::vector<Watermark>> CassandraStore::watermarks() {
  if (auto refreshed = state_->refresh(); !refreshed) return std::unexpected(refreshed.error());
  return state_->marks().watermarks();
}

Result<std::vector<SourceRow>> CassandraStore::sources() {
  if (auto refreshed = state_->refresh(); !refreshed) return std::unexpected(refreshed.error());
  return state_->marks().sources();
}

Result<std::vector<std::pair<std::string, std::string>>> CassandraStore::settings() { return state_->settings(); }
Result<std::optional<Base>> CassandraStore::newest_base_of(PartitionId partition, Offset offset) {
  return state_->bases().newest(partition, offset);
}

void CassandraStore::write(StoreWrite write) { state_->give(std::move(write)); }
void CassandraStore::load(StoreLoad load) { state_->give(std::move(load)); }
void CassandraStore::scan(StoreScan scan) { state_->give(scan); }
void CassandraStore::write_base_of(PartitionId partition, Base base, std::uint64_t token) {
  state_->give_base(partition, std::move(base), token);
}
void CassandraStore::ask_for_marks(std::function<void(Result<void>)> then) { state_->ask_for_marks(std::move(then)); }
void CassandraStore::take_completions(std::vector<StoreCompletion>& out) { state_->take(out); }
std::size_t CassandraStore::pending() const { return state_->pending(); }
Offset CassandraStore::durable_watermark(PartitionId partition) const { return state_->durable(partition); }
Offset CassandraStore::oldest_base_of(PartitionId partition) const { return state_->bases().oldest(partition); }
Offset CassandraStore::sure_watermark_of(PartitionId partition) const { return state_->marks().durable(partition); }
Result<std::string> CassandraStore::claim_setting(const std::string& name, const std::string& value) {
  return state_->claim_setting(name, value);
}
Result<void> CassandraStore::begin_generation(Generation generation) { return state_->begin_generation(generation); }
CassandraStore::Stats CassandraStore::stats() const { return state_->stats(); }

}  // namespace quipu
