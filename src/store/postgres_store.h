#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "store/counter_store.h"
#include "store/postgres_options.h"

namespace quipu {

class PostgresThread;

/// The counter store in PostgreSQL 14 or newer: the smaller choice beside Cassandra.
///
///   owner ─ write, load, scan, write_base ─► queue ─► the store's thread ─ pipeline ─► PostgreSQL
///         ◄─ wake, take_completions ────────────────┘
///
/// Promises of CounterStore, and how they are kept:
/// - A write is whole or not there: its rows, sources, watermarks, settings are one transaction.
/// - Every completed write is durable: the server is refused where its settings do not promise that.
///   `durable_watermark` moves with syncs and bases alone, as the contract has it.
/// - An older row loses, and so does an older watermark with the sources of its partition: two workers that both
///   believe to own a partition write the same rows, and the one that is behind changes nothing
///   (postgres_statements.h).
/// - Completions in order: one connection, one pipeline. When the connection breaks, all that was not answered is given
///   again over the next one, in the same order; what the server had taken already changes nothing.
/// - kForgot: each write leaves its number with the writer's name. After a reconnect the server is asked for it, and
///   only a number below that of the last completed write (a standby that was behind, a backup) makes a kForgot, token
///   0, ahead of all later completions. It is not counted in `pending`.
/// - Bases, of all partitions together or of one, hold the id windows alone, in pieces of 1 MiB. The rows have no
///   checkpoint: backups are PostgreSQL's.
/// - The session may not be shared: prepared statements, so a pooler must pool sessions, not transactions.
/// - All waits end: see the options. Between attempts to connect it waits 50 ms to 2 s, longer each time.
/// Threads: one of its own. All calls on the owner's thread. The destructor drops what waits.
class PostgresStore final : public CounterStore {
 public:
  /// Connects, checks the server's settings, makes or migrates the tables in the schema that the search path names
  /// first. kBusy where nobody answers; kRefused, naming it, where login, a setting or the tables' version is wrong.
  static Result<std::unique_ptr<PostgresStore>> open(PostgresStoreOptions options);

  ~PostgresStore() override;

  Result<std::vector<Watermark>> watermarks() override;
  /// Of the generation that `begin_generation` named.
  Result<std::vector<SourceRow>> sources() override;
  Result<std::vector<std::pair<std::string, std::string>>> settings() override;
  Result<std::optional<Base>> newest_base(Offset offset) override;

  void write(StoreWrite write) override;
  void load(StoreLoad load) override;
  void scan(StoreScan scan) override;
  void write_base(Base base, std::uint64_t token) override;
  void take_completions(std::vector<StoreCompletion>& out) override;
  std::size_t pending() const override;
  Offset durable_watermark(PartitionId partition) const override;
  Offset oldest_base() const override;

  /// The same as `newest_base` and `write_base`, of one partition whose offsets are its own. A base that is older than
  /// the newest one of the partition is kRefused: another worker owns it. Those of older generations are dropped.
  Result<std::optional<Base>> newest_base_of(ShardId partition, Offset offset);
  void write_base_of(ShardId partition, Base base, std::uint64_t token);

  /// Asks the server something, and calls `then` within take_completions with whether there was an answer: if so, the
  /// requests "at start", made at once, wait for a server that answers. kBusy as other requests, which it waits behind
  /// and counts among. Not called any more once the store is destroyed.
  void ask_for_an_answer(std::function<void(Result<void>)> then);

  /// Waits. Puts a setting there unless it is there, and answers what stands there now: the same for all who ask at
  /// once.
  Result<std::string> claim_setting(const std::string& name, const std::string& value);

  /// Of which generation of the log the sources are that `sources` answers: those of older ones are forgotten. Until
  /// then all are, and what is written goes by its watermarks whatever this says.
  void begin_generation(Generation generation) { generation_ = generation; }

  PostgresStats stats() const;

 private:
  explicit PostgresStore(std::unique_ptr<PostgresThread> thread);

  std::unique_ptr<PostgresThread> thread_;
  Generation generation_{};
  std::deque<std::function<void(Result<void>)>> asking_;  // For an answer; completed in this order.
};

}  // namespace quipu
