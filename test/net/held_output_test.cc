#include <gtest/gtest.h>

#include <string>

#include "net/session.h"

namespace quipu {
namespace {

void add(HeldOutput& output, const std::string& bytes, std::uint64_t durable_at, std::uint32_t replies = 1) {
  output.buffer() += bytes;
  output.hold(Offset{durable_at}, replies);
}

TEST(HeldOutput, ReleasesAReplyWhenItsOffsetIsDurable) {
  HeldOutput output;
  add(output, "one", 5);
  EXPECT_EQ(output.releasable(Offset{4}), "");
  EXPECT_EQ(output.releasable(Offset{5}), "one");
}

TEST(HeldOutput, KeepsTheOrderEvenWhereALaterReplyNeedNotWait) {
  HeldOutput output;
  add(output, "one", 5);
  add(output, "two", 0);
  add(output, "three", 7);
  EXPECT_EQ(output.releasable(Offset{0}), "");
  EXPECT_EQ(output.releasable(Offset{6}), "onetwo");
  EXPECT_EQ(output.releasable(Offset{7}), "onetwothree");
}

TEST(HeldOutput, GoesOnWhereAWriteEndedHalfWay) {
  HeldOutput output;
  add(output, "one", 1);
  add(output, "two", 2);
  output.consumed(2);
  EXPECT_EQ(output.releasable(Offset{1}), "e");
  EXPECT_EQ(output.releasable(Offset{2}), "etwo");
  output.consumed(4);
  EXPECT_TRUE(output.empty());
  add(output, "three", 3);
  EXPECT_EQ(output.releasable(Offset{2}), "");
  EXPECT_EQ(output.releasable(Offset{3}), "three");
}

TEST(HeldOutput, DropsWhatIsNotDurableAndSaysHowManyRepliesThatWere) {
  HeldOutput output;
  add(output, "one", 1);
  add(output, "two", 2, 3);
  add(output, "three", 3, 2);
  output.consumed(1);
  EXPECT_EQ(output.drop_held(Offset{1}), 5u);
  EXPECT_EQ(output.releasable(Offset{1}), "ne");
  EXPECT_EQ(output.size(), 2u);
  EXPECT_EQ(output.drop_held(Offset{1}), 0u);
}

TEST(HeldOutput, StaysRightOverManyRepliesThatLeaveInPieces) {
  HeldOutput output;
  std::string expected;
  std::string left;
  for (std::uint64_t i = 1; i <= 5'000; ++i) {
    const auto reply = std::to_string(i * 7919) + std::string(i % 50, '.');
    expected += reply;
    add(output, reply, i);
    const auto bytes = output.releasable(Offset{i - i % 7});
    const auto size = bytes.size() * (i % 3) / 3;
    left += bytes.substr(0, size);
    output.consumed(size);
  }
  left += output.releasable(Offset{5'000});
  EXPECT_EQ(left, expected);
}

}  // namespace
}  // namespace quipu
