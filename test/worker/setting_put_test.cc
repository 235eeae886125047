#include "worker/setting_put.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/memory_store.h"

namespace quipu::testing_worker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using Kind = StoreCompletion::Kind;

constexpr TimeMs kRetryMs = 10;
constexpr TimeMs kStallMs = 1'000;

class SettingPutTest : public testing::Test {
 protected:
  Result<bool> step() { return put_.step(now_ += kRetryMs); }
  Result<bool> finish() {
    for (int i = 0; i < 1'000; ++i) {
      auto done = step();
      if (!done || *done) return done;
    }
    return false;
  }
  void put_by_another(const std::string& text, bool sync) {
    StoreWrite other;
    other.settings.emplace_back("counts from", text);
    other.sync = sync;
    store_.write(std::move(other));
    store_.perform(1);
  }

  MemoryStore store_;
  SettingPut put_{{kRetryMs, kStallMs}, store_, "counts from", "the new log"};
  TimeMs now_ = 0;
};

TEST_F(SettingPutTest, IsThroughWhenTheStoreSaysItAndWillAfterAPowerCut) {
  put_by_another("the new log", false);
  ASSERT_TRUE(finish().value());
  EXPECT_TRUE(step().value()) << "once it is through it stays so";
  store_.crash(0);
  EXPECT_THAT(store_.settings().value(), ElementsAre(Pair("counts from", "the new log")));
}

TEST_F(SettingPutTest, WritesAgainWhatTheStoreDidNotAnswer) {
  store_.fail_next(Kind::kWrite, {Code::kUnknown, "no answer", 0});
  store_.fail_next(Kind::kWrite, {Code::kTimeout, "too late", 0});
  store_.fail_next(Kind::kWrite, {Code::kBusy, "too much waits", 0});
  ASSERT_TRUE(finish().value());
  EXPECT_THAT(store_.settings().value(), ElementsAre(Pair("counts from", "the new log")));
}

TEST_F(SettingPutTest, EndsWithWhatTheStoreRefuses) {
  store_.fail_next(Kind::kWrite, {Code::kRefused, "no such right", 0});
  const auto refused = finish();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kRefused);
  EXPECT_THAT(refused.error().what, HasSubstr("no such right"));
}

TEST_F(SettingPutTest, LooksAgainWhereTheStoreDidNotSayWhatItHas) {
  store_.fail_settings({Code::kTimeout, "too late", 0});
  store_.fail_settings({Code::kBusy, "too much waits", 0});
  store_.fail_settings({Code::kUnknown, "no answer", 0});
  ASSERT_FALSE(step().value());
  for (int failures = 0; failures < 3; ++failures) EXPECT_FALSE(step().value());
  EXPECT_FALSE(put_.step(now_ + kRetryMs - 1).value()) << "not before its time";
  EXPECT_TRUE(step().value());
}

TEST_F(SettingPutTest, EndsWhereTheStoreCanNotSayWhatItHas) {
  store_.fail_settings({Code::kDamaged, "a row that is none", 0});
  const auto damaged = finish();
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, Code::kDamaged);
}

TEST_F(SettingPutTest, EndsWhereTheStoreDoesNotSayWhatItHasForTooLong) {
  for (int i = 0; i < 1'000; ++i) store_.fail_settings({Code::kTimeout, "too late", 0});
  const auto silent = finish();
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code, Code::kTimeout);
  EXPECT_LE(now_, kStallMs + 3 * kRetryMs);
}

TEST_F(SettingPutTest, EndsWhereTheStoreAnswersNoWriteForTooLong) {
  store_.hold(true);
  ASSERT_FALSE(step().value());
  now_ += kStallMs;
  const auto silent = step();
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code, Code::kTimeout);
}

TEST_F(SettingPutTest, SaysThatAnotherOneWroteAtTheSameMoment) {
  ASSERT_FALSE(step().value());
  store_.perform(1);
  put_by_another("a third log", false);
  const auto lost = step();
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Code::kBusy);
  EXPECT_THAT(lost.error().what, HasSubstr("another process wrote at the same moment"));
  EXPECT_THAT(store_.settings().value(), ElementsAre(Pair("counts from", "a third log")));
}

}  // namespace
}  // namespace quipu::testing_worker
