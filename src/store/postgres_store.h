#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "store/counter_store.h"

namespace quipu {

struct PostgresStoreOptions {
  /// As libpq takes it: `postgresql://user:password@host:port/database`, or `host=… dbname=…`.
  std::string url;
  /// Called on the store's thread when completions are there. Must not block.
  std::function<void()> wake = [] {};
  /// Beyond either, a request is completed with kBusy in its turn, and nothing of it is kept until then.
  std::size_t waiting_requests_max = 4'096;
  std::size_t waiting_bytes_max = std::size_t{256} << 20;
  /// How much is with the server and not answered yet; one request alone may be larger.
  std::size_t in_flight_bytes_max = std::size_t{8} << 20;
  std::size_t in_flight_requests_max = 64;
  /// A server that has not answered for so long is left, and asked again over a new connection. It gives up what it was
  /// asked at about the same time.
  std::int64_t answer_timeout_ms = 10'000;
  /// A request that is older is completed with kBusy. It may have been written: giving it again changes nothing.
  std::int64_t request_timeout_ms = 30'000;
  /// How long `open` and each of the calls "at start" may take.
  std::int64_t start_timeout_ms = 15'000;
};

/// The counter store in PostgreSQL 14 or newer: the smaller choice beside Cassandra.
///
///   owner ─ write, load, scan, write_base ─► queue ─► the store's thread ─ pipeline ─► PostgreSQL
///         ◄─ wake, take_completions ────────────────┘
///
/// Promises of CounterStore, and how they are kept:
/// - A write is whole or not there: its rows, sources, watermarks, settings are one transaction.
/// - Every completed write is durable: the server is refused where its settings do not promise that.
/// `durable_watermark`
///   moves with syncs and bases alone, as the contract has it.
/// - An older row loses, and so does an older watermark with the sources of its partition: two workers that both
/// believe
///   to own a partition write the same rows, and the one that is behind changes nothing (postgres_statements.h).
/// - Completions in order: one connection, one pipeline. When the connection breaks, all that was not answered is given
///   again over the next one, in the same order; what the server had taken already changes nothing.
/// - kForgot: each write leaves its number with the writer's name. After a reconnect the server is asked for it, and
///   only a number below that of the last completed write (a standby that was behind, a backup) makes a kForgot, token
///   0, ahead of all later completions. It is not counted in `pending`.
/// - Bases, of all partitions together or of one, hold the id windows alone, in pieces of 1 MiB. The rows have no
/// checkpoint: backups are PostgreSQL's.
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

  /// Waits. Puts a setting there unless it is there, and answers what stands there now: the same for all who ask at
  /// once.
  Result<std::string> claim_setting(const std::string& name, const std::string& value);

  struct Stats {
    std::uint64_t connections = 0;  ///< Made since the store was opened; 1 where none was ever lost.
    std::uint64_t sent_again = 0;   ///< Requests that were given a second time, each time counted.
    std::uint64_t expired = 0;      ///< Requests that were given up.
    bool connected = false;
    std::string trouble;  ///< Why it is not connected; empty when it is.
  };
  Stats stats() const;

 private:
  class State;
  explicit PostgresStore(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace quipu
