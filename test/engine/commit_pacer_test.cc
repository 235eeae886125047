#include "engine/commit_pacer.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace quipu {
namespace {

constexpr std::int64_t kWaitUs = 300;

/// A pacer with the commits that it allows, each begun at once.
struct Paced {
  CommitPacer pacer{kWaitUs};
  std::uint64_t events = 0;
  std::uint64_t commits = 0;

  std::int64_t wait(std::int64_t now_us) { return pacer.wait(now_us, events, commits); }
  /// Events come and go to the log at this time.
  void commit(std::int64_t now_us, std::uint64_t size) {
    events += size;
    wait(now_us);
    ++commits;
  }
};

TEST(CommitPacer, LetsTheFirstEventGoAtOnce) {
  Paced paced;
  paced.events = 1;
  EXPECT_EQ(paced.wait(1'000'000), 0);
}

TEST(CommitPacer, NeverHoldsUpALoneClient) {
  Paced paced;
  for (std::int64_t now = 0; now < 10'000; now += 100) {
    ++paced.events;
    EXPECT_EQ(paced.wait(now), 0) << now;
    ++paced.commits;
  }
}

TEST(CommitPacer, WaitsForAsManyAsTheCommitBefore) {
  Paced paced;
  paced.commit(1'000, 50);
  paced.events += 49;
  EXPECT_EQ(paced.wait(1'100), 200);
  paced.events += 1;
  EXPECT_EQ(paced.wait(1'150), 0);
}

TEST(CommitPacer, WaitsNoLongerThanItsBoundFromCommitToCommit) {
  Paced paced;
  paced.commit(1'000, 50);
  paced.events += 1;
  EXPECT_EQ(paced.wait(1'001), kWaitUs - 1);
  EXPECT_EQ(paced.wait(1'299), 1);
  EXPECT_EQ(paced.wait(1'300), 0);
}

TEST(CommitPacer, FollowsAGroupThatBecameSmall) {
  Paced paced;
  paced.commit(1'000, 50);
  paced.commit(2'000, 3);
  paced.events += 3;
  EXPECT_EQ(paced.wait(2'001), 0);
}

TEST(CommitPacer, EvensOutClientsThatWaitForTheirAnswers) {
  // 50 clients ask again 100 us after they were answered; a commit takes 100 us. The first goes alone.
  Paced paced;
  std::uint64_t waiting = 49;
  paced.commit(0, 1);
  std::uint64_t on_disk = 1;
  std::vector<std::uint64_t> sizes;
  std::int64_t now = 100;
  for (std::uint64_t back = 0; sizes.size() < 20; now += 100) {
    waiting += back;  // Those that were answered 100 us ago.
    paced.events += back;
    back = on_disk;
    on_disk = 0;
    if (sizes.empty()) paced.events += 49;
    if (waiting > 0 && paced.wait(now) == 0) {
      sizes.push_back(waiting);
      on_disk = std::exchange(waiting, 0);
      ++paced.commits;
    }
  }
  for (std::size_t i = 10; i < sizes.size(); ++i) EXPECT_GE(sizes[i], 20u) << i;
}

TEST(CommitPacer, IsNotHeldUpByAClockThatWentBack) {
  Paced paced;
  paced.commit(1'000'000, 50);
  paced.events += 1;
  EXPECT_EQ(paced.wait(10), 0);
}

}  // namespace
}  // namespace quipu
