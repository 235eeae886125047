#pragma once

#include <cstdint>
#include <string>

#include "base/identifiers.h"
#include "base/result.h"
#include "log/event_log.h"
#include "store/counter_store.h"
#include "worker/entry_appender.h"
#include "worker/epoch_teller.h"
#include "worker/new_log_check.h"
#include "worker/setting_put.h"

namespace quipu {

/// What a LogAdoption is told when it is made. Times are in milliseconds.
struct LogAdoptionOptions {
  LogIdentity before;   ///< Of the log that the store counts from.
  std::string topic;    ///< Of the log that it is to count from, as it is called in an error.
  std::string setting;  ///< By which all processes go, ...
  /// ... and what it says when they are to go by the new log; or what it says now, where that is the log already.
  std::string text;
  std::int64_t retry_ms = 500;        ///< After an answer of the store or the log that was none.
  std::int64_t stall_ms = 60'000;     ///< Store and log that answer nothing for so long never will.
  std::int64_t read_ms_max = 30'000;  ///< How long one partition's end or next frames are waited for.
};

/// Has a store count from another log than before, in the next generation of it.
///
///   another log? ─► no frame in it but its own? ─► the epochs in the rows ─► each partition's log
///        │                            └─► still none? ─► the setting, synced
///        └─ no: the setting, as it is, synced: whoever wrote it may have gone before it was
///
/// The old log's rows stay as they are, frozen, and the new log's are added to them. A total is the sum of the shards
/// of the highest epoch, and a shard learns of epochs from its log alone: so the new log is told of all that was reset
/// before anybody may write to it. No other process may use store or log meanwhile.
///
/// Promise: the setting is written only when all that holds; so whatever ends it at any step, all processes go by the
/// old log or by the new one, and another adoption of the same log goes on from there. Whichever of them says that it
/// is adopted, or that there is nothing to adopt, no power cut takes back that it is. Pure: no clock, thread, socket.
/// Asks the store what its interface lets wait (`settings`); takes all its completions and all answers of `appender`.
class LogAdoption {
 public:
  enum class Stage : std::uint8_t {
    kChecking,  ///< Is it a beginning?
    kTelling,   ///< Its partitions are told of the epochs in the store's rows.
    kLooking,   ///< Is it a beginning still?
    kPutting,   ///< The store is told to count from it.
    kAdopted,
  };

  /// `log` has the next generation (generation_after), and has looked at its partitions.
  LogAdoption(const LogAdoptionOptions& options, EventLog& log, NewLogCheck::Seek seek, CounterStore& store,
              EntryAppender& appender);

  /// Does what can be done now; whether the store counts from the new log. `steady` only ever rises. An error ends it:
  /// kRefused where it is the log that the store counts from, once that is synced, or no beginning; kTimeout and kBusy
  /// where store or log do not answer.
  Result<bool> step(TimeMs steady, TimeMs wall);

  Stage stage() const { return stage_; }
  /// How many counters that were reset the new log was told of.
  std::uint64_t counters() const { return teller_.counters(); }

 private:
  Result<bool> through_before(TimeMs steady);

  const LogAdoptionOptions options_;
  EventLog& log_;
  NewLogCheck check_;
  EpochTeller teller_;
  SettingPut put_;
  Stage stage_ = Stage::kChecking;
};

}  // namespace quipu
