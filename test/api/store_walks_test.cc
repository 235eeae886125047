#include "api/store_walks.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/hash.h"
#include "store/memory_store.h"

namespace quipu {
namespace {

constexpr TimeMs kNow = 1'700'000'000'000;
constexpr int kCounters = 1'500;  // Three pages.

class StoreWalksTest : public testing::Test {
 protected:
  StoreWalksTest() {
    StoreWrite write;
    for (int i = 0; i < kCounters; ++i) {
      const auto name = std::to_string(i);
      write.rows.add(routing_hash({1, 2}, "views", name), "views", name, {Generation{1}, PartitionId{0}},
                     {1, 1, Epoch{}, Offset{1}, 0});
    }
    calls_.write(std::move(write), [](const StoreCompletion& done) { EXPECT_TRUE(done.result); });
    calls_.take_completions();
  }
  /// Answers whether a page was asked for.
  bool step(TimeMs now) {
    walks_.step(now);
    const bool asked = calls_.pending() > 0;
    calls_.take_completions();
    return asked;
  }

  MemoryStore store_;
  StoreCalls calls_{store_, [] {}};
  NamespaceRegistry spaces_{16, true, 1};
  StoreWalks walks_{calls_, spaces_};
  std::vector<NamespaceId> all_{spaces_.restore("views")};
};

TEST_F(StoreWalksTest, CountsByItselfOnceAndThenWhereItIsAsked) {
  EXPECT_EQ(walks_.count(all_), 0U);
  auto now = kNow;
  int pages = 0;
  while (step(++now)) ++pages;
  EXPECT_EQ(pages, 3);
  now += 3'600'000;
  EXPECT_EQ(walks_.count(all_), kCounters) << "as of the last walk, and another one is wanted";
  EXPECT_TRUE(step(now));
  while (step(++now)) continue;
  EXPECT_FALSE(step(now + 3'600'000)) << "nobody has asked";
}

TEST_F(StoreWalksTest, AWalkThatIsSlowIsBegunSeldom) {
  auto now = kNow;
  while (step(now)) now += 2'000;
  const auto took = now - kNow;
  EXPECT_GE(took, 6'000);
  for (; now < kNow + 20 * 4'000; now += 1'000) {
    EXPECT_EQ(walks_.count(all_), kCounters);
    ASSERT_FALSE(step(now)) << "after " << now - kNow << " ms";
  }
  EXPECT_TRUE(step(kNow + 20 * took));
}

TEST_F(StoreWalksTest, TellsOneBeyondItsBoundThatItIsBusy) {
  std::size_t answered = 0;
  std::size_t refused = 0;
  const auto answer = [&](const Result<ScanPage>& page) { answered += page.has_value() ? 1 : 0; };
  const auto refusal = [&](const Result<ScanPage>& page) {
    ASSERT_FALSE(page.has_value());
    EXPECT_EQ(page.error().code, Code::kBusy);
    EXPECT_GT(page.error().retry_after_ms, 0);
    ++refused;
  };
  walks_.top(all_[0], 10, answer);
  for (std::size_t i = 1; i < StoreWalks::kWalksMax; ++i) walks_.scan(all_, 0, 10, answer);
  const auto asked = calls_.pending();
  walks_.scan(all_, 0, 10, refusal);
  walks_.top(all_[0], 10, refusal);
  EXPECT_EQ(refused, 2U);
  EXPECT_EQ(calls_.pending(), asked) << "the store is not asked";
  EXPECT_EQ(answered, 0U);
  for (int pages = 0; pages < 10 && !walks_.idle(); ++pages) calls_.take_completions();
  EXPECT_EQ(answered, StoreWalks::kWalksMax);
  walks_.scan(all_, 0, 10, answer);
  calls_.take_completions();
  EXPECT_EQ(answered, StoreWalks::kWalksMax + 1) << "there is a place again";
}

}  // namespace
}  // namespace quipu
