#include <algorithm>
#include <chrono>
#include <utility>

#include "base/planted.h"
#include "store/cassandra_rows.h"
#include "store/cassandra_store_state.h"

namespace quipu {
namespace {

constexpr std::int64_t kRetryMs = 1'000;
/// How long a bucket's version stays after its successor: longer than any reader needs, and than any former owner of a
/// partition goes on writing.
constexpr TimeMs kObsoleteAfterMs = 10 * 60 * 1'000;
/// What is written by hand with a time beyond this stays.
constexpr std::int64_t kSettingTimeMax = std::int64_t{1} << 62;
constexpr std::size_t kDropsInAll = 1'024;
constexpr std::uint32_t kDropsAtOnce = 4;

TimeMs system_steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

TimeMs CassandraStore::State::steady_ms() const {
  return options_.steady_ms ? options_.steady_ms() : system_steady_ms();
}

// Rows and settings at once, then what changed in the buckets, then the marks.

void CassandraStore::State::begin(const CassandraTaskPtr& task, const StoreWrite& write) {
  task->outstanding = (write.rows.empty() ? 0 : 1) + (write.settings.empty() ? 0 : 1);
  if (task->outstanding == 0) return stored(task);
  if (!write.rows.empty()) {
    if (exact()) {
      check_rows(task, write.rows);
    } else {
      deltas_.make_room(write.rows.size());
      put_columns(task, write.rows);
    }
  }
  if (!write.settings.empty()) put_settings(task, write);
}

/// The last who writes a setting is right, also where the clock of one before runs ahead: so the times that are there
/// are asked for first.
void CassandraStore::State::put_settings(const CassandraTaskPtr& task, const StoreWrite& write) {
  CassandraValues none;
  none.begin(0);
  requests_->submit(statements_.setting_times, none, 1, [this, task, &write](const CassandraAnswer& times) {
    if (auto result = times.result(); !result) return acknowledged(task, std::move(result));
    CassandraReader reader(times.rows());
    for (std::uint32_t at = 0; at < times.row_count(); ++at) {
      last_setting_time_ = std::max(last_setting_time_, std::min(reader.take_bigint(), kSettingTimeMax));
    }
    CassandraValues values;
    for (const auto& [name, text] : write.settings) {
      values.begin(3);
      values.put_bytes(name);
      values.put_bytes(text);
      last_setting_time_ = std::max(timestamp(), last_setting_time_ + 1);
      values.put_bigint(last_setting_time_);
    }
    requests_->submit(statements_.put_setting, values, options_.connection.requests_in_flight,
                      [this, task](const CassandraAnswer& answer) { acknowledged(task, answer.result()); });
  });
}

/// Rows rest on what was loaded. Nodes that lost their power and are back answer a load with older rows, and what is
/// built on those has a higher offset than what is missing in it: it would never be counted. So nothing is written
/// before the nodes were asked, after the last load, whether one has started again.
void CassandraStore::State::check_rows(const CassandraTaskPtr& task, const RowBatch& rows) {
  if (loads_ == loads_checked_ || QUIPU_PLANTED("rows-written-unchecked")) return put_rows(task, rows);
  health_->check([this, task, &rows, loads = loads_](bool sound) {
    if (!sound) return acknowledged(task, std::unexpected(forgotten()));
    loads_checked_ = std::max(loads_checked_, loads);
    put_rows(task, rows);
  });
}

void CassandraStore::State::put_rows(const CassandraTaskPtr& task, const RowBatch& rows) {
  // Of those that may have been forgotten meanwhile, some may be in the store.
  const auto stands = [this, task] {
    return task->forgot == health_->forgot() || QUIPU_PLANTED("rows-written-unchecked");
  };
  if (!stands()) return acknowledged(task, std::unexpected(forgotten()));
  CassandraValues values;
  for (const auto& item : rows.items()) put_shard(values, rows, item, options_.timestamp_base);
  requests_->submit(statements_.put_shard, values, options_.connection.requests_in_flight,
                    [this, task, stands](const CassandraAnswer& answer) {
                      auto result = answer.result();
                      if (result && !stands()) result = std::unexpected(forgotten());
                      acknowledged(task, std::move(result));
                    });
}

void CassandraStore::State::put_columns(const CassandraTaskPtr& task, const RowBatch& rows) {
  const auto unknown = deltas_.unknown(rows);
  if (!unknown.empty()) {
    CassandraValues keys;
    for (const CounterKey& key : unknown) {
      keys.begin(2);
      keys.put_bytes(key.space);
      keys.put_bytes(key.counter);
    }
    const auto read = [this, task, &rows](const CassandraAnswer& answer) {
      if (auto result = answer.result(); !result) return acknowledged(task, std::move(result));
      CassandraReader reader(answer.rows());
      RowBatch found;
      for (std::uint32_t at = 0; at < answer.row_count(); ++at) {
        if (auto one = read_counter_columns(reader, found); !one) return acknowledged(task, std::move(one));
      }
      deltas_.note(found, rows);
      put_columns(task, rows);
    };
    return requests_->submit(statements_.load_counter, keys, options_.connection.requests_in_flight, read);
  }
  CassandraValues values;
  deltas_.put(values, rows);
  if (values.executions() == 0) return acknowledged(task, {});
  requests_->submit(statements_.put_shard, values, options_.connection.requests_in_flight,
                    [this, task, &rows](const CassandraAnswer& answer) {
                      if (answer.result()) deltas_.note(rows);
                      acknowledged(task, answer.result());
                    });
}

void CassandraStore::State::acknowledged(const CassandraTaskPtr& task, Result<void> result) {
  if (!result && task->completion.result) task->completion.result = std::move(result);
  if (--task->outstanding == 0) stored(task);
}

void CassandraStore::State::stored(const CassandraTaskPtr& task) {
  const auto& write = std::get<StoreWrite>(task->what);
  if (!task->completion.result) return tasks_.finish(task, std::move(task->completion.result));
  rows_written_ += write.rows.size();
  if (write.sources.empty() && write.watermarks.empty() && !write.sync) return tasks_.finish(task, {});
  task->stage = CassandraTask::Stage::kStored;
}

void CassandraStore::State::write_marks(const CassandraTaskPtr& task) {
  if (task->overtaken) {
    return tasks_.finish(task, busy("a write before this one failed, or a node of Cassandra started again", kRetryMs));
  }
  health_->check([this, task](bool sound) {
    const auto& write = std::get<StoreWrite>(task->what);
    const bool blind = marks_->doubted() && !(write.sources.empty() && write.watermarks.empty());
    if (!sound || task->overtaken || blind) {
      return tasks_.finish(task, std::unexpected(forgotten()));
    }
    put_buckets(task);
  });
}

void CassandraStore::State::put_buckets(const CassandraTaskPtr& task) {
  task->plan = marks_->plan(std::get<StoreWrite>(task->what));
  if (task->plan.buckets.executions() == 0) return put_marks(task);
  requests_->submit(statements_.put_bucket, task->plan.buckets, options_.connection.requests_in_flight,
                    [this, task](const CassandraAnswer& answer) {
                      if (auto result = answer.result(); !result) return tasks_.finish(task, std::move(result));
                      put_marks(task);
                    });
}

void CassandraStore::State::put_marks(const CassandraTaskPtr& task) {
  if (task->overtaken) return tasks_.finish(task, std::unexpected(forgotten()));
  if (task->plan.marks.executions() == 0) return marked(task);
  requests_->submit(statements_.put_mark, task->plan.marks, options_.connection.requests_in_flight,
                    [this, task](const CassandraAnswer& answer) {
                      if (auto result = answer.result(); !result) return tasks_.finish(task, std::move(result));
                      if (task->overtaken) return tasks_.finish(task, std::unexpected(forgotten()));
                      marked(task);
                    });
}

void CassandraStore::State::marked(const CassandraTaskPtr& task) {
  marks_->commit(std::move(task->plan));
  if (!std::get<StoreWrite>(task->what).sync) return tasks_.finish(task, {});
  health_->settle([this, task, marks = std::make_shared<Settled>(settling())](Result<void> settled) {
    if (settled && task->overtaken) settled = std::unexpected(forgotten());
    if (!settled) return tasks_.finish(task, std::move(settled));
    put_durable(marks, [this, task](Result<void> put) { tasks_.finish(task, std::move(put)); });
  });
}

void CassandraStore::State::put_durable(const std::shared_ptr<Settled>& settled,
                                        const std::function<void(Result<void>)>& then) {
  const auto committed = [this, settled, then, generation = marks_->generation()](Result<void> put) {
    if (put && settled->forgot != health_->forgot()) put = std::unexpected(forgotten());
    if (put && marks_->generation() == generation) believe(*settled);
    then(std::move(put));
  };
  if (settled->forgot != health_->forgot()) return then(std::unexpected(forgotten()));
  if (settled->marks.values.executions() == 0) return committed({});
  requests_->submit(statements_.put_mark, settled->marks.values, options_.connection.requests_in_flight,
                    [committed](const CassandraAnswer& answer) { committed(answer.result()); });
}

Result<void> CassandraStore::State::put_durable_now(const Settled& settled) {
  if (settled.marks.values.executions() > 0) {
    auto put = requests_->session().call(statements_.put_mark, settled.marks.values).result();
    if (!put) return put;
  }
  believe(settled);
  return {};
}

void CassandraStore::State::believe(const Settled& settled) {
  marks_->commit_durable(settled.marks, steady_ms());
  for (const auto& [partition, offset] : settled.offsets) durable_[partition] = std::max(durable_[partition], offset);
}

// What nobody needs any more.

void CassandraStore::State::drop_obsolete() {
  const auto drops = marks_->take_obsolete(steady_ms() - kObsoleteAfterMs, kDropsInAll);
  if (drops.executions() == 0) return;
  // What a failure leaves behind takes room, and nothing names it.
  requests_->submit(statements_.drop_buckets, drops, kDropsAtOnce, [](const CassandraAnswer&) {});
}

}  // namespace quipu
