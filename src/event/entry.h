#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/hash.h"
#include "base/identifiers.h"

namespace quipu {

inline constexpr std::size_t kNamespaceBytesMax = 63;
inline constexpr std::size_t kCounterBytesMax = 1024;
inline constexpr std::size_t kIdBytesMax = 64;
inline constexpr std::size_t kSourceBytesMax = 64;
inline constexpr std::uint64_t kSequenceMax = (std::uint64_t{1} << 63) - 1;

enum class EntryKind : std::uint8_t {
  kAdd,    ///< Adds `delta`.
  kReset,  ///< Begins a new epoch for the counter in this partition.
};

/// How the entries of a group are told from repeats of themselves.
enum class GroupKind : std::uint8_t {
  kPlain = 1,   ///< Not at all. These alone may be combined.
  kIds = 2,     ///< Each has an id; one that is in the partition's window is ignored.
  kSource = 3,  ///< All are of one source, each with a sequence; one at or below the source's last is ignored.
};

/// An idempotency id as the log keeps it.
struct IdHash {
  Hash128 id;              ///< Of (namespace, counter, id), keyed by the log's secret.
  std::uint32_t body = 0;  ///< Of what else the event said, to tell "same id, other content".

  friend auto operator<=>(const IdHash&, const IdHash&) = default;
};

/// One entry of a frame. The views live as long as the bytes they were read from.
struct Entry {
  EntryKind kind = EntryKind::kAdd;
  GroupKind group = GroupKind::kPlain;
  std::string_view space;      ///< The namespace, `[a-z][a-z0-9_-]{0,62}`.
  std::string_view counter;    ///< Any 1 to kCounterBytesMax bytes.
  std::int64_t delta = 0;      ///< kAdd only.
  std::uint64_t events = 1;    ///< How many events the entry stands for, from 1. 0 for kReset.
  TimeMs time = 0;             ///< When it happened, as the client said or the node received it.
  Epoch epoch{};               ///< kReset: the epoch passed on; 0 in the home partition, where the offset makes it.
  IdHash id{};                 ///< GroupKind::kIds only.
  Hash128 source{};            ///< GroupKind::kSource only: of (namespace, source), keyed by the log's secret.
  std::uint64_t sequence = 0;  ///< GroupKind::kSource only, 1 to kSequenceMax.

  friend bool operator==(const Entry&, const Entry&) = default;
};

}  // namespace quipu
