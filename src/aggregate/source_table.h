#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/hash.h"
#include "base/identifiers.h"
#include "store/counter_store.h"

namespace quipu {

struct Hash128Hasher {
  using is_avalanching = void;  // It is a hash already.
  std::size_t operator()(const Hash128& hash) const { return static_cast<std::size_t>(hash.high ^ hash.low); }
};

/// The last sequence of each source in one partition, and which changed since the last flush. The last `sources_max` in
/// the order of (last frame, hash) are kept: a rule on the log alone, the same on every worker and after a restart.
/// Pure.
class SourceTable {
 public:
  SourceTable(PartitionId partition, std::size_t sources_max) : partition_(partition), sources_max_(sources_max) {}

  /// The source's last sequence; 0 when it is unknown or forgotten.
  std::uint64_t last(const Hash128& source) const;
  /// The offset at which the source was last seen.
  Offset touched(const Hash128& source) const;

  /// An entry of the source at `offset`. Answers whether its sequence is above the last one: else it is a repeat.
  bool advance(const Hash128& source, std::uint64_t sequence, Offset offset);

  /// A row of the store, at start, before the first `advance`.
  void restore(const SourceRow& row);

  /// Appends the rows that changed since the last call, as they are now, and the forgotten ones.
  void take_changes(std::vector<SourceRow>& out);
  /// A write of these failed: they will be given again.
  void changed_again(const std::vector<SourceRow>& rows);

  std::size_t size() const { return sources_.size(); }
  /// About how many rows `take_changes` would give now.
  std::size_t changes() const { return changed_.size(); }

 private:
  struct State {
    std::uint64_t sequence = 0;
    Offset touched{};
    bool changed = false;
  };
  void forget_beyond_bound();

  PartitionId partition_;
  std::size_t sources_max_;
  boost::unordered_flat_map<Hash128, State, Hash128Hasher> sources_;
  /// By offset, oldest first; stale where the source was touched later. Those of one offset stand as they came until
  /// one of them has to go: `ranked_` is the offset whose sources are in the order of their hashes.
  std::deque<std::pair<Offset, Hash128>> order_;
  std::optional<Offset> ranked_;
  bool restored_ = false;  // Rows were restored and stand in no order yet.
  std::vector<Hash128> changed_;
};

}  // namespace quipu
