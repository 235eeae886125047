#include "aggregate/partition_state.h"

#include <gtest/gtest.h>

#include <vector>

#include "aggregate/base_windows.h"

namespace quipu {
namespace {

constexpr ShardId kShard{Generation{3}, PartitionId{1}};
const AggregatorOptions kOptions{20, 10};

Aggregator grown() {
  Aggregator partition(kShard, kOptions);
  EXPECT_EQ(partition.chains().accept({7, 1}, 1), ChainTable::Verdict::kNext);
  for (std::uint64_t i = 1; i < 30; ++i) partition.ids().appear({{i, i * i}, 0}, 5);
  partition.set_read(Offset{40});
  return partition;
}

TEST(PartitionState, ComesBackFromAWatermarkAndItsSources) {
  const auto before = grown();
  const Watermark mark{kShard.partition, before.read(), watermark_chains(before)};
  ASSERT_EQ(generation_of(mark), kShard.generation);
  Aggregator after(kShard, kOptions);
  ASSERT_TRUE(restore_watermark(mark, after));
  restore_sources(std::vector<SourceRow>{{kShard.partition, {1, 2}, 9, Offset{30}, false},
                                         {PartitionId{2}, {3, 4}, 9, Offset{30}, false},
                                         {kShard.partition, {5, 6}, 8, Offset{70}, false}},
                  after);
  EXPECT_EQ(after.read(), Offset{40});
  EXPECT_EQ(after.chains(), before.chains());
  EXPECT_EQ(after.sources().last({1, 2}), 9u);
  EXPECT_EQ(after.sources().last({3, 4}), 0u) << "of another partition";
  EXPECT_EQ(after.sources().touched({5, 6}), kNoOffset) << "touched in a log before this one";
}

TEST(PartitionState, BeginsANewLogAtItsStartAndRefusesAnOlderLog) {
  const auto before = grown();
  const Watermark mark{kShard.partition, before.read(), watermark_chains(before)};
  Aggregator newer({Generation{4}, kShard.partition}, kOptions);
  ASSERT_TRUE(restore_watermark(mark, newer));
  EXPECT_EQ(newer.read(), kNoOffset);
  EXPECT_EQ(newer.chains().size(), 0u);
  Aggregator older({Generation{2}, kShard.partition}, kOptions);
  EXPECT_EQ(restore_watermark(mark, older).error().code, Code::kDamaged);
  EXPECT_EQ(restore_watermark({kShard.partition, Offset{1}, {}}, newer).error().code, Code::kDamaged);
}

TEST(BaseWindows, ComeBackFromBytesThatWereCopiedInSmallSteps) {
  std::vector<Aggregator> before{grown(), grown()};
  before[1].ids().appear({{1, 1}, 0}, 6);
  BaseWindows windows(before);
  before[0].ids().appear({{99, 99}, 0}, 7);  // Later than the moment.
  const auto bytes_max = windows.bytes_max();
  int steps = 1;
  while (!windows.copy(30)) ++steps;
  EXPECT_GT(steps, 15);
  const auto bytes = windows.take();
  EXPECT_LE(bytes.size(), bytes_max);
  EXPECT_EQ(*generation_of_windows(bytes), kShard.generation);
  std::vector<Aggregator> after{Aggregator(kShard, kOptions), Aggregator(kShard, kOptions)};
  ASSERT_TRUE(restore_windows(bytes, after));
  EXPECT_EQ(after[0].ids().find({{99, 99}, 0}), IdWindow::Verdict::kNew);
  EXPECT_EQ(after[0].ids().find({{29, 29 * 29}, 0}), IdWindow::Verdict::kRepeat);
  EXPECT_EQ(after[0].ids().find({{1, 1}, 0}), IdWindow::Verdict::kNew) << "beyond the window";
  EXPECT_EQ(after[1].ids().find({{1, 1}, 0}), IdWindow::Verdict::kRepeat);
  std::vector<Aggregator> one{Aggregator(kShard, kOptions)};
  EXPECT_EQ(restore_windows(bytes, one).error().code, Code::kDamaged);
  std::vector<Aggregator> cut{Aggregator(kShard, kOptions), Aggregator(kShard, kOptions)};
  EXPECT_EQ(restore_windows(ByteView(bytes).first(bytes.size() - 1), cut).error().code, Code::kDamaged);
  auto newer = bytes;
  newer[0] = std::byte{2};
  EXPECT_EQ(generation_of_windows(newer).error().code, Code::kDamaged);
  EXPECT_EQ(restore_windows(newer, after).error().code, Code::kDamaged);
}

}  // namespace
}  // namespace quipu
