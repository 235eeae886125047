#pragma once

#include <compare>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace quipu {

/// A 128-bit hash of what users send. Two different inputs are taken as different because of it, so it is keyed by
/// a secret that they do not know.
struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  friend auto operator<=>(const Hash128&, const Hash128&) = default;
};

/// The secret that keys the routing hash, the id hash and the source hash. Made with the log, stored in the data
/// directory's identity, the same on all nodes.
struct HashSecret {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  friend auto operator<=>(const HashSecret&, const HashSecret&) = default;
};

/// XXH3-64 with a seed. For checksums and tables; never for ids.
std::uint64_t hash64(ByteView bytes, std::uint64_t seed);

/// For tables of texts that users choose: with a seed that they do not know nobody can choose texts that collide. It
/// has no default, so that a table without a seed does not compile; `make check` refuses tables of texts without it.
struct SeededHasher {
  explicit SeededHasher(std::uint64_t table_seed) : seed(table_seed) {}
  std::size_t operator()(std::string_view text) const { return hash64(as_bytes(text), seed); }

  std::uint64_t seed;
};

/// XXH3-128 with a seed.
Hash128 hash128(ByteView bytes, std::uint64_t seed);

/// The hash that says where a counter lives: partition = hash mod P, and the order of rows in the store. The same on
/// every node and for good (docs/formats/hashes.md).
std::uint64_t routing_hash(const HashSecret& secret, std::string_view space, std::string_view counter);

}  // namespace quipu
