#include "log/read_ahead.h"

#include <gtest/gtest.h>

namespace quipu {
namespace {

constexpr std::uint64_t kPiece = 256 << 10;

TEST(ReadAhead, AsksForNothingBeforeItIsReadInOrder) {
  ReadAhead ahead;
  EXPECT_EQ(ahead.read(0, 4096).bytes, 0u);
  EXPECT_EQ(ahead.read(std::uint64_t{1} << 30, 4096).bytes, 0u);
  EXPECT_EQ(ahead.read(4096, 4096).bytes, 0u);
  EXPECT_EQ(ahead.read(4096, 4096).bytes, 0u);  // The same again is not in order.
}

TEST(ReadAhead, IsAlwaysHalfOfItsBytesAheadWithoutAGapAndWithoutAskingTwice) {
  ReadAhead ahead;
  ahead.read(0, kPiece);
  std::uint64_t asked = 0;
  for (std::uint64_t at = kPiece; at < (std::uint64_t{64} << 20); at += kPiece) {
    const auto next = ahead.read(at, kPiece);
    if (next.bytes != 0) {
      EXPECT_EQ(next.at, asked == 0 ? at + kPiece : asked);
      asked = next.at + next.bytes;
    }
    EXPECT_GE(asked, at + kPiece + ReadAhead::kBytes / 2);
    EXPECT_LE(asked, at + kPiece + 2 * ReadAhead::kBytes);
  }
}

TEST(ReadAhead, GoesOnWhereTheNextReadBeginsWithinTheLast) {
  ReadAhead ahead;
  ahead.read(0, kPiece);
  EXPECT_EQ(ahead.read(kPiece - 4096, kPiece).at, 2 * kPiece - 4096);
}

TEST(ReadAhead, BeginsAnewAfterAJump) {
  ReadAhead ahead;
  ahead.read(0, kPiece);
  EXPECT_NE(ahead.read(kPiece, kPiece).bytes, 0u);
  EXPECT_EQ(ahead.read(std::uint64_t{32} << 20, kPiece).bytes, 0u);
  EXPECT_EQ(ahead.read((std::uint64_t{32} << 20) + kPiece, kPiece).at, (std::uint64_t{32} << 20) + 2 * kPiece);
}

}  // namespace
}  // namespace quipu
