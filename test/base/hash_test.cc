#include "base/hash.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <set>
#include <string>

/// The hashes of docs/formats/hashes.md, for good: they say where rows stand and which events are the same. The values
/// were worked out with another implementation of XXH3. A failure here means that stored rows are no longer found.
namespace quipu {
namespace {

constexpr HashSecret kSecret{0x0123456789abcdef, 0xfedcba9876543210};
constexpr std::uint64_t kSeed = 0x9e3779b97f4a7c15;

Bytes counting(std::size_t size, std::size_t step) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * step);
  return bytes;
}

TEST(Hash, IsXxh3OfEveryLength) {
  EXPECT_EQ(hash64({}, 0), 0x2d06800538d394c2u);
  EXPECT_EQ(hash64({}, kSeed), 0x602b0e2cd6662c8bu);
  EXPECT_EQ(hash64(as_bytes("a"), 0), 0xe6c632b61e964e1fu);
  EXPECT_EQ(hash64(as_bytes("a"), kSeed), 0x7b013ec73230c3a1u);
  EXPECT_EQ(hash64(counting(200, 1), 0), 0xf42a8864feaf0703u);
  EXPECT_EQ(hash64(counting(200, 1), kSeed), 0xb913db1647edd288u);
  EXPECT_EQ(hash64(counting(1000, 7), 0), 0x10ad30264426c830u);
  EXPECT_EQ(hash64(counting(1000, 7), kSeed), 0x470929e018e9c598u);
}

TEST(Hash, WideIsXxh3OfEveryLength) {
  EXPECT_EQ(hash128({}, kSeed), (Hash128{0x4ca5176998171787, 0xd142977a2cca554b}));
  EXPECT_EQ(hash128(as_bytes("a"), kSeed), (Hash128{0x7b013ec73230c3a1, 0x227dc992ba0a6e9f}));
  EXPECT_EQ(hash128(counting(200, 1), kSeed), (Hash128{0x0a31e86625aca984, 0x28d3352d0ecfe294}));
  EXPECT_EQ(hash128(counting(1000, 7), kSeed), (Hash128{0x470929e018e9c598, 0xb99f72ffae3df107}));
}

TEST(RoutingHash, IsAsThePageSays) {
  EXPECT_EQ(routing_hash(kSecret, "views", "cats"), 0x2959e113ef79f9u);
  EXPECT_EQ(routing_hash(kSecret, "views", std::string(1024, 'x')), 0xfdd3f80d66cdbb5cu);
  EXPECT_EQ(routing_hash(kSecret, "a", std::string("\0\xff", 2)), 0xf1058f4a58ea2c4fu);
}

TEST(RoutingHash, DependsOnTheSecretTheNamespaceAndTheCounter) {
  const std::set<std::uint64_t> all{routing_hash(kSecret, "ab", "c"), routing_hash(kSecret, "a", "bc"),
                                    routing_hash(kSecret, "c", "ab"),
                                    routing_hash({kSecret.low + 1, kSecret.high}, "ab", "c"),
                                    routing_hash({kSecret.low, kSecret.high + 1}, "ab", "c")};
  EXPECT_EQ(all.size(), 5u);
}

TEST(RoutingHash, SpreadsCountersEvenlyOverPartitions) {
  constexpr std::uint64_t kCounters = 80'000;
  std::array<std::uint64_t, 8> sizes{};
  for (std::uint64_t i = 0; i < kCounters; ++i) ++sizes[routing_hash(kSecret, "views", std::to_string(i)) % 8];
  for (const auto size : sizes) {
    EXPECT_GT(size, kCounters / 8 * 97 / 100);
    EXPECT_LT(size, kCounters / 8 * 103 / 100);
  }
}

}  // namespace
}  // namespace quipu
