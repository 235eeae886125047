#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "store/counter_store.h"

namespace quipu {

/// What the store has of a partition beside its rows, to take it over.
struct PartitionRestored {
  std::optional<Watermark> watermark;
  /// The source table, as of the watermark or newer. Newer does no harm: a watermark is written only when its rows are
  /// surely in the store, so what a newer table drops is in them.
  std::vector<SourceRow> sources;
  /// The newest base at or below the watermark.
  std::optional<Base> base;
  /// The log may be trimmed behind the base when the commit delay is over: a watermark at or above it holds then,
  /// whatever the store's servers forget.
  bool base_sure = true;
};

/// What a worker asks of the store for a partition as a whole, while it works on others.
///
/// Promise: `restore` sees every write that was completed before it was asked. Bases are kept by partition until
/// `drop_bases`; an older one of the same offset is the same. Thread: all calls on the owner's thread; none should
/// wait.
class PartitionStore {
 public:
  /// The answer to `restore` (`restored`) or to `write_base` (nothing in it).
  struct Answer {
    std::uint64_t token = 0;
    Result<PartitionRestored> restored{PartitionRestored{}};
  };

  virtual ~PartitionStore() = default;

  virtual void restore(PartitionId partition, std::uint64_t token) = 0;
  /// The answer may also come as a completion of the CounterStore, of kind kBase and with this token.
  virtual void write_base(PartitionId partition, Base base, std::uint64_t token) = 0;
  /// Bases below `offset` are not needed any more.
  virtual void drop_bases(PartitionId partition, Offset offset) = 0;
  virtual void take_answers(std::vector<Answer>& out) = 0;
};

}  // namespace quipu
