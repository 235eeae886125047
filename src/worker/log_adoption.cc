#include "worker/log_adoption.h"

#include <utility>

#include "base/planted.h"

namespace quipu {
namespace {

EpochTellerOptions teller_options(const LogAdoptionOptions& options, std::uint16_t partitions) {
  EpochTellerOptions made;
  made.end = partitions;
  made.retry_ms = options.retry_ms;
  made.stall_ms = options.stall_ms;
  return made;
}

}  // namespace

LogAdoption::LogAdoption(const LogAdoptionOptions& options, EventLog& log, NewLogCheck::Seek seek, CounterStore& store,
                         EntryAppender& appender)
    : options_(options),
      log_(log),
      check_({options.topic, options.read_ms_max, options.retry_ms}, log, std::move(seek)),
      teller_(teller_options(options, log.partitions()), store, appender),
      put_({options.retry_ms, options.stall_ms}, store, options.setting, options.text) {}

Result<bool> LogAdoption::step(TimeMs steady, TimeMs wall) {
  if (log_.identity().random == options_.before.random) return through_before(steady);
  if (stage_ == Stage::kChecking) {
    const auto fine = check_.step(steady);
    if (!fine) return std::unexpected(fine.error());
    if (!*fine) return false;
    stage_ = Stage::kTelling;
  }
  if (stage_ == Stage::kTelling) {
    const auto told = QUIPU_PLANTED("adopted-without-epochs") ? Result<bool>(true) : teller_.step(steady, wall);
    if (!told) return std::unexpected(told.error());
    if (!*told) return false;
    check_.again(steady);
    stage_ = Stage::kLooking;
  }
  if (stage_ == Stage::kLooking) {
    const auto fine = check_.step(steady);
    if (!fine) return std::unexpected(fine.error());
    if (!*fine) return false;
    stage_ = Stage::kPutting;
  }
  if (stage_ == Stage::kPutting) {
    const auto put = put_.step(steady);
    if (!put) return std::unexpected(put.error());
    if (*put) stage_ = Stage::kAdopted;
  }
  return stage_ == Stage::kAdopted;
}

/// Were its setting lost with the store's power, another log would get the same generation.
Result<bool> LogAdoption::through_before(TimeMs steady) {
  auto put = put_.step(steady);
  if (!put || !*put) return put;
  return failure(Code::kRefused, "topic " + options_.topic + " is the one that the store counts from, in generation " +
                                     std::to_string(options_.before.generation.value) +
                                     ": there is nothing to adopt. Where it is damaged, name another topic by "
                                     "kafka.topic, or remove this one first");
}

}  // namespace quipu
