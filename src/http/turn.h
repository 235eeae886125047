#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/identifiers.h"
#include "engine/operation.h"
#include "http/arena.h"
#include "http/reply.h"
#include "ingest/namespaces.h"
#include "query/position.h"

namespace quipu {

/// What a reply is made of, once the batch is done.
enum class HttpReplyKind : std::uint8_t {
  kPrepared,  ///< It was written already: `HttpTurn::prepared`.
  kAdded,     ///< One event.
  kEvents,    ///< A batch of events.
  kValue,     ///< One counter.
  kValues,    ///< Several counters.
  kReset,
  kSource,
  kNamespace,
  kStats,
};

/// A request that was understood, and the operations that it became. Views hold until the turn ends.
struct HttpPending {
  HttpReplyKind kind = HttpReplyKind::kPrepared;
  HttpReplyShape shape;
  std::size_t begin = 0;  ///< The first of its operations; kPrepared: where its text begins.
  std::size_t end = 0;    ///< Behind the last one.
  NamespaceId space{};
  std::string_view name;           ///< kSource: the source.
  Hash128 source{};                ///< kSource
  std::string_view if_none_match;  ///< kValue: the field's value; "" without one.
  const char* place_name = "";     ///< kEvents: `line` or `item`.
  bool shards = false;             ///< kValue: show them.
};

/// All requests that arrived together: one batch for the engine, one write back.
struct HttpTurn {
  Batch batch;
  std::vector<std::uint32_t> places;  ///< One each operation: its line or item; 0 outside batches of events.
  std::vector<HttpPending> pending;
  std::string prepared;
  Arena arena;
  Offset hold_at{};  ///< Beside the batch's own: what the replies show of the engine besides counters.

  bool empty() const { return pending.empty(); }
  /// The memory that it takes, about; most of it stays when it is cleared.
  std::size_t kept_bytes() const {
    return batch.bytes() + places.capacity() * sizeof(std::uint32_t) + pending.capacity() * sizeof(HttpPending) +
           prepared.capacity() + arena.bytes();
  }
  void clear() {
    batch.clear();
    places.clear();
    pending.clear();
    prepared.clear();
    arena.clear();
    hold_at = Offset{};
  }
};

/// A request that can not be answered with the batch it arrived in: it runs alone, in its place.
struct HttpErrand {
  enum class Kind : std::uint8_t {
    kNone,
    kTop,           ///< Walks the counters of `space`.
    kPutNamespace,  ///< Writes `policy`.
    kWait,          ///< A read that waits until the service has reached `after`.
  };
  Kind kind = Kind::kNone;
  HttpReplyShape shape;
  NamespaceId space{};
  std::string name;
  std::size_t limit = 0;
  NamespacePolicy policy;
  std::vector<Position> after;
  std::int64_t timeout_ms = 0;
};

}  // namespace quipu
