#pragma once

#include <vector>

#include "store/counter_store.h"
#include "worker/partition_store.h"

namespace quipu {

/// A PartitionStore over what a CounterStore answers at start, for stores that have no answers by partition.
///
/// Promises, and how: `restore` reads the watermark first and the sources after it, so they are never older; it waits
/// for the store, and so do all partitions. It keeps no bases: ids are rebuilt by reading back, and the log is not
/// trimmed.
class StartPartitionStore final : public PartitionStore {
 public:
  explicit StartPartitionStore(CounterStore& store) : store_(store) {}

  void restore(PartitionId partition, std::uint64_t token) override;
  void write_base(PartitionId partition, Base base, std::uint64_t token) override;
  void drop_bases(PartitionId, Offset) override {}
  void take_answers(std::vector<Answer>& out) override;

 private:
  Result<PartitionRestored> restored(PartitionId partition);

  CounterStore& store_;
  std::vector<Answer> answers_;
};

}  // namespace quipu
