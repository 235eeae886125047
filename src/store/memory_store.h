#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "store/counter_store.h"

namespace quipu {

/// A CounterStore in memory, for tests and the simulator: no thread, no clock, and every step in the caller's hands.
///
///   write, load, scan, write_base ─► waiting ─perform─► state, and completions ─► take_completions
///
/// Promises, and how: requests are performed in the order in which they were given, so completions keep the order and a
/// load sees every write before it; a row is replaced only by one that is not older; `crash` leaves a prefix of the
/// writes, each whole, never shorter than the last sync; a failed write changes nothing.
/// Thread: all calls on one thread.
class MemoryStore final : public CounterStore {
 public:
  Result<std::vector<Watermark>> watermarks() override;
  Result<std::vector<SourceRow>> sources() override;
  Result<std::vector<std::pair<std::string, std::string>>> settings() override;
  Result<std::optional<Base>> newest_base(Offset offset) override;

  void write(StoreWrite write) override;
  void load(StoreLoad load) override;
  void scan(StoreScan scan) override;
  void write_base(Base base, std::uint64_t token) override;

  /// Performs what waits, unless it is held back, and hands out what was performed.
  void take_completions(std::vector<StoreCompletion>& out) override;
  std::size_t pending() const override { return waiting_.size() + completions_.size(); }
  Offset durable_watermark(PartitionId partition) const override;
  Offset oldest_base() const override { return bases_.empty() ? kNoOffset : bases_.front().offset; }

  // What a test does to it.

  /// While held, requests wait for `perform`.
  void hold(bool held) { held_ = held; }
  /// Performs the oldest `count` requests that wait. Their completions are handed out by take_completions.
  void perform(std::size_t count);
  /// The next request of this kind that is performed fails with `error`. Repeated calls queue up.
  void fail_next(StoreCompletion::Kind kind, Error error) { failures_[kind].push_back(std::move(error)); }
  /// The same of the next call of `settings`.
  void fail_settings(Error error) { settings_failures_.push_back(std::move(error)); }
  /// How many performed writes no sync covers yet.
  std::size_t unsynced() const { return unsynced_.size(); }
  /// A power cut: requests that wait and completions that were not taken are lost, and of the unsynced writes all but
  /// the first `kept`.
  void crash(std::size_t kept);
  /// The same of a server whose owner lives on, and is told by kForgot.
  void restart(std::size_t kept);
  /// How many rows were given that were older than the row in the store, and lost against it. An owner that writes in
  /// order never causes one.
  std::uint64_t older_rows() const { return older_rows_; }

 private:
  struct State {
    std::map<std::string, Row> rows;  // By key, in the order of the store on disk.
    std::map<std::pair<PartitionId, Hash128>, SourceRow> sources;
    std::map<PartitionId, Watermark> watermarks;
    std::map<std::string, std::string> settings;
  };
  struct BaseRequest {
    Base base;
    std::uint64_t token;
  };
  using Request = std::variant<StoreWrite, StoreLoad, StoreScan, BaseRequest>;

  StoreCompletion perform(StoreWrite& write);
  StoreCompletion perform(const StoreLoad& load);
  StoreCompletion perform(const StoreScan& scan);
  StoreCompletion perform(BaseRequest& request);
  bool take_failure(StoreCompletion& completion);
  void apply(State& state, const StoreWrite& write);
  void sync();

  State state_;
  State durable_;
  std::deque<StoreWrite> unsynced_;
  std::vector<Base> bases_;  // By offset.
  std::deque<Request> waiting_;
  std::vector<StoreCompletion> completions_;
  std::map<StoreCompletion::Kind, std::deque<Error>> failures_;
  std::deque<Error> settings_failures_;
  bool held_ = false;
  std::uint64_t older_rows_ = 0;
};

}  // namespace quipu
