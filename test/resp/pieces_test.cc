#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/world.h"
#include "ingest/names.h"
#include "resp/paired_replies.h"
#include "resp/session.h"

namespace quipu {
namespace {

using testing::HasSubstr;
using testing::Not;

enum class End : std::uint8_t {
  kOpen,    ///< What stands behind is run.
  kClosed,  ///< Nothing behind is run, and the connection is closed.
  kHalf,    ///< No end yet: nothing is sent behind it.
};

/// Bytes that a client may send, and what becomes of them.
struct Row {
  const char* what;
  std::string bytes;
  End end;
  std::string replies;
  std::uint64_t counted = 0;
};

std::string command(const std::vector<std::string>& words) {
  std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const auto& word : words) bytes += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  return bytes;
}

std::vector<Row> refused_rows() {
  const auto row = [](const char* what, const std::string& bytes, const std::string& error) {
    return Row{what, bytes, End::kClosed, "-ERR Protocol error: " + error + "\r\n"};
  };
  const std::string count = "invalid multibulk length";
  const std::string length = "invalid bulk length";
  const std::string no_end = "expected CRLF behind an argument";
  const std::string quotes = "unbalanced quotes in request";
  const auto kind = [](char found) { return std::string("expected '$', got '") + found + "'"; };
  std::vector<Row> rows = {
      row("three thousand million arguments", "*3000000000\r\n", count),
      row("ten million arguments", "*10000000\r\n", count),
      row("more arguments than Redis takes", "*1048577\r\n", count),
      row("2^63 arguments", "*9223372036854775808\r\n", count),
      row("a number of arguments with a plus", "*+1\r\n", count),
      row("a number of arguments with a zero before it", "*01\r\n", count),
      row("a number of arguments with a space", "*1 \r\n", count),
      row("no number of arguments", "*\r\n", count),
      row("a NUL for the number of arguments", std::string("*\0\r\n", 4), count),
      row("line feeds alone", "*1\n$4\nPING\n", count),
      row("a line feed alone behind a length", "*1\r\n$4\nPING\n", length),
      row("a length of -1", "*1\r\n$-1\r\n", length),
      row("a length of -10", "*1\r\n$-10\r\n", length),
      row("a length above 512 MB", "*1\r\n$536870913\r\n", length),
      row("512 MB that are not sent", "*2\r\n$4\r\nINCR\r\n$536870912\r\nx", length),
      row("a length in letters", "*1\r\n$blabla\r\n", length),
      row("a length with a zero before it", "*1\r\n$01\r\na\r\n", length),
      row("no length", "*1\r\n$\r\n", length),
      row("more bytes than the length", "*1\r\n$3\r\nabcd", no_end),
      row("no line end behind an argument", "*1\r\n$4\r\nPING", no_end),
      row("line feeds behind an argument", "*1\r\n$4\r\nPING\n\n", no_end),
      row("an empty line for an argument", "*1\r\n\r\n", kind(' ')),
      row("a letter for an argument", "*1\r\nx\r\n", kind('x')),
      row("an array in an array", "*1\r\n*1\r\n$4\r\nPING\r\n", kind('*')),
      row("another kind behind an argument", "*2\r\n$4\r\nINCR\r\n:1\r\n", kind(':')),
      row("a double quote that is open", "GET \"a\r\n", quotes),
      row("a single quote that is open", "GET 'a\r\n", quotes),
      row("a letter behind a quote", "GET \"a\"b\r\n", quotes),
      row("a TLS hello", "\x16\x03\x01", "there is no TLS here"),
      row("a long line", std::string(kRespLineBytesMax + 1, 'x') + "\r\n", "too big inline request"),
      row("a long line for the number of arguments", std::string("*\0", 2) + std::string(kRespLineBytesMax, 'A'),
          "too big mbulk count string"),
      row("a long line for a length", "*1\r\n$" + std::string(kRespLineBytesMax, '1'), "too big bulk count string"),
      {"what stood before is run", "INCR a\r\n*1\r\nx\r\n", End::kClosed,
       ":1\r\n-ERR Protocol error: expected '$', got 'x'\r\n", 1},
      {"what is queued is not run", "MULTI\r\nINCR a\r\n*x\r\n", End::kClosed,
       "+OK\r\n+QUEUED\r\n-ERR Protocol error: invalid multibulk length\r\n"},
      {"POST", "POST / HTTP/1.1\r\nHost: a\r\n\r\n", End::kClosed, ""},
      {"POST with lengths", command({"POST", "/"}), End::kClosed, ""},
      {"Host:", "Host: a\r\n", End::kClosed, ""},
  };
  for (const char found : {'~', '%', ',', '#', '(', '|', '>', '_'}) {
    rows.push_back(
        row("a kind of RESP3 for an argument", std::string("*1\r\n") + found + "1\r\n$1\r\na\r\n", kind(found)));
  }
  return rows;
}

/// The answer to HELLO of the first client.
std::string hello(const std::string& head, const std::string& version) {
  return head + "\r\n$6\r\nserver\r\n$5\r\nquipu\r\n$7\r\nversion\r\n$5\r\n1.2.3\r\n$5\r\nproto\r\n:" + version +
         "\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*"
         "0\r\n";
}

std::string unknown(const std::string& name, const std::string& arguments = "") {
  return "-ERR unknown command '" + name + "', with args beginning with: " + arguments + "\r\n";
}

std::vector<Row> taken_rows() {
  const std::string arity = "-ERR wrong number of arguments for 'incr' command\r\n";
  const std::string no_number = "-ERR value is not an integer or out of range\r\n";
  std::vector<Row> rows = {
      {"arrays of no words", "*-10\r\n*0\r\n*-1\r\n", End::kOpen, ""},
      {"empty lines", "\r\n\n   \r\n", End::kOpen, ""},
      {"names in any case of letters", "incr a\r\nInCr a\nINCR a\r\n", End::kOpen, ":1\r\n:2\r\n:3\r\n", 3},
      {"words in quotes", "INCR \"a\\x20b\"\r\nINCR 'a b'\r\nINCR \"\\x00\\r\\n\\\"\"\r\n", End::kOpen,
       ":1\r\n:2\r\n:1\r\n", 3},
      {"a NUL between words", std::string("INCR\0a\r\n", 8), End::kOpen, ":1\r\n", 1},
      {"a name of 10 KB", std::string(10'000, 'x') + "\r\n", End::kOpen, unknown(std::string(128, 'x'))},
      {"a name of 10 KB with its length", command({std::string(10'000, 'x')}), End::kOpen,
       unknown(std::string(128, 'x'))},
      {"arguments too few and too many", "INCR\r\n" + command({"INCR", "a", "b"}), End::kOpen, arity + arity},
      {"an empty key", command({"INCR", ""}), End::kOpen, "-ERR " + validate_counter("").error().what + "\r\n"},
      {"a key of any bytes", command({"INCR", std::string("a\0\r\n$1", 6)}), End::kOpen, ":1\r\n", 1},
      {"HELLO", "HELLO\r\nHELLO 2\r\n", End::kOpen, hello("*14", "2") + hello("*14", "2")},
      {"HELLO 3 and back", "HELLO 3 AUTH default x SETNAME me\r\nGET none\r\nRESET\r\nGET none\r\n", End::kOpen,
       hello("%7", "3") + "_\r\n+RESET\r\n$-1\r\n"},
      {"versions that there are not", "HELLO 4\r\nHELLO x\r\n", End::kOpen,
       "-NOPROTO unsupported protocol version\r\n-ERR Protocol version is not an integer or out of range\r\n"},
      {"HELLO of another user", "HELLO 3 AUTH nobody x\r\n", End::kOpen,
       "-WRONGPASS invalid username-password pair or user is disabled.\r\n"},
      {"a transaction", "MULTI\r\nINCR a\r\nGET a\r\n" + command({"INCRBY", "a", "x"}) + "EXEC\r\n", End::kOpen,
       "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n:1\r\n$1\r\n1\r\n" + no_number, 1},
      {"commands that there are not", "SUBSCRIBE a\r\n" + command({"SCRIPT", "FLUSH"}) + "EVAL x 0\r\n", End::kOpen,
       unknown("SUBSCRIBE", "'a' ") + unknown("SCRIPT", "'FLUSH' ") + unknown("EVAL", "'x' '0' ")},
      {"the largest number", command({"INCRBY", "a", "9223372036854775807"}), End::kOpen, ":9223372036854775807\r\n",
       1},
      {"a number without an opposite", command({"DECRBY", "a", "-9223372036854775808"}), End::kOpen,
       "-ERR decrement would overflow\r\n"},
      {"half of an array", "*2\r\n$4\r\nIN", End::kHalf, ""},
      {"an array but for its last byte", "*2\r\n$4\r\nINCR\r\n$1\r\na\r", End::kHalf, ""},
      {"a line but for its last byte", "INCR a\r", End::kHalf, ""},
      {"a command, and half of one", "INCR a\r\n*2\r\n$4\r\nINCR\r\n$1\r\na", End::kHalf, ":1\r\n", 1},
  };
  for (const char* number : {" 1", "1 ", "+1", "-0", "0x1", "1e3", "01", "", "9223372036854775808"}) {
    rows.push_back({"what is no number", command({"INCRBY", "a", number}), End::kOpen, no_number});
  }
  for (const char* kind : {"~1", "%1", ",1.5", "#t", "(1", "|1", ">1", "_", "$3"}) {
    rows.push_back({"a kind of RESP3 as a line", std::string(kind) + "\r\n", End::kOpen, unknown(kind)});
  }
  Row pipeline{"many commands", "", End::kOpen, "", 20};
  for (int i = 1; i <= 20; ++i) {
    pipeline.bytes += i % 2 == 0 ? "INCR a\r\n" : command({"INCR", "a"});
    pipeline.replies += ":" + std::to_string(i) + "\r\n";
  }
  rows.push_back(std::move(pipeline));
  return rows;
}

/// A service, and connections to it one after the other, to which bytes come in pieces.
class RespPieces : public World, public testing::Test {
 public:
  RespPieces() {
    log_options.segment_bytes = std::size_t{8} << 20;
    start();
    context_ = std::make_unique<RespContext>(
        RespContext{.service = *engine, .limits = {}, .namespaces = {"views"}, .version = "1.2.3", .connections = [] {
                      return std::uint64_t{1};
                    }});
  }

  void connect() {
    context_->clients = 0;  // HELLO tells each client its number: here each is the first.
    session_ = std::make_unique<RespSession>(*context_);
    waiting_.clear();
  }
  /// Bytes arrive, and the replies that leave until nothing is under way. As a connection does it: what was not used is
  /// offered again with what came behind it, somewhere else in memory, and stays there while the session is busy.
  std::string say(std::string_view piece) {
    waiting_ += piece;
    std::string out;
    for (int quiet = 0, turns = 0; quiet < 5 && turns < 10'000; ++quiet, ++turns) {
      if (!session_->busy()) {
        offered_ = std::make_unique<std::string>(waiting_);
        waiting_.erase(0, session_->receive(*offered_));
      }
      turn();
      const std::string sent(session_->output().releasable(engine->durable()));
      session_->output().consumed(sent.size());
      out += sent;
      if (!sent.empty() || session_->busy() || !session_->output().empty()) quiet = 0;
    }
    return out;
  }
  std::uint64_t accepted() const { return engine->stats().events_accepted; }

  static std::string outcome(const std::string& replies, std::uint64_t counted, bool closed) {
    return replies + std::to_string(counted) + " counted, " + (closed ? "closed" : "open");
  }
  /// What becomes of the pieces on a new connection, with no counter there.
  std::string feed(const std::vector<std::string_view>& pieces) {
    connect();
    const auto before = accepted();
    replies.clear();
    for (const auto piece : pieces) replies += say(piece);
    const auto counted = accepted() - before;
    const auto found = outcome(replies, counted, session_->closing());
    if (counted > 0) {
      connect();
      EXPECT_EQ(say("FLUSHALL\r\n"), "+OK\r\n");
    }
    return found;
  }

  std::string replies;  ///< Of the pieces that were fed last.

 private:
  std::unique_ptr<RespContext> context_;
  std::unique_ptr<RespSession> session_;
  std::string waiting_;
  std::unique_ptr<std::string> offered_;
};

/// Above this, bytes are not sent one by one, and are cut only near their ends and here and there between.
constexpr std::size_t kLong = 2'000;

bool is_cut(std::size_t at, std::size_t size) {
  return size <= kLong || at <= 100 || size - at <= 100 || at % 977 == 0;
}

TEST_F(RespPieces, AreAnsweredAndCountedAsWhatCameWhole) {
  auto rows = refused_rows();
  for (auto& row : taken_rows()) rows.push_back(std::move(row));
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what + (": " + row.bytes.substr(0, 60)));
    const bool open = row.end == End::kOpen;
    const auto bytes = row.bytes + (row.end == End::kHalf ? "" : command({"INCR", "behind"}));
    const auto expected =
        outcome(row.replies + (open ? ":1\r\n" : ""), row.counted + (open ? 1 : 0), row.end == End::kClosed);
    ASSERT_EQ(feed({bytes}), expected);
    const PairedReplies paired(bytes, replies);
    EXPECT_EQ(paired.fault(), "");
    EXPECT_EQ(paired.counted(), row.counted + (open ? 1 : 0));

    const std::string_view whole = bytes;
    for (std::size_t at = 1; at < whole.size(); ++at) {
      if (!is_cut(at, whole.size())) continue;
      ASSERT_EQ(feed({whole.substr(0, at), whole.substr(at)}), expected) << "cut at byte " << at;
    }
    if (whole.size() > kLong) continue;
    std::vector<std::string_view> each;
    for (std::size_t at = 0; at < whole.size(); ++at) each.push_back(whole.substr(at, 1));
    ASSERT_EQ(feed(each), expected) << "byte by byte";
  }
}

TEST_F(RespPieces, TellByTheirRepliesHowManyEventsWereCounted) {
  const std::string bytes =
      "Q.INCRBY a 5 ID t\r\nQ.INCRBY a 5 ID t\r\nQ.INCRBY a 6 ID t\r\n"
      "MULTI\r\nQ.INCRBY a 1 ID u\r\nDEL a\r\nINCR a\r\nEXEC\r\n"
      "MULTI\r\nINCR a\r\nDISCARD\r\nMULTI\r\nINCR a\r\nNOSUCH\r\nEXEC\r\n"
      "HELLO 3\r\nGET none\r\nMGET a none\r\nDBSIZE\r\nHELLO 2\r\nGET none\r\nSET b 3\r\nDECR b\r\nQUIT\r\nINCR a\r\n";
  connect();
  const PairedReplies paired(bytes, replies = say(bytes));
  EXPECT_EQ(paired.fault(), "");
  EXPECT_EQ(paired.counted(), 4U);
  EXPECT_EQ(accepted(), 4U);
  EXPECT_THAT(replies, HasSubstr("%7\r\n"));
  EXPECT_THAT(paired.version_2(), Not(HasSubstr("%7\r\n")));
  EXPECT_THAT(paired.version_2(), Not(HasSubstr("_\r\n")));
  EXPECT_THAT(paired.version_2(), HasSubstr("*14\r\n"));
  EXPECT_THAT(paired.version_2(), HasSubstr("$-1\r\n+OK\r\n:2\r\n+OK\r\n"));
}

TEST(RespPairedReplies, SayWhereRepliesDoNotFitTheCommands) {
  EXPECT_EQ(PairedReplies("PING\r\n", "+PONG\r\n").fault(), "");
  EXPECT_EQ(PairedReplies("PING\r\n", "+PONG\r").fault(), "a command has no whole reply");
  EXPECT_EQ(PairedReplies("GET a\r\n", "$2\r\n1\r\n").fault(), "a command has no whole reply");
  EXPECT_EQ(PairedReplies("MGET a b\r\n", "*2\r\n$1\r\n1\r\n").fault(), "a command has no whole reply");
  EXPECT_EQ(PairedReplies("\r\n", "+OK\r\n").fault(), "there are replies without a command");
  EXPECT_EQ(PairedReplies("QUIT\r\nPING\r\n", "+OK\r\n+PONG\r\n").fault(), "there are replies without a command");
  EXPECT_EQ(PairedReplies("*x\r\n", "+OK\r\n").fault(), "bytes that are no command are refused");
  EXPECT_EQ(PairedReplies("INCR a\r\n", "+OK\r\n").fault(), "what adds answers a number or an error");
  EXPECT_EQ(PairedReplies("MULTI\r\nINCR a\r\nEXEC\r\n", "+OK\r\n+QUEUED\r\n*0\r\n").fault(),
            "EXEC has as many replies as commands were queued");
}

}  // namespace
}  // namespace quipu
