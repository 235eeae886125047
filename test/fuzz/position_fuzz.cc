#include <algorithm>
#include <vector>

#include "fuzz/fuzz.h"
#include "query/position.h"

namespace quipu::fuzz {
namespace {

/// There is one text for each list of positions, so what is read is written as it was.
void check_text(std::string_view text) {
  const auto positions = parse_positions(text);
  if (!positions) {
    require(!positions.error().what.empty(), "a refusal has a reason");
    return;
  }
  require(positions_text(*positions) == text, "positions are written as they were read");
}

void check_positions(Input& input) {
  std::vector<Position> positions;
  while (!input.empty() && positions.size() < kPartitionsMax) {
    Position position;
    position.generation = Generation{input.number<std::uint32_t>() % (kGenerationMax + 1)};
    position.partition = PartitionId{static_cast<std::uint16_t>(input.below(kPartitionsMax))};
    position.offset = Offset{input.number<std::uint64_t>() % (kOffsetMax + 1)};
    if (std::ranges::find(positions, position.partition, &Position::partition) != positions.end()) continue;
    positions.push_back(position);
  }
  if (positions.empty()) return;
  const auto read = parse_positions(positions_text(positions));
  require(read && *read == positions, "positions are read as they were written");
}

}  // namespace
}  // namespace quipu::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  quipu::fuzz::Input input(data, size);
  if (input.flag()) {
    quipu::fuzz::check_text(input.rest());
  } else {
    quipu::fuzz::check_positions(input);
  }
  return 0;
}
