#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/identifiers.h"
#include "base/result.h"
#include "engine/engine_stats.h"
#include "engine/operation.h"
#include "engine/views.h"
#include "ingest/namespaces.h"
#include "query/position.h"

namespace quipu {

enum class EngineState : std::uint8_t {
  kRecovering,  ///< Replaying the log; takes no operations yet.
  kServing,
  kDraining,  ///< Takes no new operations; commits and flushes what is there.
  kStopped,   ///< Drained: everything acknowledged is in the store, or in the log for others.
  kFailed,    ///< The log or the store failed for good; `failure()` says how. Held replies must be answered as unknown.
};

/// What sessions ask of the counters, whatever stands behind it: the engine that owns all of them (Engine), or one of
/// many nodes that write to a shared log and read from a shared store (ApiNode).
///
///   batch ─► submit ─► batch_done ─► replies, each held until `durable()` has reached its `durable_at`
///
/// What is asked for at every event is plain data here, without a virtual call; the virtual calls are those that come
/// once a batch, once a read that waits, or once a turn. Pure; all calls on one thread.
class CounterService {
 public:
  CounterService() = default;
  virtual ~CounterService() = default;
  CounterService(const CounterService&) = delete;
  CounterService& operator=(const CounterService&) = delete;

  EngineState state() const { return state_; }
  /// Why the state is kFailed.
  const Error& failure() const { return failure_; }
  const LogIdentity& identity() const { return *shown_.identity; }
  const HashSecret& secret() const { return *shown_.secret; }
  NamespaceRegistry& namespaces() { return *shown_.namespaces; }
  const NamespaceRegistry& namespaces() const { return *shown_.namespaces; }
  /// The time as it was last told, in milliseconds since 1970.
  TimeMs now() const { return *shown_.now; }
  /// Why nobody can ask this process for counters, and whom to ask; empty where one can.
  std::string_view no_counters() const { return no_counters_; }

  /// The time of what is submitted until the next step. Without it that would be of the last step's, and a total would
  /// seem younger by as long as the thread slept since.
  virtual void tick(TimeMs now) = 0;

  /// Does everything that can be done at `now`, and never waits. Answers when it wants to be called again if nothing
  /// else happens before: `now` means at once. With `may_commit` false the frames that are being filled wait for more.
  virtual TimeMs step(TimeMs now, bool may_commit = true) = 0;

  /// Takes no more operations, and goes on to kStopped as soon as all that was taken is where it is safe.
  virtual void drain() = 0;

  /// Takes a batch. Answers at once through `client.batch_done` where nothing has to be waited for, else later (then
  /// `submit` returns false, and the batch, its bytes and the client must stay until `batch_done`).
  virtual bool submit(Batch& batch, BatchClient& client) = 0;

  /// Every reply whose batch has `durable_at` at or below this may leave. A service that answers a batch only when all
  /// of it is durable has no such offset: kNoOffset, in its batches too.
  virtual Offset durable() const = 0;
  /// What a reply that shows all that was taken so far is to be held for.
  virtual Offset newest() const = 0;

  /// How far a read that must include some positions is.
  struct Reach {
    bool reached = false;  ///< An operation with `fresh` that is submitted now includes them.
    Offset hold_at{};      ///< What its reply is to be held for, beside what it shows.
  };
  /// Asked at each turn while such a read waits. kConflict: a position of another generation of the log. kRefused: one
  /// of a partition that there is not.
  virtual Result<Reach> reach(std::span<const Position> after) = 0;

  /// The last sequence of (namespace, source) that is known here; 0 when it is unknown.
  virtual std::uint64_t last_sequence(const Hash128& source) const = 0;
  /// The shards of a counter; call after a kRead of it, in its `batch_done`.
  virtual std::vector<ShardView> shards(NamespaceId space, std::string_view counter) const = 0;
  /// How many counters of these namespaces exist: exact in one process, else as of the last walk over the store.
  virtual std::uint64_t count(const std::vector<NamespaceId>& spaces) const = 0;
  virtual EngineStats stats() const = 0;

  // What needs more than one turn. Each calls its function once, later or at once.
  /// A page of the counters that exist, from `cursor` (0 = the beginning), about `limit` of them.
  virtual void scan(const std::vector<NamespaceId>& spaces, std::uint64_t cursor, std::size_t limit,
                    std::function<void(Result<ScanPage>)> done) = 0;
  /// The counters with the largest totals of a namespace.
  virtual void top(NamespaceId space, std::size_t limit, std::function<void(Result<ScanPage>)> done) = 0;
  /// Resets every counter of these namespaces. The answer is the offset to wait for.
  virtual void reset_all(const std::vector<NamespaceId>& spaces, std::function<void(Result<Offset>)> done) = 0;
  /// Makes a namespace or changes its policy, and answers when that is durable.
  virtual void put_namespace(std::string_view name, const NamespacePolicy& policy,
                             std::function<void(Result<void>)> done) = 0;

 protected:
  /// Where the service keeps what is asked for at every event. All of it must live as long as the service.
  struct Shown {
    const LogIdentity* identity = nullptr;
    const HashSecret* secret = nullptr;
    NamespaceRegistry* namespaces = nullptr;
    const TimeMs* now = nullptr;
  };
  /// Called once, from the constructor.
  void show(const Shown& shown) { shown_ = shown; }

  EngineState state_ = EngineState::kRecovering;
  Error failure_;
  std::string_view no_counters_;

 private:
  Shown shown_;
};

}  // namespace quipu
