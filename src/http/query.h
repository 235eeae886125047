#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"
#include "http/arena.h"
#include "http/bodies.h"
#include "query/position.h"

namespace quipu {

enum class AckWish : std::uint8_t { kPolicy, kDurable, kMemory };

/// Which parameters a route knows.
struct HttpQueryNames {
  bool ack = false;
  bool view = false;   ///< video_id, viewer_id, event_id
  bool after = false;  ///< after, timeout
  bool shards = false;
  bool limit = false;
  bool counters = false;
};

/// What a query says.
struct HttpQuery {
  AckWish ack = AckWish::kPolicy;
  ViewFields view;
  std::vector<Position> after;
  std::optional<std::int64_t> timeout_ms;
  bool shards = false;
  std::optional<std::size_t> limit;
  std::vector<std::string_view> counters;  ///< In order; may hold one name twice.
};

/// Reads a query. Refuses what the route does not know, what stands twice (but `counter`), and what is malformed.
Result<void> read_query(std::string_view text, const HttpQueryNames& names, Arena& arena, HttpQuery& query);

}  // namespace quipu
