#include "cluster/log_status.h"

#include <algorithm>
#include <map>

#include "aggregate/partition_state.h"
#include "cluster/shared_parts.h"
#include "node/node_clock.h"
#include "store/flushed_mark.h"

namespace quipu {

Result<LogStatus> log_status(const Config& config) {
  auto parts = SharedParts::open(config, [] {}, SharedParts::Use::kLook);
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
  }
  return status;
}

}  // namespace quipu
