#include "aggregate/aggregator.h"

#include <array>
#include <string>

#include "base/check.h"
#include "base/planted.h"

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
  // An id tells by itself whether it was counted. To take it for counted, because the frame is not, would lose the
  // event when its client sends it again.
  const bool ids_alone = verdict == ChainTable::Verdict::kOld;
  auto entries = frame.entries();
  std::array<Ahead, kAhead> ahead;
  for (auto count = look_ahead(entries, totals.table(), spaces, ahead); count > 0;
       count = look_ahead(entries, totals.table(), spaces, ahead)) {
    for (const Ahead& next : std::span(ahead).first(count)) {
      if (ids_alone && next.entry.group != GroupKind::kIds) continue;
      saturations += apply(next, offset, totals, resets) ? 1 : 0;
    }
  }
  return {};
}

/// Takes the next entries and asks memory for their counters, all at once: looked up one by one, each would wait for it
/// three times over. Answers how many there are.
std::size_t Aggregator::look_ahead(FrameEntries& entries, const CounterTable& table, NamespaceRegistry& spaces,
                                   std::span<Ahead, kAhead> ahead) {
  std::size_t count = 0;
  for (; count < kAhead && entries.next(ahead[count].entry); ++count) {
    Ahead& next = ahead[count];
    // Nearly all entries are of the namespace before.
    const bool as_before = count > 0 && ahead[count - 1].entry.space.data() == next.entry.space.data();
    next.space = as_before ? ahead[count - 1].space : spaces.restore(next.entry.space);
    next.tag = table.tag(next.space, next.entry.counter);
    table.prefetch_slot(next.tag);
  }
  for (Ahead& next : ahead.first(count)) next.likely = table.prefetch_record(next.tag);
  for (const Ahead& next : ahead.first(count)) table.prefetch_counter(next.likely);
  return count;
}

/// Applies an entry of the frame at `offset`. Answers whether the shard just saturated.
bool Aggregator::apply(const Ahead& next, Offset offset, LiveTotals& totals, std::vector<Reset>& resets) {
  const Entry& entry = next.entry;
  if (entry.group == GroupKind::kIds && ids_.appear(entry.id, entry.time) != IdWindow::Verdict::kNew) return false;
  if (entry.group == GroupKind::kSource && !sources_.advance(entry.source, entry.sequence, offset)) return false;
  CounterTable& table = totals.table();
  auto counter = table.find(next.tag, next.likely, next.space, entry.counter);
  if (counter == kNoCounter) {
    QUIPU_CHECK(totals.complete());
    counter = table.insert(next.space, entry.space, entry.counter);
  }
  const bool lacking = QUIPU_PLANTED("applied-not-checked") || table.shard(counter, shard_).lacks(offset);
  if (entry.kind == EntryKind::kReset) {
    const auto epoch = entry.epoch == Epoch{} ? epoch_of(shard_.generation, offset) : entry.epoch;
    // Passed on also where the row includes it already: whether the other partitions have it is not known from here.
    if (entry.epoch == Epoch{}) resets.push_back({counter, epoch});
    if (lacking) totals.reset(counter, shard_, epoch, offset);
    return false;
  }
  return lacking && totals.add(counter, shard_, entry.delta, entry.events, offset);
}

void Aggregator::see_ids(const Frame& frame) {
  if (QUIPU_PLANTED("ids-not-seen-before-watermark")) return;
  auto entries = frame.entries();
  for (Entry entry; entries.next(entry);) {
    if (entry.group == GroupKind::kIds) ids_.appear(entry.id, entry.time);
  }
}

}  // namespace quipu
