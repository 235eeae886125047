#include "store/open_partitions.h"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace quipu {

std::string open_partitions_text(const OpenPartitions& open) {
  return std::to_string(open.generation.value) + " " + std::to_string(open.partitions);
}

Result<std::optional<OpenPartitions>> parse_open_partitions(std::string_view name, std::string_view text) {
  if (name != kOpenPartitionsSetting) return std::optional<OpenPartitions>();
  OpenPartitions open;
  const auto* const end = text.data() + text.size();
  const auto generation = std::from_chars(text.data(), end, open.generation.value);
  const bool spaced = generation.ec == std::errc{} && generation.ptr != end && *generation.ptr == ' ';
  const auto partitions = spaced ? std::from_chars(generation.ptr + 1, end, open.partitions) : generation;
  if (!spaced || partitions.ec != std::errc{} || partitions.ptr != end || open.partitions == 0 ||
      open.partitions > kPartitionsMax) {
    return failure(Code::kDamaged,
                   "setting " + std::string(name) + " of the store does not say how many partitions are open");
  }
  return std::optional(open);
}

Result<std::uint16_t> open_partitions_in(std::span<const std::pair<std::string, std::string>> settings,
                                         Generation generation, std::uint16_t first) {
  auto open = first;
  for (const auto& [name, text] : settings) {
    const auto said = parse_open_partitions(name, text);
    if (!said) return std::unexpected(said.error());
    if (*said && (*said)->generation == generation) open = std::max(open, (*said)->partitions);
  }
  return open;
}

}  // namespace quipu
