#include "cluster/log_status.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "aggregate/partition_state.h"
#include "cluster/shared_parts.h"
#include "event/frame.h"
#include "kafka/kafka_log.h"
#include "node/doorbell.h"
#include "node/log_lines.h"
#include "node/node_clock.h"
#include "store/flushed_mark.h"

namespace quipu {
namespace {

constexpr std::size_t kStretchBytes = std::size_t{1} << 20;
constexpr std::int64_t kCountMsMax = 5'000;
constexpr std::int64_t kLookMs = 50;

/// Reads the partition's frames from `next` on and adds their events up, until all are read or `until` is there. What
/// can not be read ends it: a frame that was trimmed meanwhile, or one that is none.
Result<void> count_events(KafkaLog& log, Doorbell& bell, Offset next, std::int64_t until, LogStatus::Partition& out) {
  std::vector<LogCompletion> none;
  out.all_events = false;
  log.seek(out.partition, next);
  while (next < out.end && steady_clock_ms() < until) {
    log.take_completions(none);
    const auto stretch = log.read(out.partition, next, kStretchBytes);
    if (!stretch) return std::unexpected(stretch.error());
    if (stretch->frames.empty()) bell.wait(kLookMs);
    for (const LogRead::Item& item : stretch->frames) {
      if (item.offset >= out.end) break;
      const auto frame = decode_frame(stretch->frame(item));
      if (!frame) {
        return failure(Code::kDamaged, "partition " + std::to_string(out.partition.value) + ", offset " +
                                           std::to_string(item.offset.value) + ": " + frame.error().what);
      }
      if (frame->header().identity != log.identity() || frame->header().partition != out.partition) {
        return failure(Code::kDamaged, "partition " + std::to_string(out.partition.value) + ", offset " +
                                           std::to_string(item.offset.value) + ": a frame of another log or partition");
      }
      out.events += frame->header().events;
      next = Offset{item.offset.value + 1};
    }
  }
  log.forget(out.partition);
  out.all_events = next >= out.end;
  return {};
}

}  // namespace

Result<LogStatus> log_status(const Config& config) {
  tell_on_standard_error();
  Doorbell bell;
  auto parts = SharedParts::open(config, [&bell] { bell.ring(); }, SharedParts::Use::kLook);
  if (!parts) return std::unexpected(parts.error());
  CounterStore& store = *parts->store.store;
  const auto generation = parts->identity.log.generation;
  const auto watermarks = store.watermarks();
  if (!watermarks) return std::unexpected(watermarks.error());
  std::map<PartitionId, Offset> committed;
  for (const Watermark& mark : *watermarks) {
    if (generation_of(mark) == generation) committed[mark.partition] = mark.offset;
  }
  const auto settings = store.settings();
  if (!settings) return std::unexpected(settings.error());
  std::map<PartitionId, FlushedMark> flushed;
  for (const auto& [name, text] : *settings) {
    const auto mark = parse_flushed(name, text);
    if (!mark) return std::unexpected(mark.error());
    if (*mark && (*mark)->generation == generation) flushed[(*mark)->partition] = **mark;
  }

  LogStatus status;
  status.topic = config.cluster.kafka_topic;
  status.identity = parts->identity.log;
  status.id_partitions = parts->identity.id_partitions;
  const auto open = open_partitions_of(store, parts->identity);
  if (!open) return std::unexpected(open.error());
  status.open_partitions = *open;
  for (const auto& finding : parts->log->stats().findings) status.findings.push_back(finding.what);
  const auto now = wall_clock_ms();
  const auto until = steady_clock_ms() + kCountMsMax;
  for (std::uint16_t at = 0; at < parts->log->partitions(); ++at) {
    LogStatus::Partition& partition = status.partitions.emplace_back();
    partition.partition = PartitionId{at};
    const auto bounds = parts->log->bounds(partition.partition);
    partition.begin = bounds.begin;
    partition.end = bounds.end;
    partition.committed = committed[partition.partition];
    const auto mark = flushed.find(partition.partition);
    if (mark != flushed.end()) partition.applied = mark->second.offset;
    const auto newest = bounds.end.value - 1;
    partition.lag = newest - std::min(newest, std::max(partition.applied.value, bounds.begin.value - 1));
    if (partition.lag == 0) {
      partition.lag_ms = 0;
    } else if (mark != flushed.end()) {
      partition.lag_ms = std::max<TimeMs>(now - mark->second.as_of, 0);
    }
    if (partition.lag == 0) continue;
    const Offset first{bounds.end.value - partition.lag};
    // A log that is damaged is one that somebody looks at.
    if (const auto counted = count_events(*parts->log, bell, first, until, partition); !counted) {
      status.findings.push_back(counted.error().what);
    }
  }
  return status;
}

}  // namespace quipu
