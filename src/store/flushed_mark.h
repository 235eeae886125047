#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/identifiers.h"
#include "base/result.h"

namespace quipu {

/// Up to where a partition's rows are in the store, as a reader sees it: a read with `after=` waits for it, and the age
/// of a total is told by it. A hint that is written after each flush and again while nothing happens; recovery never
/// uses it, and it may go back for a moment where two workers believe that they own the partition.
///
/// It is kept as the setting `flushed/PARTITION` with the text `GENERATION OFFSET AS_OF` (docs/formats/checkpoint.md).
struct FlushedMark {
  PartitionId partition{};
  Generation generation{};
  Offset offset{};   ///< Frames up to here are in the rows.
  TimeMs as_of = 0;  ///< What the log had at this time is in the rows.

  friend bool operator==(const FlushedMark&, const FlushedMark&) = default;
};

/// The setting's name and its text.
std::string flushed_setting(PartitionId partition);
std::string flushed_text(const FlushedMark& mark);

/// Reads a setting back; nullopt where it is another setting. kDamaged when it is one and can not be read.
Result<std::optional<FlushedMark>> parse_flushed(std::string_view name, std::string_view text);

}  // namespace quipu
