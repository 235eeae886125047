#pragma once

#include <optional>
#include <span>

#include "aggregate/aggregator.h"
#include "base/bytes.h"
#include "base/identifiers.h"
#include "base/result.h"
#include "store/counter_store.h"

namespace quipu {

/// What a partition knows beside its rows, on its way to the store and back (docs/formats/checkpoint.md). Pure.

/// The bytes that go with a watermark at `partition.read()`: the generation of the log, and the chain table.
Bytes watermark_chains(const Aggregator& partition);

/// Which generation of the log a watermark belongs to; nullopt when it does not say.
std::optional<Generation> generation_of(const Watermark& mark);

/// Sets a new partition to where a watermark says. Leaves it at the beginning where the watermark is of an older
/// generation: its rows are frozen, and this log is read from its start. kDamaged when the watermark is of a newer
/// generation, or not what was written.
Result<void> restore_watermark(const Watermark& mark, Aggregator& partition);

/// Sets the source table of a partition whose watermark is restored; rows of other partitions are passed over.
void restore_sources(std::span<const SourceRow> rows, Aggregator& partition);

}  // namespace quipu
