#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "aggregate/chain_table.h"
#include "aggregate/id_window.h"
#include "aggregate/live_totals.h"
#include "aggregate/source_table.h"
#include "base/identifiers.h"
#include "base/result.h"
#include "event/frame.h"
#include "ingest/namespaces.h"

namespace quipu {

struct AggregatorOptions {
  std::size_t ids_max = 1'000'000;    ///< Distinct ids remembered.
  std::size_t sources_max = 100'000;  ///< Sources remembered.
};

/// What one partition's log says, up to an offset: which ids, sources and writers were seen, and, through LiveTotals,
/// the total of each counter's shard. A pure function of the log's prefix, so that a restart, a repeat and a second
/// reader come to the same rows.
///
///   frame ─► chain (drop what was sent twice, stop at a gap)
///             └─► entry ─► id window, source table (drop repeats) ─► shard (skip what the row includes)
///
/// Whoever writes frames applies them through the same rules as they are made (`chain`, `ids`, `sources`); whoever
/// reads them back calls `replay`.
class Aggregator {
 public:
  Aggregator(ShardId shard, const AggregatorOptions& options);

  ShardId shard() const { return shard_; }
  ChainTable& chains() { return chains_; }
  const ChainTable& chains() const { return chains_; }
  IdWindow& ids() { return ids_; }
  const IdWindow& ids() const { return ids_; }
  SourceTable& sources() { return sources_; }
  const SourceTable& sources() const { return sources_; }
  void restore_chains(ChainTable chains) { chains_ = std::move(chains); }

  /// How far this partition was read.
  Offset read() const { return read_; }
  void set_read(Offset offset) { read_ = offset; }

  /// A RESET that was met in its home partition, to be passed on to all others.
  struct Reset {
    CounterIndex counter = kNoCounter;
    Epoch epoch{};
  };

  /// Applies the frame at `offset`. Every counter it names must be in the table (or, where the table is complete, is
  /// made there). Fills `resets` with what must be passed on. kDamaged, with nothing applied, when the chain has a gap.
  Result<void> replay(const Frame& frame, Offset offset, LiveTotals& totals, NamespaceRegistry& spaces,
                      std::vector<Reset>& resets, std::uint64_t& saturations);

  /// Lets a frame's ids appear in the window and nothing else: for rebuilding the window of a base. Frames that the
  /// chain drops count as seen, so that the rebuild needs no chain.
  void see_ids(const Frame& frame);

 private:
  /// So many that memory is kept busy, so few that what came first is still in the cache when the last is asked for.
  static constexpr std::size_t kAhead = 32;

  /// An entry on its way to its counter.
  struct Ahead {
    Entry entry;
    NamespaceId space{};
    std::uint32_t tag = 0;
    RecordRef likely = kNoRecord;
  };

  static std::size_t look_ahead(FrameEntries& entries, const CounterTable& table, NamespaceRegistry& spaces,
                                std::span<Ahead, kAhead> ahead);
  bool apply(const Ahead& next, Offset offset, LiveTotals& totals, std::vector<Reset>& resets);

  ShardId shard_;
  ChainTable chains_;
  IdWindow ids_;
  SourceTable sources_;
  Offset read_{};
};

}  // namespace quipu
