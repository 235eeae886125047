#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "event/entry.h"
#include "ingest/namespaces.h"

namespace quipu {

enum class OperationKind : std::uint8_t {
  kAdd,    ///< Adds `delta`; makes the counter exist.
  kSet,    ///< RESET and ADD in one: the total becomes `delta`.
  kReset,  ///< The total becomes 0 and the counter does not exist any more.
  kRead,   ///< Changes nothing.
};

enum class SetCondition : std::uint8_t { kAlways, kIfAbsent, kIfPresent };

/// One thing a client asks of one counter. Plain data: `counter` must stay where it is until the batch is done.
struct Operation {
  OperationKind kind = OperationKind::kRead;
  SetCondition condition = SetCondition::kAlways;  ///< kSet; kReset only with kAlways or kIfPresent.
  /// With `together` above 1: room for all is there before the first is applied, and they are durable as one, but each
  /// is refused alone, as in a transaction of Redis.
  bool each_alone = false;
  GroupKind group = GroupKind::kPlain;  ///< kAdd: how repeats are told.
  bool memory_ack = false;              ///< kAdd: do not hold the reply for the commit.
  bool fresh = false;                   ///< kRead: not from a cache, but as the store has it now, or newer.
  /// How many operations from this one on stand or fall together: all are validated, and room for all is there, before
  /// the first is applied, and they are durable as one. The others of the group say 1. From 1.
  std::uint32_t together = 1;
  NamespaceId space{};
  std::string_view counter = {};
  std::int64_t delta = 1;
  TimeMs time = 0;  ///< kAdd: the event's time; 0 = now.
  IdHash id{};
  Hash128 source{};
  std::uint64_t sequence = 0;
};

/// What became of one operation.
struct Outcome {
  /// kRefused with `error_text` (static, or of whoever answers), kBusy, or nothing.
  std::optional<Code> error;
  const char* error_text = "";
  std::int64_t retry_after_ms = 0;

  bool existed = false;     ///< The counter existed before.
  bool exists = false;      ///< It exists now.
  bool applied = false;     ///< The operation changed something (a repeat, or a condition not met, does not).
  bool duplicate = false;   ///< The id or the sequence was known: counted before.
  bool saturated = false;   ///< The total is held at the end of the 64-bit range.
  bool exact = true;        ///< kRead: includes every event that the client asked to see included.
  std::int64_t before = 0;  ///< The total before.
  std::int64_t value = 0;   ///< The total now.
  Epoch epoch{};            ///< kReset, kSet: the epoch that began. kRead: the counter's.
  PartitionId partition{};
  std::uint32_t lag_ms = 0;  ///< kRead: events of the last so many milliseconds may be missing.
  Offset offset{};  ///< Where the event stands in the log; for kRead the newest offset that the value includes.
};

/// Operations of one client, in order, and their outcomes. The client owns it and reuses it; the service owns it from
/// `CounterService::submit` until `BatchClient::batch_done`.
struct Batch {
  std::vector<Operation> operations;
  std::vector<Outcome> outcomes;  ///< One each, filled by the service.
  /// The newest offset that any outcome shows or made. Replies may leave when `CounterService::durable()` has reached
  /// it.
  Offset durable_at{};

  /// The memory that it takes, which `clear` keeps for the next use.
  std::size_t bytes() const {
    return operations.capacity() * sizeof(Operation) + outcomes.capacity() * sizeof(Outcome);
  }

  void clear() {
    operations.clear();
    outcomes.clear();
    durable_at = Offset{};
  }
};

/// Who gave a batch.
class BatchClient {
 public:
  virtual ~BatchClient() = default;
  /// All outcomes are there. Called once per submit, possibly before `submit` returns.
  virtual void batch_done(Batch& batch) = 0;
};

}  // namespace quipu
