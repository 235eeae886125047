#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/identifiers.h"
#include "store/counter_store.h"
#include "worker/entry_appender.h"
#include "worker/held_bytes.h"
#include "worker/partition_store.h"

namespace quipu {

/// Who asked: a partition from its assignment to the moment at which its state is dropped.
using Owner = std::uint64_t;

/// Hands each answer of store and log to who asked, and to nobody if that one is gone: an answer for a former ownership
/// must not reach the next. Pure; one thread.
class WorkerCalls {
 public:
  using StoreDone = std::function<void(StoreCompletion&)>;
  using RestoreDone = std::function<void(Result<PartitionRestored>&)>;
  using AppendDone = std::function<void(const Result<Offset>&)>;

  WorkerCalls(CounterStore& store, PartitionStore& partitions, EntryAppender& appender)
      : store_(store), partitions_(partitions), appender_(appender) {}

  void write(Owner owner, StoreWrite request, StoreDone done);
  void load(Owner owner, StoreLoad request, StoreDone done);
  void restore(Owner owner, PartitionId partition, RestoreDone done);
  /// `held` is let go when the store has answered, also where nobody waits for the answer any more.
  void write_base(Owner owner, PartitionId partition, Base base, std::shared_ptr<const HeldBytes> held,
                  RestoreDone done);
  void append(Owner owner, PartitionId partition, std::span<const Entry> entries, AppendDone done);

  /// Nobody waits for what this one asked any more.
  void drop(Owner owner);

  /// Hands out what has become known. `forgot` is called in its place between the answers.
  void take(TimeMs steady, TimeMs wall, const std::function<void()>& forgot);

 private:
  template <class Done>
  struct Asked {
    Owner owner = 0;
    Done done;
  };
  template <class Done>
  using Waiting = std::unordered_map<std::uint64_t, Asked<Done>>;

  CounterStore& store_;
  PartitionStore& partitions_;
  EntryAppender& appender_;
  std::uint64_t next_token_ = 1;
  Waiting<StoreDone> stores_;
  Waiting<RestoreDone> restores_;
  Waiting<AppendDone> appends_;
  std::unordered_map<std::uint64_t, std::shared_ptr<const HeldBytes>> held_;  // Bases with the store, by token.
  std::vector<StoreCompletion> completions_;
  std::vector<PartitionStore::Answer> answers_;
  std::vector<EntryAppender::Appended> appended_;
};

}  // namespace quipu
