#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/random.h"
#include "sim/settings.h"
#include "sim/trace.h"
#include "store/memory_store.h"

namespace quipu::sim {

/// The counter store as RocksDB without its own log is one: a crash takes back a suffix of the writes that no sync
/// covers, each whole. Requests wait until the world performs them, and may fail. Keeps a checkpoint with each base.
class SimStore final : public CounterStore {
 public:
  SimStore(Random& random, Trace& trace, const FaultRates& rates) : random_(random), trace_(trace), rates_(rates) {
    store_.hold(true);
  }

  /// Requests fail only while this is set.
  bool faulty = false;

  /// Does up to `count` of the requests that wait, in their order.
  void perform(std::size_t count);
  /// The process has ended, with or without the machine: either takes what was not synced.
  void crash();

  /// What the store had when the base at `offset` was made, as a store to start from; nullopt where it was dropped.
  std::optional<MemoryStore> checkpoint(Offset offset) const;
  /// The oldest base at or above `offset`, which must be one of this log.
  std::optional<Offset> base_from(Offset offset) const;
  /// What it holds, as a store to start from.
  MemoryStore copy() const;
  /// The log was begun anew: what was made beside the old one is no place to go on from.
  void forget_checkpoints() { checkpoints_.clear(); }
  std::uint64_t older_rows() const { return store_.older_rows(); }
  /// All rows that there are now.
  RowBatch rows() const;

  Result<std::vector<Watermark>> watermarks() override { return store_.watermarks(); }
  Result<std::vector<SourceRow>> sources() override { return store_.sources(); }
  Result<std::vector<std::pair<std::string, std::string>>> settings() override { return store_.settings(); }
  Result<std::optional<Base>> newest_base(Offset offset) override { return store_.newest_base(offset); }

  void write(StoreWrite request) override;
  void load(StoreLoad request) override;
  void scan(StoreScan request) override;
  void write_base(Base base, std::uint64_t token) override;
  void take_completions(std::vector<StoreCompletion>& out) override { store_.take_completions(out); }
  std::size_t pending() const override { return store_.pending(); }
  Offset durable_watermark(PartitionId partition) const override { return store_.durable_watermark(partition); }
  Offset oldest_base() const override { return store_.oldest_base(); }

 private:
  struct Waiting {
    StoreCompletion::Kind kind{};
    Offset base{};
  };
  bool fails(StoreCompletion::Kind kind);

  Random& random_;
  Trace& trace_;
  const FaultRates& rates_;
  MemoryStore store_;
  std::deque<Waiting> waiting_;
  std::map<Offset, MemoryStore> checkpoints_;
};

}  // namespace quipu::sim
