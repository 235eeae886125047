#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/identifiers.h"
#include "base/result.h"

namespace quipu {

/// How many of a log's partitions take events, where some were added to those that it began with: those that were told
/// of every reset that was before them. It only rises within a generation; a log of which nothing is said takes events
/// in the partitions that it began with.
///
/// It is kept as the setting `open_partitions` with the text `GENERATION PARTITIONS` (docs/formats/checkpoint.md).
struct OpenPartitions {
  Generation generation{};
  std::uint16_t partitions = 0;  ///< The first so many; at most kPartitionsMax.

  friend bool operator==(const OpenPartitions&, const OpenPartitions&) = default;
};

inline constexpr std::string_view kOpenPartitionsSetting = "open_partitions";

/// The setting's text.
std::string open_partitions_text(const OpenPartitions& open);

/// Reads a setting back; nullopt where it is another setting. kDamaged when it is one and can not be read.
Result<std::optional<OpenPartitions>> parse_open_partitions(std::string_view name, std::string_view text);

/// How many partitions of a generation's log take events by all of a store's settings, where it began with `first`.
/// kDamaged when a setting can not be read.
Result<std::uint16_t> open_partitions_in(std::span<const std::pair<std::string, std::string>> settings,
                                         Generation generation, std::uint16_t first);

}  // namespace quipu
