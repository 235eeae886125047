#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "store/counter_store.h"
#include "worker/entry_appender.h"

namespace quipu {

/// What an EpochTeller is told when it is made. Times are in milliseconds.
struct EpochTellerOptions {
  std::uint16_t first = 0;  ///< The partitions that are told: from this one on ...
  std::uint16_t end = 0;    ///< ... to below this one.
  std::size_t page_rows = 100'000;
  std::size_t entries_per_frame = 256;
  std::int64_t retry_ms = 500;  ///< After an answer of the store that was none.
  std::int64_t stall_ms =
      60'000;  ///< Store and log that answer nothing for so long are taken for ones that never will.
};

/// Tells partitions that are new of every counter that was ever reset, from the store's rows: a shard learns of epochs
/// from its log alone, and a total is the sum of the shards of the highest epoch.
///
///   page of rows ─► the highest epoch of each counter ─► RESETs ─► each partition's log has them ─► next page
///
/// Promise: when `step` answers true, each of the partitions has a RESET with the newest epoch of every counter whose
/// rows were in the store before the first step. One that is begun anew after another that ended on its way tells some
/// of it again, which does no harm. Pure: no clock, thread, socket. Takes all completions of `store` and all answers of
/// `appender`.
class EpochTeller {
 public:
  EpochTeller(const EpochTellerOptions& options, CounterStore& store, EntryAppender& appender)
      : options_(options), store_(store), appender_(appender) {}

  /// Does what can be done now; whether all partitions have all. `steady` only ever rises. An error ends it: kTimeout
  /// after stall_ms without an answer, else what store or log can not mend by being asked again.
  Result<bool> step(TimeMs steady, TimeMs wall);

  /// How many counters the partitions were told of.
  std::uint64_t counters() const { return counters_; }

 private:
  Result<void> take_page(TimeMs steady);
  void tell(const RowBatch& rows, TimeMs wall);
  Result<void> take_appended(TimeMs steady, TimeMs wall);
  void ask(TimeMs steady);

  const EpochTellerOptions options_;
  CounterStore& store_;
  EntryAppender& appender_;
  std::optional<std::uint64_t> from_ = 0;  // Where the next page begins; none behind the last.
  std::uint64_t token_ = 0;                // Of the page that is asked for.
  bool asked_ = false;
  TimeMs ask_at_ = 0;
  std::optional<RowBatch> page_;  // Not told yet.
  std::size_t frames_under_way_ = 0;
  std::uint64_t counters_ = 0;
  std::optional<TimeMs> moved_at_;
  std::string why_ = "the store has not answered";
  std::vector<StoreCompletion> completions_;
  std::vector<EntryAppender::Appended> appended_;
};

}  // namespace quipu
