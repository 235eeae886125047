#include "aggregate/huge_blocks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <set>
#include <string>
#include <vector>

namespace quipu {
namespace {

constexpr std::size_t kBlock = std::size_t{64} << 10;
constexpr std::size_t kInRegion = HugeBlocks::kRegionBytes / kBlock;

std::uintptr_t region_of(const char* block) {
  return reinterpret_cast<std::uintptr_t>(block) / HugeBlocks::kRegionBytes;
}

bool zeros(const char* block) {
  return std::all_of(block, block + kBlock, [](char byte) { return byte == 0; });
}

TEST(HugeBlocks, GivesAlignedBlocksOfZerosThatDoNotOverlap) {
  HugeBlocks blocks(kBlock);
  std::set<char*> taken;
  for (std::size_t i = 0; i < 3 * kInRegion; ++i) {
    char* block = blocks.take();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % kBlock, 0u);
    EXPECT_TRUE(zeros(block));
    std::memset(block, 0x5a, kBlock);
    EXPECT_TRUE(taken.insert(block).second);
  }
  std::set<std::uintptr_t> regions;
  for (const char* block : taken) regions.insert(region_of(block));
  EXPECT_EQ(regions.size(), 3u);
}

TEST(HugeBlocks, GivesAgainWhatCameBackAndItIsZerosAgain) {
  HugeBlocks blocks(kBlock);
  std::vector<char*> taken;
  for (std::size_t i = 0; i < kInRegion; ++i) taken.push_back(blocks.take());
  for (char* block : taken) std::memset(block, 1, kBlock);
  blocks.give_back(taken[3]);
  blocks.give_back(taken[30]);
  std::set<char*> again{blocks.take(), blocks.take()};
  EXPECT_EQ(again, (std::set<char*>{taken[3], taken[30]}));
  EXPECT_TRUE(zeros(taken[3]));
  EXPECT_TRUE(zeros(taken[30]));
  EXPECT_EQ(taken[4][0], 1);
}

TEST(HugeBlocks, FillsARegionWithRoomBeforeItTakesAnother) {
  HugeBlocks blocks(kBlock);
  std::vector<char*> taken;
  for (std::size_t i = 0; i < 2 * kInRegion; ++i) taken.push_back(blocks.take());
  const auto first = region_of(taken[0]);
  for (std::size_t i = 1; i < kInRegion; ++i) blocks.give_back(taken[i]);
  for (std::size_t i = 1; i < kInRegion; ++i) EXPECT_EQ(region_of(blocks.take()), first);
}

/// What the system keeps of the mapping that holds `address`: "hg" is one that may have huge pages, "nh" one that may
/// not.
std::string flags_of(const char* address) {
  std::ifstream maps("/proc/self/smaps");
  bool here = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " ", &begin, &end) == 2) {
      const auto at = reinterpret_cast<std::uintptr_t>(address);
      here = begin <= at && at < end;
    }
    if (here && line.starts_with("VmFlags:")) return line + " ";
  }
  return "";
}

TEST(HugeBlocks, DoesNotLetTheSystemFillAgainWhatCameBack) {
  HugeBlocks blocks(kBlock);
  char* kept = blocks.take();
  char* back = blocks.take();
  if (flags_of(kept).find(" hg ") == std::string::npos) GTEST_SKIP() << "this system has no huge pages";
  blocks.give_back(back);
  EXPECT_NE(flags_of(kept).find(" nh "), std::string::npos) << flags_of(kept);
}

TEST(HugeBlocksDeathTest, EndsWhereABlockComesBackTwiceOrWasNeverTaken) {
  HugeBlocks blocks(kBlock);
  char* block = blocks.take();
  blocks.take();
  blocks.give_back(block);
  EXPECT_DEATH(blocks.give_back(block), "");
  alignas(16) static char other[16];
  EXPECT_DEATH(blocks.give_back(other), "");
}

}  // namespace
}  // namespace quipu
