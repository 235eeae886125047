#include "aggregate/shard.h"

#include <gtest/gtest.h>

#include <limits>

namespace quipu {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();

TEST(Shard, HoldsTheTotalAtTheEndsOf64BitsAndFlagsIt) {
  Shard up;
  EXPECT_FALSE(up.add(kMax, 1, Offset{1}));
  EXPECT_EQ(up.row.flags, 0);
  EXPECT_TRUE(up.add(1, 1, Offset{2}));
  EXPECT_EQ(up.row.total, kMax);
  EXPECT_EQ(up.row.flags, kRowSaturated);

  Shard down;
  EXPECT_FALSE(down.add(kMin, 1, Offset{1}));
  EXPECT_TRUE(down.add(-1, 1, Offset{2}));
  EXPECT_EQ(down.row.total, kMin);
  EXPECT_FALSE(down.add(5, 1, Offset{3}));
  EXPECT_EQ(down.row.total, kMin + 5);
  EXPECT_EQ(down.row.flags, kRowSaturated) << "once held, always flagged";
  EXPECT_EQ(down.row.events, 3u);
}

TEST(Shard, LacksWhatIsAboveItsRowOnly) {
  Shard loaded;
  loaded.row.applied = Offset{10};
  EXPECT_FALSE(loaded.lacks(Offset{9}));
  EXPECT_FALSE(loaded.lacks(Offset{10})) << "the row was copied at a frame's edge: it includes the whole frame";
  EXPECT_TRUE(loaded.lacks(Offset{11}));
}

TEST(Shard, LacksTheLaterEntriesOfAFrameThatItHasBegun) {
  Shard shard;
  shard.row.applied = Offset{10};
  shard.add(1, 1, Offset{11});
  EXPECT_TRUE(shard.lacks(Offset{11}));
  EXPECT_FALSE(shard.lacks(Offset{10}));

  Shard reset;
  reset.row.applied = Offset{10};
  reset.reset(Epoch{5}, Offset{12});
  EXPECT_TRUE(reset.lacks(Offset{12}));
}

TEST(Shard, CountsFromZeroAfterANewerEpochOnly) {
  Shard shard;
  shard.add(7, 2, Offset{1});
  EXPECT_TRUE(shard.reset(Epoch{20}, Offset{2}));
  EXPECT_EQ(shard.row, (Row{0, 0, Epoch{20}, Offset{2}, 0}));
  shard.add(3, 1, Offset{3});
  EXPECT_FALSE(shard.reset(Epoch{20}, Offset{4})) << "the same epoch again";
  EXPECT_FALSE(shard.reset(Epoch{19}, Offset{5})) << "an older one";
  EXPECT_EQ(shard.row, (Row{3, 1, Epoch{20}, Offset{5}, 0})) << "what it met is noted all the same";
}

TEST(Shard, ForgetsThatItWasHeldWhenANewEpochBegins) {
  Shard shard;
  shard.add(kMax, 1, Offset{1});
  shard.add(kMax, 1, Offset{1});
  shard.reset(Epoch{3}, Offset{2});
  EXPECT_EQ(shard.row.flags, 0);
}

}  // namespace
}  // namespace quipu
