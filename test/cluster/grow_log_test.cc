#include "cluster/grow_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace quipu {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr PartitionId kOne{1};
constexpr PartitionId kTwo{2};
constexpr PartitionId kNine{9};

TEST(PartitionsBehind, AreThoseThatHaveNotReachedTheGoalWithHowFarTheyAre) {
  const PartitionOffsets goal{{kOne, Offset{10}}, {kTwo, Offset{20}}};
  EXPECT_THAT(partitions_behind(goal, {}), ElementsAre(Pair(kOne, kNoOffset), Pair(kTwo, kNoOffset)));
  EXPECT_THAT(partitions_behind(goal, {{kOne, Offset{10}}, {kTwo, Offset{19}}}), ElementsAre(Pair(kTwo, Offset{19})));
  EXPECT_THAT(partitions_behind(goal, {{kOne, Offset{11}}, {kTwo, Offset{20}}}), IsEmpty());
}

TEST(PartitionsBehind, SayNothingOfThoseThatNobodyWaitsFor) {
  // Else traffic in others would hide for ever that one which must go on stands still.
  const PartitionOffsets goal{{kOne, Offset{10}}};
  EXPECT_EQ(partitions_behind(goal, {{kOne, Offset{3}}, {kNine, Offset{1}}}),
            partitions_behind(goal, {{kOne, Offset{3}}, {kNine, Offset{1'000}}}));
}

}  // namespace
}  // namespace quipu
