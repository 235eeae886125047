#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "store/cassandra_bases.h"
#include "store/cassandra_deltas.h"
#include "store/cassandra_health.h"
#include "store/cassandra_marks.h"
#include "store/cassandra_requests.h"
#include "store/cassandra_scan.h"
#include "store/cassandra_start.h"
#include "store/cassandra_store.h"
#include "store/cassandra_task_queue.h"

namespace quipu {

/// Of which counter columns are known, at some 200 bytes each.
inline constexpr std::size_t kCassandraShardsKnownMax = 1'000'000;

/// What is behind a CassandraStore: its tasks, and how each goes on when Cassandra has answered. How a write goes from
/// rows to marks is in cassandra_store_writes.cc, the rest in cassandra_store.cc.
class CassandraStore::State {
 public:
  explicit State(CassandraStoreOptions given)
      : options_(std::move(given)),
        // With counter columns, what has to be added is known only when what was added before is acknowledged.
        tasks_({options_.waiting_requests_max, options_.waiting_bytes_max, !exact(),
                [this](const CassandraTaskPtr& task) { begin(task); },
                [this](const CassandraTaskPtr& task) { write_marks(task); }}) {}

  Result<void> start();
  void give(StoreWrite write);
  void give(StoreLoad load);
  void give(StoreScan scan);
  void give_base(PartitionId partition, Base base, std::uint64_t token);
  void take(std::vector<StoreCompletion>& out);
  std::size_t pending() const { return tasks_.pending(); }

  Result<void> begin_generation(Generation generation);
  Result<void> refresh() { return refresh_marks(requests_->session(), statements_, *marks_); }
  void ask_for_marks(std::function<void(Result<void>)> then);
  Result<std::string> claim_setting(const std::string& name, const std::string& value);
  Result<std::vector<std::pair<std::string, std::string>>> settings() {
    return read_settings(requests_->session(), statements_);
  }
  const CassandraMarks& marks() const { return *marks_; }
  CassandraBases& bases() { return *bases_; }
  Offset durable(PartitionId partition) const;
  Stats stats() const;

 private:
  void give(CassandraTask task, StoreCompletion::Kind kind, std::uint64_t token, std::size_t bytes);
  void begin(const CassandraTaskPtr& task);
  bool exact() const { return options_.form == CassandraRowForm::kExact; }
  CassandraScan::ReadRow read_row() const { return exact() ? read_shard : read_counter_columns; }
  void begin(const CassandraTaskPtr& task, const StoreWrite& write);
  void check_rows(const CassandraTaskPtr& task, const RowBatch& rows);
  void put_rows(const CassandraTaskPtr& task, const RowBatch& rows);
  void put_columns(const CassandraTaskPtr& task, const RowBatch& rows);
  void put_settings(const CassandraTaskPtr& task, const StoreWrite& write);
  void acknowledged(const CassandraTaskPtr& task, Result<void> result);
  void stored(const CassandraTaskPtr& task);
  void write_marks(const CassandraTaskPtr& task);
  void put_buckets(const CassandraTaskPtr& task);
  void put_marks(const CassandraTaskPtr& task);
  void marked(const CassandraTaskPtr& task);
  void begin(const CassandraTaskPtr& task, const StoreLoad& load);
  void finish_load(const CassandraTaskPtr& task, const CassandraAnswer& answer);
  void step_scan(const CassandraTaskPtr& task);
  void begin_base(const CassandraTaskPtr& task);
  void write_base(const CassandraTaskPtr& task);

  void drop_obsolete();
  std::map<PartitionId, Offset> written() const;
  /// These marks are surely on disk, with all that was written before.
  struct Settled {
    CassandraMarks::Durable marks;
    std::map<PartitionId, Offset> offsets;
    std::uint64_t forgot = 0;  ///< How often the store may have forgotten by then.
  };
  Settled settling() const { return {marks_->plan_durable(), written(), health_->forgot()}; }
  /// Makes them the ones that hold whatever nodes forget. Refused where a node may have forgotten meanwhile.
  void put_durable(const std::shared_ptr<Settled>& settled, const std::function<void(Result<void>)>& then);
  /// The same; waits.
  Result<void> put_durable_now(const Settled& settled);
  void believe(const Settled& settled);
  /// Later than every one before it, for what is ordered by time alone.
  std::int64_t timestamp();
  TimeMs steady_ms() const;

  const CassandraStoreOptions options_;
  CassandraStatements statements_;
  std::uint32_t sync_wait_ms_ = 0;
  std::uint64_t rows_written_ = 0;
  std::uint64_t loads_ = 0;          // Answered.
  std::uint64_t loads_checked_ = 0;  // After these the nodes were asked, and none had started again.
  CassandraTaskQueue tasks_;
  std::map<PartitionId, Offset> durable_;
  std::int64_t last_timestamp_ = 0;
  std::int64_t last_setting_time_ = 0;  // Others give the same; `timestamp` keeps to the own clock, to be its own.
  CassandraDeltas deltas_{kCassandraShardsKnownMax, options_.hash_seed};
  std::unique_ptr<CassandraMarks> marks_;
  std::unique_ptr<CassandraRequests> requests_;
  std::unique_ptr<CassandraHealth> health_;
  std::unique_ptr<CassandraBases> bases_;
};

}  // namespace quipu
