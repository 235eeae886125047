#pragma once

#include <cstdint>
#include <string>

#include "base/identifiers.h"

namespace quipu {

/// How one partition stands, for those who look at it.
struct PartitionHealth {
  enum class State : std::uint8_t {
    kRestoring,   ///< Asks the store where to begin.
    kRebuilding,  ///< Reads back the ids before the watermark.
    kReading,
    kParked,     ///< Waits for rows of the store.
    kPaused,     ///< Not read, because the store is slow or memory full.
    kReleasing,  ///< Was revoked; what was read goes to the store.
    kStopped,    ///< `alarm` says why. Nothing of it is read or written until it is assigned anew.
  };
  PartitionId partition{};
  State state = State::kRestoring;
  Offset read{};
  Offset flushed{};         ///< Rows up to here are in the store.
  Offset watermark{};       ///< Recovery begins behind it.
  Offset log_end{};         ///< One above the newest offset.
  std::uint64_t lag = 0;    ///< Frames that are not read.
  std::int64_t lag_ms = 0;  ///< How old the newest frame that was read is, while there are others behind it.
  std::uint64_t resets_owed = 0;
  std::int64_t ids_cover_ms = 0;  ///< How far back the remembered ids reach.
  std::string alarm;
  std::string store_failure;  ///< Of the last answer, while the store gives none.
};

}  // namespace quipu
