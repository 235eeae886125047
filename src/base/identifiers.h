#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>

namespace quipu {

/// A number that can not be mixed up with another kind of number.
template <class Tag, class T>
struct Strong {
  T value{};

  constexpr Strong() = default;
  constexpr explicit Strong(T v) : value(v) {}
  friend constexpr auto operator<=>(const Strong&, const Strong&) = default;
};

/// A log partition, from 0. Partitions are few: 8 embedded, 16 on a new topic.
using PartitionId = Strong<struct PartitionTag, std::uint16_t>;

/// The ordinal of a frame in the log, from 1, so that 0 can mean "none". Rises within a partition but is not
/// dense there: the segment log numbers the frames of all partitions together. At most kOffsetMax.
using Offset = Strong<struct OffsetTag, std::uint64_t>;

/// The rising part of a log's identity, from 1; a log made anew or adopted has a higher one. At most kGenerationMax.
using Generation = Strong<struct GenerationTag, std::uint32_t>;

/// Which reset a shard's total counts from: `generation << 40 | offset + 1` of the RESET, or 0 for "never reset".
using Epoch = Strong<struct EpochTag, std::uint64_t>;

inline constexpr unsigned kOffsetBits = 40;
inline constexpr std::uint64_t kOffsetMax = (std::uint64_t{1} << kOffsetBits) - 2;
inline constexpr std::uint32_t kGenerationMax = (1u << 20) - 1;
inline constexpr std::uint16_t kPartitionsMax = 1024;
inline constexpr Offset kNoOffset{0};

/// The epoch that a RESET at `offset` begins (docs/formats/row.md).
constexpr Epoch epoch_of(Generation generation, Offset offset) {
  return Epoch{(std::uint64_t{generation.value} << kOffsetBits) | (offset.value + 1)};
}

/// Which log this is: a rising generation, since order matters, and 128 random bits, since a small number alone
/// can not tell a log that was made anew.
struct LogIdentity {
  std::array<std::byte, 16> random{};
  Generation generation{};

  friend auto operator<=>(const LogIdentity&, const LogIdentity&) = default;
};

/// An ingest node as its frames name it: a number for the node, and one that rises with each start of it.
struct NodeIdentity {
  std::uint64_t node = 0;
  std::uint32_t boot = 0;

  friend auto operator<=>(const NodeIdentity&, const NodeIdentity&) = default;
};

/// Milliseconds since 1970-01-01 UTC. The core never asks for the time; it is handed in.
using TimeMs = std::int64_t;

}  // namespace quipu
