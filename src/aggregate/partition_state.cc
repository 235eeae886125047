#include "aggregate/partition_state.h"

#include <string>
#include <utility>

#include "base/planted.h"

namespace quipu {

Bytes watermark_chains(const Aggregator& partition) {
  Bytes chains;
  put(chains, partition.shard().generation.value);
  put(chains, QUIPU_PLANTED("chains-not-in-watermark") ? ChainTable().encode() : partition.chains().encode());
  return chains;
}

std::optional<Generation> generation_of(const Watermark& mark) {
  const auto generation = ByteCursor(mark.chains).take<std::uint32_t>();
  if (!generation) return std::nullopt;
  return Generation{*generation};
}

Result<void> restore_watermark(const Watermark& mark, Aggregator& partition) {
  const auto generation = generation_of(mark);
  if (!generation) return failure(Code::kDamaged, "a watermark of the store has no generation");
  if (*generation < partition.shard().generation) return {};
  if (*generation > partition.shard().generation) {
    return failure(Code::kDamaged, "the store has counted generation " + std::to_string(generation->value) +
                                       ", but the log is of generation " +
                                       std::to_string(partition.shard().generation.value));
  }
  auto chains = ChainTable::decode(ByteView(mark.chains).subspan(sizeof(generation->value)));
  if (!chains) return std::unexpected(chains.error());
  partition.restore_chains(std::move(*chains));
  partition.set_read(mark.offset);
  return {};
}

void restore_sources(std::span<const SourceRow> rows, Aggregator& partition) {
  for (const SourceRow& row : rows) {
    if (row.partition != partition.shard().partition) continue;
    SourceRow kept = row;
    // Touched in the log of an older generation: before everything in this one.
    if (kept.touched > partition.read()) kept.touched = kNoOffset;
    partition.sources().restore(kept);
  }
}

}  // namespace quipu
