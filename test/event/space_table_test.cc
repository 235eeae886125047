#include "event/space_table.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/hash.h"

namespace quipu {
namespace {

constexpr std::uint64_t kSeed = 0x9e3779b97f4a7c15;

Bytes encoded(const SpaceTable& table) {
  Bytes bytes(table.encoded_bytes());
  table.encode(bytes.data());
  return bytes;
}

TEST(SpaceTable, NumbersNamespacesInTheOrderOfTheirFirstUseWhateverItsSeed) {
  constexpr std::uint32_t kNames = 500;
  SpaceTable one(1);
  SpaceTable other(kSeed);
  for (std::uint32_t number = 0; number < kNames; ++number) {
    const auto name = "space" + std::to_string(number * 7'919 % kNames);
    EXPECT_EQ(one.number_of(name), number);
    EXPECT_EQ(other.number_of(name), number);
    EXPECT_EQ(other.name(number), name);
  }
  EXPECT_EQ(other.number_of("space0"), 0u);
  EXPECT_EQ(encoded(one), encoded(other));
}

TEST(SpaceTable, IsNotSlowedByNamesThatCollideUnderASeedThatIsNotItsOwn) {
  // All of them begin at one slot, of the 512 that a table of 200 names has.
  constexpr std::size_t kNames = 200;
  constexpr std::uint64_t kMask = 511;
  std::vector<std::string> names;
  for (std::uint32_t number = 0; names.size() < kNames; ++number) {
    auto name = "n" + std::to_string(number);
    if ((hash64(as_bytes(name), 0) & kMask) == 0) names.push_back(std::move(name));
  }
  SpaceTable known(0);
  SpaceTable seeded(kSeed);
  for (const auto& name : names) {
    known.number_of(name);
    seeded.number_of(name);
  }
  EXPECT_EQ(known.longest_search(), kNames) << "the names do not collide: this test tests nothing";
  EXPECT_LT(seeded.longest_search(), kNames / 5);
}

TEST(SpaceTable, SearchesForNothingWhereItIsEmpty) { EXPECT_EQ(SpaceTable(1).longest_search(), 0u); }

}  // namespace
}  // namespace quipu
