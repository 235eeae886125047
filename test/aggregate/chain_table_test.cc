#include "aggregate/chain_table.h"

#include <gtest/gtest.h>

#include <random>

namespace quipu {
namespace {

using Verdict = ChainTable::Verdict;

TEST(ChainTable, TakesTheNextFrameDropsARepeatAndStopsAtAGap) {
  ChainTable table;
  const NodeIdentity writer{7, 1};
  EXPECT_EQ(table.last(writer), 0u);
  EXPECT_EQ(table.accept(writer, 1), Verdict::kNext);
  EXPECT_EQ(table.accept(writer, 2), Verdict::kNext);
  EXPECT_EQ(table.accept(writer, 2), Verdict::kDrop);
  EXPECT_EQ(table.accept(writer, 1), Verdict::kDrop);
  EXPECT_EQ(table.accept(writer, 4), Verdict::kGap);
  EXPECT_EQ(table.last(writer), 2u) << "a gap changes nothing";
  EXPECT_EQ(table.accept(writer, 3), Verdict::kNext);
  EXPECT_EQ(table.last(writer), 3u);
}

TEST(ChainTable, KnowsThatAChainBeginsAtOne) {
  ChainTable table;
  EXPECT_EQ(table.accept({7, 1}, 2), Verdict::kGap);
  EXPECT_EQ(table.size(), 0u);
  EXPECT_EQ(table, ChainTable{});
}

TEST(ChainTable, LeavesFramesWithoutANumberAlone) {
  ChainTable table;
  EXPECT_EQ(table.accept({7, 1}, 0), Verdict::kNext);
  EXPECT_EQ(table.accept({7, 1}, 0), Verdict::kNext);
  EXPECT_EQ(table.size(), 0u);
}

TEST(ChainTable, CountsEachNodeAndEachBootForItself) {
  ChainTable table;
  EXPECT_EQ(table.accept({7, 1}, 1), Verdict::kNext);
  EXPECT_EQ(table.accept({8, 1}, 1), Verdict::kNext);
  EXPECT_EQ(table.accept({7, 2}, 1), Verdict::kNext);
  EXPECT_EQ(table.accept({7, 1}, 2), Verdict::kNext) << "what was sent before the restart may come late";
  EXPECT_EQ(table.accept({7, 1}, 1), Verdict::kDrop);
}

TEST(ChainTable, KeepsTheNewestBootsOfANodeAndKnowsNothingOfOlderOnes) {
  ChainTable table;
  const auto boots = static_cast<std::uint32_t>(ChainTable::kBootsKept) + 1;
  EXPECT_EQ(table.accept({8, 1}, 1), Verdict::kNext);
  for (std::uint32_t boot = 1; boot <= boots; ++boot) EXPECT_EQ(table.accept({7, boot}, 1), Verdict::kNext);
  EXPECT_EQ(table.size(), ChainTable::kBootsKept + 1);
  EXPECT_EQ(table.accept({7, 1}, 1), Verdict::kOld);
  EXPECT_EQ(table.accept({7, 1}, 2), Verdict::kOld) << "not a gap: that boot is long over";
  EXPECT_EQ(table.accept({7, 2}, 2), Verdict::kNext);
  EXPECT_EQ(table.accept({8, 1}, 2), Verdict::kNext) << "another node is not concerned";
  EXPECT_EQ(table.size(), ChainTable::kBootsKept + 1);
}

TEST(ChainTable, ForgetsANodeThatWasSilentForTenMillionFrames) {
  ChainTable table;
  table.accept({1, 1}, 1);
  const NodeIdentity busy{2, 1};
  std::uint64_t number = 0;
  while (number < ChainTable::kSilentFrames - 5'000) table.accept(busy, ++number);
  EXPECT_EQ(table.last({1, 1}), 1u);
  while (number < ChainTable::kSilentFrames + 5'000) table.accept(busy, ++number);
  EXPECT_EQ(table.last({1, 1}), 0u);
  EXPECT_EQ(table.last(busy), number);
  EXPECT_EQ(table.size(), 1u);
}

ChainTable example() {
  std::mt19937_64 random(5);
  ChainTable table;
  for (std::uint64_t node = 1; node <= 20; ++node) {
    for (std::uint32_t boot = 1; boot <= 3; ++boot) {
      for (std::uint64_t number = 1; number <= random() % 300; ++number)
        table.accept({node << 40, boot * 1000}, number);
    }
  }
  return table;
}

TEST(ChainTable, TakesUpAChainWhoseBeginningIsNotThere) {
  ChainTable table;
  EXPECT_EQ(table.accept({1, 1}, 7), Verdict::kGap);
  table.take_up({1, 1}, 6);
  EXPECT_EQ(table.accept({1, 1}, 7), Verdict::kNext);
  EXPECT_EQ(table.accept({1, 1}, 9), Verdict::kGap);
  table.take_up({1, 1}, 3);
  EXPECT_EQ(table.last({1, 1}), 7U) << "one that is known stays";
  for (std::uint32_t boot = 2; boot < 2 + ChainTable::kBootsKept; ++boot) table.take_up({1, boot}, 5);
  EXPECT_EQ(table.size(), ChainTable::kBootsKept);
  EXPECT_EQ(table.last({1, 1}), 0U);
}

TEST(ChainTable, ComesBackFromItsBytesAndGoesOnAlike) {
  ChainTable table = example();
  auto back = ChainTable::decode(table.encode());
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(*back, table);
  const NodeIdentity writer{std::uint64_t{5} << 40, 2000};
  EXPECT_EQ(back->accept(writer, back->last(writer) + 1), Verdict::kNext);
  table.accept(writer, table.last(writer) + 1);
  EXPECT_EQ(*back, table) << "also how long each was silent comes back";
}

TEST(ChainTable, RefusesBytesThatAreCutOffAnywhereOrGoOn) {
  Bytes bytes = example().encode();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto back = ChainTable::decode(ByteView(bytes).first(size));
    ASSERT_FALSE(back.has_value()) << size;
    ASSERT_EQ(back.error().code, Code::kDamaged);
  }
  bytes.push_back(std::byte{0});
  EXPECT_FALSE(ChainTable::decode(bytes).has_value());
  bytes.pop_back();
  bytes[0] = std::byte{2};
  EXPECT_FALSE(ChainTable::decode(bytes).has_value()) << "a version that is not known";
}

}  // namespace
}  // namespace quipu
