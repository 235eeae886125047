#include "aggregate/aggregator.h"

#include <string>

#include "base/check.h"

namespace quipu {

Aggregator::Aggregator(ShardId shard, const AggregatorOptions& options)
    : shard_(shard), ids_(options.ids_max), sources_(shard.partition, options.sources_max) {}

Result<void> Aggregator::replay(const Frame& frame, Offset offset, LiveTotals& totals, NamespaceRegistry& spaces,
                                std::vector<Reset>& resets, std::uint64_t& saturations) {
  const FrameHeader& header = frame.header();
  const auto verdict = chains_.accept(header.writer, header.number);
  if (verdict == ChainTable::Verdict::kGap) {
    return failure(Code::kDamaged,
                   "partition " + std::to_string(shard_.partition.value) + ", offset " + std::to_string(offset.value) +
                       ": frame " + std::to_string(header.number) + " of node " + std::to_string(header.writer.node) +
                       ", boot " + std::to_string(header.writer.boot) + " follows its frame " +
                       std::to_string(chains_.last(header.writer)) + ": frames are missing between them");
  }
  read_ = offset;
  if (verdict == ChainTable::Verdict::kDrop) {
    see_ids(frame);
    return {};
  }
  CounterTable& table = totals.table();
  auto entries = frame.entries();
  while (const auto entry = entries.next()) {
    if (entry->group == GroupKind::kIds && ids_.appear(entry->id, entry->time) != IdWindow::Verdict::kNew) continue;
    if (entry->group == GroupKind::kSource && !sources_.advance(entry->source, entry->sequence, offset)) continue;
    const auto space = spaces.restore(entry->space);
    auto counter = table.find(space, entry->counter);
    if (counter == kNoCounter) {
      QUIPU_CHECK(totals.complete());
      counter = table.insert(space, entry->space, entry->counter);
    }
    const bool lacking = table.shard(counter, shard_).lacks(offset);
    if (entry->kind == EntryKind::kReset) {
      const auto epoch = entry->epoch == Epoch{} ? epoch_of(shard_.generation, offset) : entry->epoch;
      // Passed on also where the row includes it already: whether the other partitions have it is not known from here.
      if (entry->epoch == Epoch{}) resets.push_back({counter, epoch});
      if (lacking) totals.reset(counter, shard_, epoch, offset);
    } else if (lacking) {
      saturations += totals.add(counter, shard_, entry->delta, entry->events, offset) ? 1 : 0;
    }
  }
  return {};
}

void Aggregator::see_ids(const Frame& frame) {
  auto entries = frame.entries();
  while (const auto entry = entries.next()) {
    if (entry->group == GroupKind::kIds) ids_.appear(entry->id, entry->time);
  }
}

}  // namespace quipu
