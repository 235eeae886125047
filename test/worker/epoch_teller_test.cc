#include "worker/epoch_teller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "worker/growth_world.h"

namespace quipu::testing_worker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class EpochTellerTest : public testing::Test, protected GrowthWorld {
 protected:
  EpochTellerTest() : GrowthWorld(3) {}
  Result<bool> step() { return teller_.step(++now_, 1'000); }
  Result<bool> finish() {
    for (int i = 0; i < 10'000; ++i) {
      auto done = step();
      if (!done || *done) return done;
    }
    return false;
  }

  EpochTellerOptions options_{.first = 1, .end = 3};
  InOrderAppender appender_{log, {1, 1}, 10};
  EpochTeller teller_{options_, store, appender_};
  TimeMs now_ = 0;
};

TEST_F(EpochTellerTest, TellsThePartitionsOfTheNewestEpochOfEachCounter) {
  add_row("reset", 0, epoch(10));
  add_row("reset", 1, epoch(20));
  add_row("never", 0, Epoch{});
  ASSERT_TRUE(finish().value());
  EXPECT_EQ(teller_.counters(), 1U);
  EXPECT_THAT(resets(0), IsEmpty()) << "it is not among those that are told";
  EXPECT_THAT(resets(1), ElementsAre(told("reset", 20)));
  EXPECT_THAT(resets(2), ElementsAre(told("reset", 20)));
}

TEST_F(EpochTellerTest, HasNothingToTellWhereNothingWasReset) {
  add_row("never", 0, Epoch{});
  ASSERT_TRUE(finish().value());
  EXPECT_EQ(frames(1), 0U);
}

TEST_F(EpochTellerTest, TellsAgainWhatTheLogDidNotAnswer) {
  add_row("reset", 0, epoch(10));
  log.automatic = false;
  for (int i = 0; i < 5; ++i) ASSERT_FALSE(step().value());
  log.deliver(1, MemoryLog::Fate::kWrittenUnknown);
  log.deliver(1, MemoryLog::Fate::kLostUnknown);
  ASSERT_FALSE(step().value());
  log.automatic = true;
  ASSERT_TRUE(finish().value());
  EXPECT_THAT(resets(1), ElementsAre(told("reset", 10), told("reset", 10)));
  EXPECT_THAT(resets(2), ElementsAre(told("reset", 10)));
}

TEST_F(EpochTellerTest, AsksForOnePageAtATimeAndForNoneWhileTheLogHasNotAllOfTheOneBefore) {
  for (int i = 0; i < 100; ++i) add_row("c" + std::to_string(i), 0, epoch(10));
  auto options = options_;
  options.page_rows = 10;
  options.entries_per_frame = 4;
  EpochTeller teller(options, store, appender_);
  log.automatic = false;
  for (int i = 0; i < 50; ++i) ASSERT_FALSE(teller.step(++now_, 1'000).value());
  EXPECT_LE(teller.counters(), 11U);
  log.automatic = true;
  bool done = false;
  for (int i = 0; i < 1'000 && !done; ++i) done = teller.step(++now_, 1'000).value();
  EXPECT_TRUE(done);
  EXPECT_EQ(teller.counters(), 100U);
  EXPECT_THAT(resets(2), SizeIs(100));
}

TEST_F(EpochTellerTest, AsksABusyStoreAgainAndEndsWithWhatItRefuses) {
  add_row("reset", 0, epoch(10));
  store.fail_next(StoreCompletion::Kind::kScan, {Code::kBusy, "too much waits", 0});
  store.fail_next(StoreCompletion::Kind::kScan, {Code::kUnknown, "no answer", 0});
  ASSERT_TRUE(finish().value());
  EXPECT_THAT(resets(1), SizeIs(1));
  store.fail_next(StoreCompletion::Kind::kScan, {Code::kRefused, "no such right", 0});
  EpochTeller teller(options_, store, appender_);
  EXPECT_FALSE(teller.step(++now_, 1'000).value());
  const auto refused = teller.step(++now_, 1'000);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("no such right"));
}

TEST_F(EpochTellerTest, EndsWhereStoreOrLogAnswerNothing) {
  add_row("reset", 0, epoch(10));
  store.hold(true);
  EXPECT_FALSE(step().value());
  now_ += options_.stall_ms;
  const auto silent_store = step();
  ASSERT_FALSE(silent_store);
  EXPECT_EQ(silent_store.error().code, Code::kTimeout);
  EXPECT_THAT(silent_store.error().what, HasSubstr("the store has not answered for 60 s"));

  store.hold(false);
  log.automatic = false;
  EpochTeller teller(options_, store, appender_);
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(teller.step(++now_, 1'000).value());
  now_ += options_.stall_ms;
  const auto silent_log = teller.step(now_, 1'000);
  ASSERT_FALSE(silent_log);
  EXPECT_THAT(silent_log.error().what, HasSubstr("the log has taken nothing for 60 s"));
}

}  // namespace
}  // namespace quipu::testing_worker
