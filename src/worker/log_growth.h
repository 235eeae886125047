#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "log/event_log.h"
#include "store/counter_store.h"
#include "worker/entry_appender.h"
#include "worker/epoch_teller.h"

namespace quipu {

/// What a LogGrowth is told when it is made. Times are in milliseconds.
struct LogGrowthOptions {
  std::uint16_t first = 0;       ///< P0, that the log began with: these take events whatever the store says.
  std::uint16_t before = 0;      ///< Partitions that take events.
  std::uint16_t partitions = 0;  ///< That are to; the log has them.
  std::int64_t look_ms = 250;    ///< How often the store is asked how far workers are.
  std::int64_t retry_ms = 500;   ///< After an answer of the store that was none.
  /// How long partitions that must go on may stand still, and the store say nothing of use.
  std::int64_t stall_ms = 120'000;
};

using PartitionOffsets = std::map<PartitionId, Offset>;

/// The partitions that are not as far as `goal` says, and how far they are: kNoOffset where nothing is known of one.
PartitionOffsets partitions_behind(const PartitionOffsets& goal, const PartitionOffsets& found);

/// Has the partitions take events that were added to a log, under API nodes and workers that go on.
///
///   where the older ones end ─► the watermarks pass that: what was reset before is in the rows
///                                  └─► epochs in the rows ─► new partitions' logs ─► workers have read them ─► open
///
/// It begins when the topic has the partitions and everybody has heard of them: from then on a worker that reads a
/// RESET passes it on into them too. Promise: the setting that opens them is written only when each has the newest
/// epoch of every counter that was reset before; so whatever ends it at any step, nothing is lost or counted twice, and
/// another one with the same number goes on from there. Pure: no clock, thread, socket. Asks the store what its
/// interface lets wait (`watermarks`, `settings`); takes all its completions and all answers of `appender`.
class LogGrowth {
 public:
  enum class Stage : std::uint8_t {
    kPassing,  ///< The watermarks have not passed what the older partitions had.
    kTelling,  ///< The added ones are told of the epochs in the store's rows.
    kReading,  ///< Workers have not read those.
    kOpening,  ///< The store is told that they are open.
    kOpen,
  };

  /// `log` has looked at its partitions since everybody has heard of the added ones.
  LogGrowth(const LogGrowthOptions& options, EventLog& log, CounterStore& store, EntryAppender& appender);

  /// Does what can be done now; whether the partitions are open. `steady` only ever rises. An error ends it: kConflict
  /// where partitions stand still, naming them, kTimeout and kBusy where store or log do not answer.
  Result<bool> step(TimeMs steady, TimeMs wall);

  Stage stage() const { return stage_; }
  /// How many counters that were reset the added partitions were told of.
  std::uint64_t counters() const { return teller_.counters(); }

 private:
  PartitionOffsets ends(std::uint16_t first, std::uint16_t end) const;
  Result<PartitionOffsets> watermarks();
  Result<PartitionOffsets> flushed();
  Result<std::uint16_t> open_now();
  Result<bool> reached(TimeMs steady, Result<PartitionOffsets> found);
  Result<void> pass(TimeMs steady);
  Result<void> tell(TimeMs steady, TimeMs wall);
  Result<void> wait_for_readers(TimeMs steady);
  Result<void> open(TimeMs steady);
  Result<void> take_opened(TimeMs steady);
  Result<void> put_off(const Error& error, TimeMs steady);
  void enter(Stage stage, TimeMs steady);

  const LogGrowthOptions options_;
  EventLog& log_;
  CounterStore& store_;
  EpochTeller teller_;
  Stage stage_ = Stage::kPassing;
  PartitionOffsets goal_;
  PartitionOffsets behind_;
  std::optional<TimeMs> moved_at_;
  TimeMs look_at_ = 0;
  std::uint64_t token_ = 0;  // Of the write that opens them; of none while 0.
  std::vector<StoreCompletion> completions_;
};

}  // namespace quipu
