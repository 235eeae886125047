#include "query/position.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <set>

namespace quipu {
namespace {

void append_number(std::string& out, std::uint64_t value) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  out.append(digits, end);
}

/// A number from 0 to `max`, written in the one way in which it is printed.
std::optional<std::uint64_t> number(std::string_view text, std::uint64_t max) {
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > max) return std::nullopt;
  return value;
}

std::string_view take_until(std::string_view& text, char separator) {
  const auto end = std::min(text.find(separator), text.size());
  const auto part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

std::optional<Position> parse_one(std::string_view text) {
  if (std::ranges::count(text, ':') != 2) return std::nullopt;
  const auto generation = number(take_until(text, ':'), kGenerationMax);
  const auto partition = number(take_until(text, ':'), kPartitionsMax - 1);
  const auto offset = number(text, kOffsetMax);
  if (!generation || !partition || !offset) return std::nullopt;
  return Position{Generation{static_cast<std::uint32_t>(*generation)},
                  PartitionId{static_cast<std::uint16_t>(*partition)}, Offset{*offset}};
}

}  // namespace

void append_position(std::string& out, const Position& position) {
  append_number(out, position.generation.value);
  out += ':';
  append_number(out, position.partition.value);
  out += ':';
  append_number(out, position.offset.value);
}

std::string positions_text(const std::vector<Position>& positions) {
  std::string out;
  for (const Position& position : positions) {
    if (!out.empty()) out += ',';
    append_position(out, position);
  }
  return out;
}

Result<std::vector<Position>> parse_positions(std::string_view text) {
  std::vector<Position> positions;
  std::set<PartitionId> seen;
  if (text.empty() || text.ends_with(',')) {
    return failure(Code::kRefused, "a position is written generation:partition:offset, joined by commas");
  }
  while (!text.empty()) {
    const auto position = parse_one(take_until(text, ','));
    if (!position) {
      return failure(Code::kRefused, "a position is written generation:partition:offset, joined by commas");
    }
    if (!seen.insert(position->partition).second) {
      return failure(Code::kRefused, "a partition stands twice in the positions");
    }
    positions.push_back(*position);
  }
  return positions;
}

}  // namespace quipu
