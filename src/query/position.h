#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/identifiers.h"
#include "base/result.h"

namespace quipu {

/// Where an event stands in the log, as clients see it: `generation:partition:offset`. A write answers with it; a read
/// takes it as `after=`.
struct Position {
  Generation generation{};
  PartitionId partition{};
  Offset offset{};

  friend auto operator<=>(const Position&, const Position&) = default;
};

/// Appends `generation:partition:offset`.
void append_position(std::string& out, const Position& position);

/// The positions, joined by commas.
std::string positions_text(const std::vector<Position>& positions);

/// Reads what `positions_text` wrote: 1 to kPartitionsMax positions, decimal, without signs, spaces or leading zeros,
/// and each partition once. kRefused with the reason otherwise. Offset 0 is legal: there is nothing to wait for.
Result<std::vector<Position>> parse_positions(std::string_view text);

}  // namespace quipu
