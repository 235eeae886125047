#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/cassandra_schema.h"
#include "store/cassandra_session.h"
#include "store/counter_store.h"

namespace quipu {

struct CassandraStoreOptions {
  CassandraConnection connection;
  CassandraKeyspace keyspace;
  /// kCounterColumns: the store `cassandra-counters`, which counts at least once and is there to be compared with.
  CassandraRowForm form = CassandraRowForm::kExact;
  /// Called on a thread of the driver, or within a call of the store, when take_completions has something to do. Must
  /// not block, and not call the store.
  std::function<void()> wake = [] {};
  /// Of the log whose watermarks and bases are meant. Rows name theirs.
  Generation generation{1};
  /// Added to an offset it is the timestamp of what is written. Far above the clock's microseconds, so that a DELETE or
  /// UPDATE by hand neither hides nor pins a counter. The same for good in one keyspace; at most 2^62.
  std::int64_t timestamp_base = std::int64_t{1} << 62;
  /// How often the nodes are asked whether they have started again, in milliseconds, from 10.
  std::uint32_t node_check_ms = 1'000;
  /// How long after its acknowledgement a write is surely on the nodes' disks; nullopt: 1.5 times the period after
  /// which the nodes say that they sync their commit logs, or none where they sync before they answer.
  std::optional<std::uint32_t> sync_wait_ms;
  /// `open` waits that long, so that what it found counts as durable at once. Otherwise it does after that time.
  bool settle_at_open = false;
  /// A scan asks every replica, and what one alone has is on all of them when it is answered. Where one is down it is
  /// completed with kBusy, where one does not answer in time with kUnknown. Otherwise a quorum is asked.
  bool scan_all_replicas = false;
  /// Beyond either, a request is completed with kBusy in its turn, and nothing of it is kept until then.
  std::size_t waiting_requests_max = 4'096;
  std::size_t waiting_bytes_max = std::size_t{256} << 20;
  std::uint64_t hash_seed = 0;  ///< Of tables by name: random, for names come from users.
  /// Microseconds since 1970, for what is ordered by time alone; null: the system's clock.
  std::function<std::int64_t()> wall_us = nullptr;
  /// Milliseconds that only ever rise; null: the system's clock.
  std::function<TimeMs()> steady_ms = nullptr;
};

/// The exact counter store of many processes: rows in Cassandra, each one cell whose timestamp is the offset that it
/// includes.
///
///   owner ─ write, load, scan, write_base ─► queue ─► the driver's threads ─► Cassandra
///         ◄─ wake, take_completions ────────────────┘
///
/// Promises of CounterStore, and how they are kept (docs/formats/cassandra.md):
/// - An older write of a row loses: Cassandra keeps the cell with the newest timestamp, timestamp_base + offset. Any
///   number of processes may write the same row; they write the same values.
/// - A write that timed out is sent again as it is, with the same timestamp, for `retry_ms`; then it is completed with
///   kUnknown or kBusy and may be given again. Of a failed write some rows may be in the store, never its watermark.
/// - A watermark is written when all rows given before it and with it are acknowledged by a quorum, none of the writes
///   before it has failed, and no node that answers says that it has started anew since. Delaying it until rows are
///   surely on disk (flush.commit_delay) is the owner's business.
/// - When a node went down or has started again it completes kForgot with token 0, once for each time: the owner
///   returns to its watermark. Rows and watermarks that were given before are refused with kBusy, and sources and
///   watermarks also afterwards, until `watermarks` or `sources` has read what is there.
/// - Rows are written when the nodes were asked, after the last load was answered, and none has started anew: a load
///   that they rest on may have been answered by nodes that forgot. A node that was known to be down, and that the
///   others reach before its answer comes, is not seen to have started.
/// - Completions of writes, loads and scans in order, and a load sees all before it (CassandraTaskQueue).
/// - `sync`, and a base, wait until what was written is on the nodes' disks: sync_wait_ms, and then an acknowledged
///   write and a look at the nodes. A base does not hold up what comes behind it.
/// - A scan goes in the order of Cassandra's tokens. Rows that others write meanwhile are in it or not.
/// - Bases and watermarks are of one partition each. Those of CounterStore without a partition are of partition 0.
/// Threads: the driver's. All calls on the owner's thread, which does the work of the store within them.
class CassandraStore final : public CounterStore {
 public:
  /// Connects, makes the tables that are missing, and looks at everything that must be right: waits for some requests.
  /// kRefused names what an operator must change: login, certificate, guardrails, format.
  static Result<std::unique_ptr<CassandraStore>> open(CassandraStoreOptions options);
  /// Drops requests that wait or are under way; some of them may be carried out.
  ~CassandraStore() override;

  // These wait, and may be called at any time: an owner that was given a partition calls `watermarks` and `sources`,
  // and so takes over what its former owner left.
  Result<std::vector<Watermark>> watermarks() override;
  Result<std::vector<SourceRow>> sources() override;
  Result<std::vector<std::pair<std::string, std::string>>> settings() override;
  Result<std::optional<Base>> newest_base(Offset offset) override { return newest_base_of(PartitionId{0}, offset); }

  void write(StoreWrite write) override;
  void load(StoreLoad load) override;
  void scan(StoreScan scan) override;
  void write_base(Base base, std::uint64_t token) override { write_base_of(PartitionId{0}, std::move(base), token); }
  void take_completions(std::vector<StoreCompletion>& out) override;
  std::size_t pending() const override;
  Offset durable_watermark(PartitionId partition) const override;
  Offset oldest_base() const override { return oldest_base_of(PartitionId{0}); }

  // What only a store of many partitions has.

  Result<std::optional<Base>> newest_base_of(PartitionId partition, Offset offset);
  void write_base_of(PartitionId partition, Base base, std::uint64_t token);
  Offset oldest_base_of(PartitionId partition) const;

  /// Where the partition's durable mark stands, as far as is known here: what it names is on disk. It holds whatever
  /// nodes forget when it is, too: flush.commit_delay later.
  Offset sure_watermark_of(PartitionId partition) const;

  /// Asks for the watermarks, and calls `then` within take_completions with whether there was an answer: if so, the
  /// requests above, made at once, wait for a store that answers, as far as their replicas are those of the watermarks.
  /// The answer itself is not used. Not called any more once the store is destroyed.
  void ask_for_marks(std::function<void(Result<void>)> then);

  /// Waits. Puts a setting there unless it is there, and answers what stands there now: the same for all who ask at
  /// once.
  Result<std::string> claim_setting(const std::string& name, const std::string& value);
  /// Waits. Goes over to the watermarks and bases of another generation. Nothing may be pending.
  Result<void> begin_generation(Generation generation);

  struct Stats {
    std::uint64_t rows_written = 0;  ///< Acknowledged.
    std::uint64_t repeats = 0;       ///< Requests that were sent again after a time-out or a refusal that passes.
    std::uint64_t forgot = 0;        ///< How often kForgot was completed.
    std::size_t nodes = 0;           ///< Of the cluster.
    std::uint32_t sync_wait_ms = 0;  ///< As it was given, or as the nodes say.
  };
  Stats stats() const;

 private:
  class State;
  explicit CassandraStore(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace quipu
