#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace quipu {

std::uint64_t hash64(ByteView bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

Hash128 hash128(ByteView bytes, std::uint64_t seed) {
  const auto hash = XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed);
  return {hash.low64, hash.high64};
}

std::uint64_t routing_hash(const HashSecret& secret, std::string_view space, std::string_view counter) {
  // The namespace is hashed into the seed of the counter's hash, so ("ab","c") and ("a","bc") differ.
  const auto seed = XXH3_64bits_withSeed(space.data(), space.size(), secret.low);
  return XXH3_64bits_withSeed(counter.data(), counter.size(), seed ^ secret.high);
}

}  // namespace quipu
