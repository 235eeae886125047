#include "resp/parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace quipu {
namespace {

using Status = RespParser::Status;
using Words = std::vector<std::string>;

std::string command(const Words& words) {
  std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const auto& word : words) bytes += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  return bytes;
}

Words words_of(const RespParser& parser) { return {parser.arguments().begin(), parser.arguments().end()}; }

class RespParserTest : public testing::Test {
 public:
  NetLimits limits;

  /// Offers the first `split` bytes, and then all.
  RespParser::Step in_two(RespParser& parser, const std::string& bytes, std::size_t split) {
    const auto first = parser.parse(std::string_view(bytes).substr(0, split));
    if (first.status != Status::kNeedMore) return first;
    EXPECT_EQ(first.used, 0u);
    return parser.parse(bytes);
  }
  std::string refused(const std::string& bytes) {
    RespParser parser(limits);
    EXPECT_EQ(parser.parse(bytes).status, Status::kRefused) << bytes.substr(0, 60);
    return parser.error();
  }
};

TEST_F(RespParserTest, ReadsACommandInOnePieceOrInTwoAtAnyByte) {
  for (const Words& words : {Words{"INCR", "a"}, Words{"SET", "", "12"}, Words{std::string("a\0\r\n$1", 6), "b"},
                             Words(12, "x"), Words{"MGET", std::string(1'000, 'k'), std::string(12'345, 'v')}}) {
    const auto bytes = command(words);
    for (std::size_t split = 0; split <= bytes.size(); split += bytes.size() > 500 ? 97 : 1) {
      RespParser parser(limits);
      const auto step = in_two(parser, bytes, split);
      ASSERT_EQ(step.status, Status::kCommand) << "split at " << split;
      EXPECT_EQ(step.used, bytes.size());
      EXPECT_EQ(words_of(parser), words);
    }
  }
}

TEST_F(RespParserTest, ReadsByteByByteWhatItReadsAtOnce) {
  const auto bytes = command({"INCRBY", "counter", "-5"});
  RespParser parser(limits);
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    ASSERT_EQ(parser.parse(std::string_view(bytes).substr(0, size)).status, Status::kNeedMore) << size;
  }
  EXPECT_EQ(parser.parse(bytes).status, Status::kCommand);
  EXPECT_EQ(words_of(parser), (Words{"INCRBY", "counter", "-5"}));
}

TEST_F(RespParserTest, ReadsCommandAfterCommandAlsoWhenTheSecondIsNotWhole) {
  const auto first = command({"INCR", "a"});
  const auto second = command({"INCR", "b"});
  const auto bytes = first + second;
  RespParser parser(limits);
  EXPECT_EQ(parser.parse(bytes).used, first.size());
  EXPECT_EQ(words_of(parser), (Words{"INCR", "a"}));
  const auto half = second.substr(0, second.size() - 3);
  EXPECT_EQ(parser.parse(half).status, Status::kNeedMore);
  EXPECT_EQ(parser.parse(second).status, Status::kCommand);
  EXPECT_EQ(words_of(parser), (Words{"INCR", "b"}));
  EXPECT_EQ(parser.parse(first).status, Status::kCommand);
  EXPECT_EQ(words_of(parser), (Words{"INCR", "a"}));
}

TEST_F(RespParserTest, SkipsEmptyArraysAndLines) {
  RespParser parser(limits);
  for (const auto* bytes : {"*0\r\n", "*-1\r\n", "\r\n", "\n", "   \r\n"}) {
    const auto step = parser.parse(bytes);
    EXPECT_EQ(step.status, Status::kSkipped) << bytes;
    EXPECT_EQ(step.used, std::string(bytes).size());
  }
}

TEST_F(RespParserTest, SplitsInlineCommandsAsRedisDoes) {
  RespParser parser(limits);
  EXPECT_EQ(parser.parse("set  \"a b\\x41\\n\" 'c\\'d' e\r\n").status, Status::kCommand);
  EXPECT_EQ(words_of(parser), (Words{"set", "a bA\n", "c'd", "e"}));
  EXPECT_EQ(refused("set \"a\r\n"), "Protocol error: unbalanced quotes in request");
  EXPECT_EQ(refused("set \"a\"b\r\n"), "Protocol error: unbalanced quotes in request");
}

TEST_F(RespParserTest, RefusesInTheWordsOfRedis) {
  EXPECT_EQ(refused("*x\r\n"), "Protocol error: invalid multibulk length");
  EXPECT_EQ(refused("*1a\r\n"), "Protocol error: invalid multibulk length");
  EXPECT_EQ(refused("*01\r\n"), "Protocol error: invalid multibulk length");
  EXPECT_EQ(refused("*9999999999999999999\r\n"), "Protocol error: invalid multibulk length");
  EXPECT_EQ(refused("*1\r\nINCR\r\n"), "Protocol error: expected '$', got 'I'");
  EXPECT_EQ(refused("*1\r\n$-1\r\n"), "Protocol error: invalid bulk length");
  EXPECT_EQ(refused("*1\r\n$x\r\n"), "Protocol error: invalid bulk length");
  EXPECT_EQ(refused("*1\r\n$4\r\nINCRxx"), "Protocol error: expected CRLF behind an argument");
  EXPECT_EQ(refused("*2\r\n$4\r\nINCR\r\n$01\r\na\r\n"), "Protocol error: invalid bulk length");
}

TEST_F(RespParserTest, RefusesATlsClientAtItsFirstByte) {
  EXPECT_EQ(refused("\x16"), "Protocol error: there is no TLS here");
  EXPECT_EQ(refused("\x16\x03\x01\n"), "Protocol error: there is no TLS here");
}

TEST_F(RespParserTest, BoundsTheNumberOfArguments) {
  limits.resp_arguments_max = 3;
  RespParser parser(limits);
  EXPECT_EQ(parser.parse(command({"a", "b", "c"})).status, Status::kCommand);
  EXPECT_EQ(refused(command({"a", "b", "c", "d"})), "Protocol error: invalid multibulk length");
  EXPECT_EQ(parser.parse("a b c\r\n").status, Status::kCommand);
  EXPECT_EQ(refused("a b c d\r\n"), "Protocol error: invalid multibulk length");
}

TEST_F(RespParserTest, BoundsTheBytesOfAnArgumentBeforeTheyCome) {
  limits.resp_argument_bytes_max = 100;
  RespParser parser(limits);
  EXPECT_EQ(parser.parse(command({std::string(100, 'x')})).status, Status::kCommand);
  EXPECT_EQ(refused("*1\r\n$101\r\n"), "Protocol error: invalid bulk length");
  EXPECT_EQ(refused(command({std::string(101, 'x')})), "Protocol error: invalid bulk length");
}

TEST_F(RespParserTest, BoundsTheBytesOfACommand) {
  limits.input_bytes_max = 60;
  RespParser parser(limits);
  const auto fits = command({std::string(20, 'x'), std::string(20, 'y')});
  ASSERT_LE(fits.size(), 60u);
  EXPECT_EQ(parser.parse(fits).status, Status::kCommand);
  const auto beyond = command({std::string(20, 'x'), std::string(23, 'y')});
  ASSERT_EQ(beyond.size(), 61u);
  EXPECT_EQ(refused(beyond), "Protocol error: too big command");
}

TEST_F(RespParserTest, BoundsTheBytesOfAnInlineCommandWholeOrNot) {
  limits.resp_inline_bytes_max = 10;
  RespParser parser(limits);
  EXPECT_EQ(parser.parse("0123456789\n").status, Status::kCommand);
  EXPECT_EQ(refused("0123456789a\n"), "Protocol error: too big inline request");
  EXPECT_EQ(parser.parse("0123456789").status, Status::kNeedMore);
  EXPECT_EQ(refused("0123456789a"), "Protocol error: too big inline request");
}

TEST_F(RespParserTest, WaitsForNoEndOfALineThatNeverComes) {
  EXPECT_EQ(refused("*" + std::string(65 << 10, '1')), "Protocol error: too big mbulk count string");
  EXPECT_EQ(refused("*1\r\n$" + std::string(65 << 10, '1')), "Protocol error: too big bulk count string");
}

TEST_F(RespParserTest, RefusesALongLineAlikeWhereItsEndCameWithIt) {
  for (const std::string head : {"*", "*1\r\n$"}) {
    const std::string what = head == "*" ? "mbulk" : "bulk";
    const auto line = [&](std::size_t bytes) { return head + std::string(bytes - 1, '1') + "\r\n"; };
    EXPECT_EQ(refused(line(kRespLineBytesMax + 1)), "Protocol error: too big " + what + " count string");
    EXPECT_EQ(refused(line(kRespLineBytesMax + 1'000)), "Protocol error: too big " + what + " count string");
    EXPECT_EQ(refused(line(kRespLineBytesMax)),
              "Protocol error: invalid " + (head == "*" ? std::string("multibulk") : what) + " length");
  }
}

}  // namespace
}  // namespace quipu
