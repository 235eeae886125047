#include "store/cassandra_store.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <iterator>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <variant>

#include "base/check.h"
#include "store/cassandra_bases.h"
#include "store/cassandra_deltas.h"
#include "store/cassandra_health.h"
#include "store/cassandra_marks.h"
#include "store/cassandra_requests.h"
#include "store/cassandra_rows.h"
#include "store/cassandra_scan.h"
#include "store/cassandra_start.h"

namespace quipu {
namespace {

constexpr std::int64_t kRetryMs = 1'000;
constexpr std::int64_t kTimestampBaseMax = std::int64_t{1} << 62;
constexpr std::uint32_t kNodeCheckMsMin = 10;
/// How long a bucket's version stays after its successor: longer than any reader needs, and than any former owner of a
/// partition goes on writing.
constexpr TimeMs kObsoleteAfterMs = 10 * 60 * 1'000;
/// Of which counter columns are known, at some 200 bytes each.
constexpr std::size_t kShardsKnownMax = 1'000'000;
constexpr std::size_t kDropsInAll = 1'024;
constexpr std::uint32_t kDropsAtOnce = 4;

TimeMs steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::size_t bytes_of(const StoreWrite& write) {
  std::size_t bytes = write.rows.bytes() + write.sources.size() * sizeof(SourceRow);
  for (const Watermark& mark : write.watermarks) bytes += mark.chains.size();
  for (const auto& [name, text] : write.settings) bytes += name.size() + text.size();
  return bytes;
}

std::size_t bytes_of(const StoreLoad& load) {
  std::size_t bytes = 0;
  for (const CounterKey& key : load.keys) bytes += sizeof(key) + key.space.size() + key.counter.size();
  return bytes;
}

}  // namespace

class CassandraStore::State {
 public:
  explicit State(CassandraStoreOptions given) : options_(std::move(given)) {}

  Result<void> start();
  void give(StoreWrite write);
  void give(StoreLoad load);
  void give(StoreScan scan);
  void give_base(PartitionId partition, Base base, std::uint64_t token);
  void take(std::vector<StoreCompletion>& out);
  std::size_t pending() const { return pending_; }

  Result<void> begin_generation(Generation generation);
  Result<void> refresh() { return refresh_marks(requests_->session(), statements_, *marks_); }
  Result<std::string> claim_setting(const std::string& name, const std::string& value);
  Result<std::vector<std::pair<std::string, std::string>>> settings() {
    return read_settings(requests_->session(), statements_);
  }
  const CassandraMarks& marks() const { return *marks_; }
  CassandraBases& bases() { return *bases_; }
  Offset durable(PartitionId partition) const;
  Stats stats() const;

 private:
  struct BaseRequest {
    PartitionId partition{};
    Base base;
  };
  struct Refused {};
  enum class Stage : std::uint8_t {
    kWaiting,
    kRunning,
    kStored,  // Rows and settings are acknowledged; marks wait until it is the oldest.
    kDone,
  };
  struct Request {
    std::variant<Refused, StoreWrite, StoreLoad, CassandraScan, BaseRequest> what;
    StoreCompletion completion;
    std::size_t bytes = 0;
    Stage stage = Stage::kWaiting;
    std::size_t outstanding = 0;
    bool overtaken = false;  // By a failure before it, or a node's start: its marks may not be written.
    CassandraMarks::Plan plan;
  };
  using RequestPtr = std::shared_ptr<Request>;

  static bool is_read(const Request& request) {
    return std::holds_alternative<StoreLoad>(request.what) || std::holds_alternative<CassandraScan>(request.what);
  }
  void give(Request request, StoreCompletion::Kind kind, std::uint64_t token, std::size_t bytes);
  void advance();
  bool start_next();
  void finish(const RequestPtr& request, Result<void> result);
  void complete(Request& request);

  bool exact() const { return options_.form == CassandraRowForm::kExact; }
  CassandraScan::ReadRow read_row() const { return exact() ? read_shard : read_counter_columns; }
  void begin(const RequestPtr& request, const StoreWrite& write);
  void put_rows(const RequestPtr& request, const RowBatch& rows);
  void put_columns(const RequestPtr& request, const RowBatch& rows);
  void acknowledged(const RequestPtr& request, Result<void> result);
  void stored(const RequestPtr& request);
  void write_marks(const RequestPtr& request);
  void put_buckets(const RequestPtr& request);
  void put_marks(const RequestPtr& request);
  void marked(const RequestPtr& request);
  void begin(const RequestPtr& request, const StoreLoad& load);
  void finish_load(const RequestPtr& request, const CassandraAnswer& answer);
  void step_scan(const RequestPtr& request);
  void begin_base(const RequestPtr& request);

  void forgot();
  void drop_obsolete();
  std::map<PartitionId, Offset> written() const;
  void note_durable(const std::map<PartitionId, Offset>& offsets);
  /// Later than every one before it, for what is ordered by time alone.
  std::int64_t timestamp();

  const CassandraStoreOptions options_;
  CassandraStatements statements_;
  std::uint32_t sync_wait_ms_ = 0;
  std::uint64_t rows_written_ = 0;
  std::size_t pending_ = 0;
  std::deque<RequestPtr> queue_;
  std::size_t started_ = 0;  // Of queue_, from its front.
  std::size_t running_reads_ = 0;
  std::size_t running_writes_ = 0;
  std::vector<RequestPtr> making_;  // Bases under way; they are not in queue_ any more.
  std::size_t waiting_bytes_ = 0;
  std::vector<StoreCompletion> completions_;
  std::map<PartitionId, Offset> durable_;
  std::int64_t last_timestamp_ = 0;
  CassandraDeltas deltas_{kShardsKnownMax};
  std::unique_ptr<CassandraMarks> marks_;
  std::unique_ptr<CassandraRequests> requests_;
  std::unique_ptr<CassandraHealth> health_;
  std::unique_ptr<CassandraBases> bases_;
};

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
  const auto prepared = open_schema(session, options_.keyspace, options_.form);
  if (!prepared) return std::unexpected(prepared.error());
  statements_ = *prepared;
  if (auto probed = probe_timestamps(session, statements_, options_.timestamp_base); !probed) return probed;
  sync_wait_ms_ = options_.sync_wait_ms ? *options_.sync_wait_ms : sync_wait_of_nodes(session, connection.request_ms);
  CassandraHealth::Options health;
  health.check_ms = options_.node_check_ms;
  health.limit_ms = connection.request_ms;
  health.sync_wait_ms = sync_wait_ms_;
  health.timestamp_base = options_.timestamp_base;
  health.on_forgot = [this] { forgot(); };
  health.on_check = [this] { drop_obsolete(); };
  health_ = std::make_unique<CassandraHealth>(*requests_, statements_, std::move(health));
  if (auto watching = health_->start(); !watching) return watching;
  return begin_generation(options_.generation);
}

Result<void> CassandraStore::State::begin_generation(Generation generation) {
  QUIPU_CHECK(pending_ == 0);
  marks_ = std::make_unique<CassandraMarks>(generation, options_.timestamp_base);
  bases_ = std::make_unique<CassandraBases>(*requests_, statements_, *health_, generation);
  durable_.clear();
  if (auto refreshed = refresh(); !refreshed) return refreshed;
  const auto lists = bases_->lists();
  if (!lists) return std::unexpected(lists.error());
  if (options_.settle_at_open) {
    if (auto settled = health_->settle_now(); !settled) return settled;
    note_durable(written());
    bases_->note_durable(*lists);
    return {};
  }
  health_->settle([this, generation, found = written(), lists = *lists](const Result<void>& settled) {
    if (!settled || marks_->generation() != generation) return;
    note_durable(found);
    bases_->note_durable(lists);
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
  const auto now =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  last_timestamp_ = std::max(now, last_timestamp_ + 1);
  return last_timestamp_;
}

// What is given, and in which order it begins and is completed.

void CassandraStore::State::give(StoreWrite write) {
  const auto token = write.token;
  const auto bytes = bytes_of(write);
  Request request;
  request.what = std::move(write);
  give(std::move(request), StoreCompletion::Kind::kWrite, token, bytes);
}

void CassandraStore::State::give(StoreLoad load) {
  const auto token = load.token;
  const auto bytes = bytes_of(load);
  Request request;
  request.what = std::move(load);
  give(std::move(request), StoreCompletion::Kind::kLoad, token, bytes);
}

void CassandraStore::State::give(StoreScan scan) {
  Request request;
  request.what.emplace<CassandraScan>(scan, read_row());
  give(std::move(request), StoreCompletion::Kind::kScan, scan.token, 0);
}

void CassandraStore::State::give_base(PartitionId partition, Base base, std::uint64_t token) {
  Request request;
  request.what = BaseRequest{partition, std::move(base)};
  // Its windows are not counted: they may be larger than the bound, and an owner makes one base of a partition at a
  // time.
  give(std::move(request), StoreCompletion::Kind::kBase, token, 0);
}

void CassandraStore::State::give(Request request, StoreCompletion::Kind kind, std::uint64_t token, std::size_t bytes) {
  ++pending_;
  request.completion.kind = kind;
  request.completion.token = token;
  // A request that alone is beyond the bound has its turn when nothing else waits.
  if (queue_.size() >= options_.waiting_requests_max ||
      (waiting_bytes_ > 0 && waiting_bytes_ + bytes > options_.waiting_bytes_max)) {
    request.what = Refused{};
    request.completion.result = busy("the store has too many requests waiting", kRetryMs);
    bytes = 0;
  }
  request.bytes = bytes;
  waiting_bytes_ += bytes;
  queue_.push_back(std::make_shared<Request>(std::move(request)));
  advance();
  if (!completions_.empty()) options_.wake();
}

void CassandraStore::State::take(std::vector<StoreCompletion>& out) {
  requests_->dispatch();
  advance();
  for (const StoreCompletion& completion : completions_) {
    if (completion.kind != StoreCompletion::Kind::kForgot) --pending_;
  }
  std::move(completions_.begin(), completions_.end(), std::back_inserter(out));
  completions_.clear();
}

void CassandraStore::State::advance() {
  bool moved = true;
  while (moved) {
    moved = false;
    while (!queue_.empty() && queue_.front()->stage == Stage::kDone) {
      complete(*queue_.front());
      queue_.pop_front();
      --started_;
      moved = true;
    }
    if (!queue_.empty() && queue_.front()->stage == Stage::kStored) {
      write_marks(queue_.front());
      moved = true;
    }
    moved = start_next() || moved;
  }
}

bool CassandraStore::State::start_next() {
  if (started_ == queue_.size()) return false;
  const RequestPtr request = queue_[started_];
  if (std::holds_alternative<BaseRequest>(request->what)) {
    if (started_ > 0) return false;
    queue_.pop_front();
    begin_base(request);
    return true;
  }
  if (std::holds_alternative<Refused>(request->what)) {
    request->stage = Stage::kDone;
    ++started_;
    return true;
  }
  if (is_read(*request) ? running_writes_ > 0 : running_reads_ > 0) return false;
  // What has to be added is known only when what was added before is acknowledged.
  if (!exact() && running_writes_ > 0) return false;
  ++(is_read(*request) ? running_reads_ : running_writes_);
  ++started_;
  request->stage = Stage::kRunning;
  if (const auto* write = std::get_if<StoreWrite>(&request->what)) {
    begin(request, *write);
  } else if (const auto* load = std::get_if<StoreLoad>(&request->what)) {
    begin(request, *load);
  } else {
    step_scan(request);
  }
  return true;
}

void CassandraStore::State::finish(const RequestPtr& request, Result<void> result) {
  --(is_read(*request) ? running_reads_ : running_writes_);
  request->stage = Stage::kDone;
  request->completion.result = std::move(result);
  if (request->completion.result || is_read(*request)) return;
  // What was given behind it counts on it: rows below a watermark, sources below newer ones.
  const auto at = std::ranges::find(queue_, request);
  for (auto behind = at; behind != queue_.end(); ++behind) (*behind)->overtaken = true;
}

void CassandraStore::State::complete(Request& request) {
  waiting_bytes_ -= request.bytes;
  completions_.push_back(std::move(request.completion));
}

// Writes: rows and settings at once, then what changed in the buckets, then the marks.

void CassandraStore::State::begin(const RequestPtr& request, const StoreWrite& write) {
  request->outstanding = (write.rows.empty() ? 0 : 1) + (write.settings.empty() ? 0 : 1);
  if (request->outstanding == 0) return stored(request);
  if (!write.rows.empty()) {
    if (exact()) {
      put_rows(request, write.rows);
    } else {
      deltas_.make_room(write.rows.size());
      put_columns(request, write.rows);
    }
  }
  if (write.settings.empty()) return;
  CassandraValues values;
  for (const auto& [name, text] : write.settings) {
    values.begin(3);
    values.put_bytes(name);
    values.put_bytes(text);
    values.put_bigint(timestamp());
  }
  requests_->submit(statements_.put_setting, values, options_.connection.requests_in_flight,
                    [this, request](const CassandraAnswer& answer) { acknowledged(request, answer.result()); });
}

void CassandraStore::State::put_rows(const RequestPtr& request, const RowBatch& rows) {
  CassandraValues values;
  for (const auto& item : rows.items()) put_shard(values, rows, item, options_.timestamp_base);
  requests_->submit(statements_.put_shard, values, options_.connection.requests_in_flight,
                    [this, request](const CassandraAnswer& answer) { acknowledged(request, answer.result()); });
}

void CassandraStore::State::put_columns(const RequestPtr& request, const RowBatch& rows) {
  const auto unknown = deltas_.unknown(rows);
  if (!unknown.empty()) {
    CassandraValues keys;
    for (const CounterKey& key : unknown) {
      keys.begin(2);
      keys.put_bytes(key.space);
      keys.put_bytes(key.counter);
    }
    const auto read = [this, request, &rows](const CassandraAnswer& answer) {
      if (auto result = answer.result(); !result) return acknowledged(request, std::move(result));
      CassandraReader reader(answer.rows());
      RowBatch found;
      for (std::uint32_t at = 0; at < answer.row_count(); ++at) {
        if (auto one = read_counter_columns(reader, found); !one) return acknowledged(request, std::move(one));
      }
      deltas_.note(found, rows);
      put_columns(request, rows);
    };
    return requests_->submit(statements_.load_counter, keys, options_.connection.requests_in_flight, read);
  }
  CassandraValues values;
  deltas_.put(values, rows);
  if (values.executions() == 0) return acknowledged(request, {});
  requests_->submit(statements_.put_shard, values, options_.connection.requests_in_flight,
                    [this, request, &rows](const CassandraAnswer& answer) {
                      if (answer.result()) deltas_.note(rows);
                      acknowledged(request, answer.result());
                    });
}

void CassandraStore::State::acknowledged(const RequestPtr& request, Result<void> result) {
  if (!result && request->completion.result) request->completion.result = std::move(result);
  if (--request->outstanding == 0) stored(request);
}

void CassandraStore::State::stored(const RequestPtr& request) {
  const auto& write = std::get<StoreWrite>(request->what);
  if (!request->completion.result) return finish(request, std::move(request->completion.result));
  rows_written_ += write.rows.size();
  if (write.sources.empty() && write.watermarks.empty() && !write.sync) return finish(request, {});
  request->stage = Stage::kStored;
}

void CassandraStore::State::write_marks(const RequestPtr& request) {
  request->stage = Stage::kRunning;
  if (request->overtaken) {
    return finish(request, busy("a write before this one failed, or a node of Cassandra started again", kRetryMs));
  }
  health_->check([this, request](bool sound) {
    if (!sound || request->overtaken) {
      return finish(request, std::unexpected(forgotten()));
    }
    put_buckets(request);
  });
}

void CassandraStore::State::put_buckets(const RequestPtr& request) {
  request->plan = marks_->plan(std::get<StoreWrite>(request->what));
  if (request->plan.buckets.executions() == 0) return put_marks(request);
  requests_->submit(statements_.put_bucket, request->plan.buckets, options_.connection.requests_in_flight,
                    [this, request](const CassandraAnswer& answer) {
                      if (auto result = answer.result(); !result) return finish(request, std::move(result));
                      put_marks(request);
                    });
}

void CassandraStore::State::put_marks(const RequestPtr& request) {
  if (request->overtaken) return finish(request, std::unexpected(forgotten()));
  if (request->plan.marks.executions() == 0) return marked(request);
  requests_->submit(statements_.put_mark, request->plan.marks, options_.connection.requests_in_flight,
                    [this, request](const CassandraAnswer& answer) {
                      if (auto result = answer.result(); !result) return finish(request, std::move(result));
                      marked(request);
                    });
}

void CassandraStore::State::marked(const RequestPtr& request) {
  marks_->commit(std::move(request->plan), steady_ms());
  if (!std::get<StoreWrite>(request->what).sync) return finish(request, {});
  health_->settle([this, request, offsets = written()](Result<void> settled) {
    if (settled && !request->overtaken) note_durable(offsets);
    if (settled && request->overtaken) settled = std::unexpected(forgotten());
    finish(request, std::move(settled));
  });
}

// Reads.

void CassandraStore::State::begin(const RequestPtr& request, const StoreLoad& load) {
  if (load.keys.empty()) return finish(request, {});
  CassandraValues values;
  for (const CounterKey& key : load.keys) {
    values.begin(2);
    values.put_bytes(key.space);
    values.put_bytes(key.counter);
  }
  requests_->submit(statements_.load_counter, values, options_.connection.requests_in_flight,
                    [this, request](const CassandraAnswer& answer) { finish_load(request, answer); });
}

void CassandraStore::State::finish_load(const RequestPtr& request, const CassandraAnswer& answer) {
  if (auto result = answer.result(); !result) return finish(request, std::move(result));
  std::set<std::tuple<std::uint64_t, std::string_view, std::string_view>> asked;
  for (const CounterKey& key : std::get<StoreLoad>(request->what).keys) {
    asked.emplace(key.routing, key.space, key.counter);
  }
  CassandraReader rows(answer.rows());
  RowBatch all;
  for (std::uint32_t at = 0; at < answer.row_count(); ++at) {
    if (auto read = read_row()(rows, all); !read) return finish(request, std::move(read));
  }
  if (!exact()) {
    deltas_.make_room(all.size());
    deltas_.note(all);
  }
  RowBatch& out = request->completion.rows;
  for (const auto& item : all.items()) {
    // The routing hash is no part of Cassandra's key: it follows from the name, and from the log's secret.
    if (!asked.contains({item.routing, all.space(item), all.counter(item)})) continue;
    out.add(item.routing, all.space(item), all.counter(item), item.shard, item.row);
  }
  finish(request, {});
}

void CassandraStore::State::step_scan(const RequestPtr& request) {
  const auto ask = std::get<CassandraScan>(request->what).ask();
  CassandraValues values;
  values.begin(2);
  values.put_bigint(ask.token);
  values.put_int(ask.rows);
  requests_->submit(statements_.scan_counters, values, 1, [this, request](const CassandraAnswer& answer) {
    if (auto result = answer.result(); !result) return finish(request, std::move(result));
    auto& scan = std::get<CassandraScan>(request->what);
    const auto more = scan.take(answer.rows(), answer.row_count());
    if (!more) return finish(request, std::unexpected(more.error()));
    if (*more) return step_scan(request);
    request->completion.next = scan.finish(request->completion.rows);
    finish(request, {});
  });
}

void CassandraStore::State::begin_base(const RequestPtr& request) {
  making_.push_back(request);
  auto& [partition, base] = std::get<BaseRequest>(request->what);
  bases_->write(
      partition, std::move(base), [this] { return timestamp(); },
      [this, request, offsets = written()](Result<void> made) {
        if (made && request->overtaken) made = std::unexpected(forgotten());
        if (made) note_durable(offsets);
        request->completion.result = std::move(made);
        std::erase(making_, request);
        complete(*request);
      });
}

// What may have been forgotten, and what is surely there.

void CassandraStore::State::forgot() {
  for (const RequestPtr& request : queue_) request->overtaken = true;
  for (const RequestPtr& request : making_) request->overtaken = true;
  StoreCompletion completion;
  completion.kind = StoreCompletion::Kind::kForgot;
  completions_.push_back(std::move(completion));
}

void CassandraStore::State::drop_obsolete() {
  const auto drops = marks_->take_obsolete(steady_ms() - kObsoleteAfterMs, kDropsInAll);
  if (drops.executions() == 0) return;
  // What a failure leaves behind takes room, and nothing names it.
  requests_->submit(statements_.drop_buckets, drops, kDropsAtOnce, [](const CassandraAnswer&) {});
}

std::map<PartitionId, Offset> CassandraStore::State::written() const {
  std::map<PartitionId, Offset> offsets;
  for (const Watermark& mark : marks_->watermarks()) offsets[mark.partition] = mark.offset;
  return offsets;
}

void CassandraStore::State::note_durable(const std::map<PartitionId, Offset>& offsets) {
  for (const auto& [partition, offset] : offsets) durable_[partition] = std::max(durable_[partition], offset);
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
void CassandraStore::take_completions(std::vector<StoreCompletion>& out) { state_->take(out); }
std::size_t CassandraStore::pending() const { return state_->pending(); }
Offset CassandraStore::durable_watermark(PartitionId partition) const { return state_->durable(partition); }
Offset CassandraStore::oldest_base_of(PartitionId partition) const { return state_->bases().oldest(partition); }
Result<std::string> CassandraStore::claim_setting(const std::string& name, const std::string& value) {
  return state_->claim_setting(name, value);
}
Result<void> CassandraStore::begin_generation(Generation generation) { return state_->begin_generation(generation); }
CassandraStore::Stats CassandraStore::stats() const { return state_->stats(); }

}  // namespace quipu
