#pragma once

#include <cstdint>
#include <limits>

#include "base/identifiers.h"
#include "base/planted.h"
#include "store/counter_store.h"

namespace quipu {

/// Sums of totals are held in 128 bits, so that only the end result can leave 64.
__extension__ using Wide = __int128;

inline constexpr Wide kTotalMax = std::numeric_limits<std::int64_t>::max();
inline constexpr Wide kTotalMin = std::numeric_limits<std::int64_t>::min();

/// `sum` held within 64 bits.
constexpr std::int64_t saturate(Wide sum) {
  if (sum > kTotalMax) return std::numeric_limits<std::int64_t>::max();
  if (sum < kTotalMin) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(sum);
}
constexpr bool fits(Wide sum) { return sum >= kTotalMin && sum <= kTotalMax; }

/// A counter's part in one partition, as the table holds it: the row and where it stands in the open frame.
struct Shard {
  static constexpr std::uint32_t kUntouched = 0xffffffff;  ///< No entry since it was loaded.
  static constexpr std::uint32_t kTouched = 0xfffffffe;    ///< Touched, but nothing to combine with.

  Row row;
  /// With row.applied at the open frame's offset: which pending plain entry of that frame is this shard's, for
  /// combining. While frames are replayed: kTouched once an entry of the frame at row.applied was applied by this
  /// process, which tells "the row includes this frame already" from "an earlier entry of the same frame".
  std::uint32_t slot = kUntouched;
  bool dirty = false;  ///< Changed since it was last copied for a flush.

  /// Whether an entry at `offset` is still missing from the row.
  bool lacks(Offset offset) const { return row.applied < offset || (row.applied == offset && slot != kUntouched); }

  /// Adds an entry at `offset`. Saturates at the ends of 64 bits and flags the row. Answers whether it just saturated.
  bool add(std::int64_t delta, std::uint64_t events, Offset offset) {
    const Wide sum = Wide{row.total} + delta;
    row.total = QUIPU_PLANTED("saturation-lost") ? static_cast<std::int64_t>(sum) : saturate(sum);
    row.events += events;
    touch(offset);
    if (fits(sum) || QUIPU_PLANTED("saturation-not-flagged")) return false;
    QUIPU_MARK("shard: held at an end of 64 bits");
    row.flags |= kRowSaturated;
    return true;
  }

  /// Meets a RESET. Only a newer epoch changes anything; the row is touched in any case, since it must be written even
  /// where there was none. Answers whether the epoch was newer.
  bool reset(Epoch epoch, Offset offset) {
    const bool newer = epoch > row.epoch;
    if (newer && QUIPU_PLANTED("added-across-reset")) touch(offset);
    if (newer) row = Row{0, 0, epoch, offset, 0};
    touch(offset);
    if (!QUIPU_PLANTED("added-across-reset")) slot = kTouched;
    return newer;
  }

 private:
  void touch(Offset offset) {
    if (row.applied != offset) {
      row.applied = offset;
      slot = kTouched;
    }
  }
};

}  // namespace quipu
