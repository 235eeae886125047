#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "store/counter_store.h"
#include "worker/partition_store.h"

namespace quipu {

/// How a store that keeps bases by partition is asked for them; the first two or neither.
struct PartitionBaseCalls {
  std::function<Result<std::optional<Base>>(PartitionId, Offset)> newest;
  /// Completed by the CounterStore itself, with this token.
  std::function<void(PartitionId, Base, std::uint64_t)> write;
  /// Up to where a watermark was there, when they were last asked for, that holds whatever the store's servers forget.
  /// Null: each does.
  std::function<Offset(PartitionId)> sure_watermark = nullptr;
  /// Asks the store for watermarks without waiting, and calls back once while completions of the CounterStore are
  /// taken, with whether it answered; not at all once the store is gone. Null: nobody knows before.
  std::function<void(std::function<void(Result<void>)>)> answers = nullptr;
};

/// A PartitionStore over what a CounterStore answers at start, for stores that may be asked that at any time.
///
/// Promises, and how: `restore` reads the watermark first and the sources after it, so they are never older. That waits
/// for the store, and so do all partitions. Where `answers` is given it is not done before the store has just answered,
/// and one request that fails all the same fails for all that are to be restored then: a store that is away holds
/// others up for one request at most, and for that only when it went away in that moment, or in part. Of one partition
/// the newest `restore` is carried out, those before it are answered with kBusy. The store drops old bases by its own
/// rule. Without `PartitionBaseCalls` there are none: ids are rebuilt by reading back, and the log is not trimmed.
class StartPartitionStore final : public PartitionStore {
 public:
  /// `store` must outlive it, and not be asked for completions when it is gone.
  explicit StartPartitionStore(CounterStore& store, PartitionBaseCalls bases = {})
      : store_(store), bases_(std::move(bases)) {}
  StartPartitionStore(const StartPartitionStore&) = delete;
  StartPartitionStore& operator=(const StartPartitionStore&) = delete;

  void restore(PartitionId partition, std::uint64_t token) override;
  void write_base(PartitionId partition, Base base, std::uint64_t token) override;
  void drop_bases(PartitionId, Offset) override {}
  void take_answers(std::vector<Answer>& out) override;

 private:
  struct Asked {
    PartitionId partition{};
    std::uint64_t token = 0;
  };
  void ask();
  void restore_ready(std::vector<Answer>& out);
  Result<PartitionRestored> restored(PartitionId partition);

  CounterStore& store_;
  PartitionBaseCalls bases_;
  std::vector<Answer> answers_;  // For the next take.
  bool asking_ = false;          // Whether the store answers; one question for all.
  std::vector<Asked> waiting_;   // For that.
  bool ready_ = false;           // It does: they can be restored.
};

}  // namespace quipu
