#include "kafka/hearing.h"

#include <gtest/gtest.h>

namespace quipu {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;

TEST(Hearing, SearchesWhenThereWasNoAnswerForLongEnoughAndAgainWhileThereIsNone) {
  Hearing hearing;
  EXPECT_FALSE(hearing.unanswered(1'000, 1'000 + Hearing::kSearchMs - 1).search);
  EXPECT_TRUE(hearing.unanswered(1'000, 1'000 + Hearing::kSearchMs).search);
  EXPECT_FALSE(hearing.unanswered(1'000, 1'000 + 2 * Hearing::kSearchMs - 1).search);
  EXPECT_TRUE(hearing.unanswered(1'000, 1'000 + 2 * Hearing::kSearchMs).search);
}

TEST(Hearing, TheSilenceBeginsWithTheFirstQuestionThatHasNoAnswer) {
  Hearing hearing;
  EXPECT_FALSE(hearing.unanswered(1'000, 2'000).search);
  EXPECT_TRUE(hearing.unanswered(2'500, 1'000 + Hearing::kSearchMs).search);
  hearing.answered(5'000);
  EXPECT_FALSE(hearing.unanswered(5'500, 5'500 + Hearing::kSearchMs - 1).search);
}

TEST(Hearing, TellsASilenceOnceAndHowLongItWas) {
  Hearing hearing;
  EXPECT_FALSE(hearing.unanswered(1'000, 1'000 + Hearing::kTellMs - 1).tell);
  EXPECT_TRUE(hearing.unanswered(1'000, 1'000 + Hearing::kTellMs).tell);
  EXPECT_FALSE(hearing.unanswered(1'000, 3'000 + Hearing::kTellMs).tell);
  EXPECT_EQ(hearing.answered(1'000 + 2 * Hearing::kTellMs), 2 * Hearing::kTellMs);
  EXPECT_EQ(hearing.answered(2'000 + 2 * Hearing::kTellMs), std::nullopt);
  EXPECT_FALSE(hearing.unanswered(50'000, 50'000 + Hearing::kTellMs - 1).tell);
  EXPECT_EQ(hearing.answered(50'000 + Hearing::kTellMs), std::nullopt) << "it was not told";
}

TEST(Hearing, SearchesSeldomInALongSilence) {
  Hearing hearing;
  int searches = 0;
  for (std::int64_t now = 0; now <= kDayMs; now += 1'000) searches += hearing.unanswered(0, now).search ? 1 : 0;
  EXPECT_GT(searches, 500);
  EXPECT_LT(searches, 700);
}

}  // namespace
}  // namespace quipu
