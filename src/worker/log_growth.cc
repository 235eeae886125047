#include "worker/log_growth.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "aggregate/partition_state.h"
#include "base/check.h"
#include "base/planted.h"
#include "store/flushed_mark.h"
#include "store/open_partitions.h"
#include "worker/passing_error.h"

namespace quipu {
namespace {

/// Apart from the tokens of an EpochTeller, whose last questions the store may answer yet.
constexpr std::uint64_t kOpenToken = std::numeric_limits<std::uint64_t>::max();

constexpr const char* kOverwritten =
    "the store does not say what was written: another process wrote at the same moment; run this again";

EpochTellerOptions teller_options(const LogGrowthOptions& options) {
  EpochTellerOptions made;
  made.first = options.before;
  made.end = options.partitions;
  made.retry_ms = options.retry_ms;
  return made;
}

}  // namespace

PartitionOffsets partitions_behind(const PartitionOffsets& goal, const PartitionOffsets& found) {
  PartitionOffsets behind;
  for (const auto& [partition, offset] : goal) {
    const auto there = found.find(partition);
    const auto reached = there == found.end() ? kNoOffset : there->second;
    if (reached < offset) behind.emplace(partition, reached);
  }
  return behind;
}

LogGrowth::LogGrowth(const LogGrowthOptions& options, EventLog& log, CounterStore& store, EntryAppender& appender)
    : options_(options), log_(log), store_(store), teller_(teller_options(options), store, appender) {
  QUIPU_CHECK(options.partitions <= log.partitions());
  goal_ = ends(0, options_.before);
}

Result<bool> LogGrowth::step(TimeMs steady, TimeMs wall) {
  if (!moved_at_) moved_at_ = steady;
  Result<void> done;
  switch (stage_) {
    case Stage::kPassing:
      done = pass(steady);
      break;
    case Stage::kTelling:
      done = tell(steady, wall);
      break;
    case Stage::kReading:
      done = wait_for_readers(steady);
      break;
    case Stage::kOpening:
      done = open(steady);
      break;
    case Stage::kOpen:
      break;
  }
  if (!done) return std::unexpected(done.error());
  return stage_ == Stage::kOpen;
}

void LogGrowth::enter(Stage stage, TimeMs steady) {
  stage_ = stage;
  behind_.clear();
  moved_at_ = look_at_ = steady;
}

/// The newest frames of the partitions from `first` to below `end`.
PartitionOffsets LogGrowth::ends(std::uint16_t first, std::uint16_t end) const {
  PartitionOffsets newest;
  for (auto at = first; at < end; ++at) {
    newest[PartitionId{at}] = Offset{log_.bounds(PartitionId{at}).end.value - 1};
  }
  return newest;
}

Result<PartitionOffsets> LogGrowth::watermarks() {
  const auto marks = store_.watermarks();
  if (!marks) return std::unexpected(marks.error());
  PartitionOffsets found;
  for (const Watermark& mark : *marks) {
    if (generation_of(mark) == log_.identity().generation) found[mark.partition] = mark.offset;
  }
  return found;
}

Result<PartitionOffsets> LogGrowth::flushed() {
  const auto settings = store_.settings();
  if (!settings) return std::unexpected(settings.error());
  PartitionOffsets found;
  for (const auto& [name, text] : *settings) {
    const auto mark = parse_flushed(name, text);
    if (!mark) return std::unexpected(mark.error());
    if (*mark && (*mark)->generation == log_.identity().generation) found[(*mark)->partition] = (*mark)->offset;
  }
  return found;
}

Result<std::uint16_t> LogGrowth::open_now() {
  const auto settings = store_.settings();
  if (!settings) return std::unexpected(settings.error());
  return open_partitions_in(*settings, log_.identity().generation, options_.first);
}

/// What the store could not say now is asked for again, until it has been so for too long.
Result<void> LogGrowth::put_off(const Error& error, TimeMs steady) {
  if (!passes(error.code) || steady - *moved_at_ >= options_.stall_ms) return std::unexpected(error);
  look_at_ = steady + options_.retry_ms;
  return {};
}

/// Whether `found` is as far as the goal; an error where none of those that are not has moved for too long.
Result<bool> LogGrowth::reached(TimeMs steady, Result<PartitionOffsets> found) {
  look_at_ = steady + options_.look_ms;
  if (!found) {
    if (auto later = put_off(found.error(), steady); !later) return std::unexpected(later.error());
    return false;
  }
  auto now = partitions_behind(goal_, *found);
  if (now.empty()) return true;
  if (now != behind_) moved_at_ = steady;
  behind_ = std::move(now);
  if (steady - *moved_at_ < options_.stall_ms) return false;
  std::string names;
  for (const auto& each : behind_) names += (names.empty() ? "" : ", ") + std::to_string(each.first.value);
  return failure(Code::kConflict,
                 "partitions " + names + ": " +
                     (stage_ == Stage::kPassing ? "recovery begins before what they had" : "no worker has read them") +
                     ", and none of them has moved for " + std::to_string(options_.stall_ms / 1'000) +
                     " s. See that workers run and that none of these is stopped (`quipu log "
                     "status`), then run this again: it goes on from here");
}

Result<void> LogGrowth::pass(TimeMs steady) {
  if (steady < look_at_) return {};
  const auto passed = reached(steady, watermarks());
  if (!passed) return std::unexpected(passed.error());
  if (*passed || QUIPU_PLANTED("opened-before-watermarks")) enter(Stage::kTelling, steady);
  return {};
}

Result<void> LogGrowth::tell(TimeMs steady, TimeMs wall) {
  const auto told = QUIPU_PLANTED("opened-without-epochs") ? Result<bool>(true) : teller_.step(steady, wall);
  if (!told) return std::unexpected(told.error());
  if (!*told) return {};
  goal_ = ends(options_.before, options_.partitions);
  enter(Stage::kReading, steady);
  return {};
}

Result<void> LogGrowth::wait_for_readers(TimeMs steady) {
  if (steady < look_at_) return {};
  const auto read = reached(steady, flushed());
  if (!read) return std::unexpected(read.error());
  if (*read) enter(Stage::kOpening, steady);
  return {};
}

/// Another one may have opened as many, or more; and of two that write at once one loses, and writes again.
Result<void> LogGrowth::open(TimeMs steady) {
  if (token_ != 0) return take_opened(steady);
  if (steady < look_at_) return {};
  const auto there = open_now();
  if (!there) return put_off(there.error(), steady);
  if (*there >= options_.partitions) {
    enter(Stage::kOpen, steady);
    return {};
  }
  if (steady - *moved_at_ >= options_.stall_ms) return failure(Code::kBusy, kOverwritten);
  StoreWrite write;
  write.token = token_ = kOpenToken;
  const OpenPartitions open{log_.identity().generation, options_.partitions};
  write.settings.emplace_back(std::string(kOpenPartitionsSetting), open_partitions_text(open));
  write.sync = true;
  store_.write(std::move(write));
  return {};
}

Result<void> LogGrowth::take_opened(TimeMs steady) {
  completions_.clear();
  store_.take_completions(completions_);
  for (const StoreCompletion& completion : completions_) {
    if (completion.kind != StoreCompletion::Kind::kWrite || completion.token != token_) continue;
    token_ = 0;
    if (!completion.result) return put_off(completion.result.error(), steady);
    look_at_ = steady;
    return {};
  }
  if (steady - *moved_at_ < options_.stall_ms) return {};
  return failure(Code::kTimeout,
                 "the store has not answered for " + std::to_string(options_.stall_ms / 1'000) + " seconds");
}

}  // namespace quipu
