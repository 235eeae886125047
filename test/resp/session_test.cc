#include "resp/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "engine/world.h"

namespace quipu {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

/// A service, and one connection to it without a socket.
class RespSessionTest : public World, public testing::Test {
 public:
  RespSessionTest() { log_options.segment_bytes = std::size_t{8} << 20; }

  void serve() {
    start();
    context_ = std::make_unique<RespContext>(RespContext{
        .service = *engine, .limits = limits, .namespaces = {"views"}, .version = "1.2.3", .connections = [] {
          return std::uint64_t{1};
        }});
    session = std::make_unique<RespSession>(*context_);
  }

  /// What may leave now.
  std::string sent() {
    std::string out(session->output().releasable(engine->durable()));
    session->output().consumed(out.size());
    return out;
  }
  /// What comes back for these bytes, when all is durable. Bytes that are not used are offered again.
  std::string say(std::string bytes) {
    std::string out;
    for (int quiet = 0; quiet < 5; ++quiet) {
      if (!session->busy()) bytes.erase(0, session->receive(bytes));
      turn();
      const auto left = sent();
      out += left;
      if (!left.empty() || session->busy()) quiet = 0;
    }
    return out;
  }

  NetLimits limits;
  std::unique_ptr<RespSession> session;

 private:
  std::unique_ptr<RespContext> context_;
};

TEST_F(RespSessionTest, HoldsAReplyUntilItsEventIsDurable) {
  serve();
  EXPECT_EQ(session->receive("INCR a\r\nPING\r\n"), 14u);
  EXPECT_EQ(sent(), "");  // The second stands behind the first.
  turns(3);
  EXPECT_EQ(sent(), ":1\r\n+PONG\r\n");
}

TEST_F(RespSessionTest, CountsNowhereElseWhereANamespaceIsNotThere) {
  serve();
  RespContext other{.service = *engine, .limits = limits, .namespaces = {"likes"}, .version = "", .connections = [] {
                      return std::uint64_t{1};
                    }};
  session = std::make_unique<RespSession>(other);
  for (const char* command : {"INCR likes:a", "GET likes:a", "SET likes:a 5", "DEL likes:a", "MGET a likes:a"}) {
    EXPECT_EQ(say(std::string(command) + "\r\n"), "-ERR there is no namespace likes\r\n") << command;
  }
  EXPECT_EQ(say("EXISTS a\r\n"), ":0\r\n");
  session = nullptr;
}

TEST_F(RespSessionTest, ShowsNoValueThatACrashCouldTakeBack) {
  serve();
  RespContext other{
      .service = *engine, .limits = limits, .namespaces = {}, .version = "", .connections = [] { return 1; }};
  RespSession reader(other);
  session->receive("INCR a\r\n");
  reader.receive("GET a\r\n");
  EXPECT_EQ(reader.output().releasable(engine->durable()), "");
  turns(3);
  EXPECT_EQ(reader.output().releasable(engine->durable()), "$1\r\n1\r\n");
}

TEST_F(RespSessionTest, AnswersAPipelineInItsOrderWhateverItHolds) {
  serve();
  EXPECT_EQ(say("INCR a\r\nGET nothing\r\nINCRBY a x\r\nINCRBY a 5\r\nNOSUCH\r\nGET a\r\n"),
            ":1\r\n$-1\r\n-ERR value is not an integer or out of range\r\n:6\r\n"
            "-ERR unknown command 'NOSUCH', with args beginning with: \r\n$1\r\n6\r\n");
}

TEST_F(RespSessionTest, SendsAKeyWithAPrefixToItsNamespace) {
  serve();
  EXPECT_EQ(say("INCR views:a\r\nINCR other:a\r\n"), ":1\r\n:1\r\n");
  EXPECT_EQ(read("a", "views").value, 1);
  EXPECT_EQ(read("other:a").value, 1);
}

TEST_F(RespSessionTest, TakesNoMoreCommandsAtOnceThanItsBound) {
  limits.pipeline_requests_max = 3;
  serve();
  std::string bytes;
  for (int i = 0; i < 10; ++i) bytes += "INCR a\r\n";
  EXPECT_EQ(say(bytes), ":1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n:7\r\n:8\r\n:9\r\n:10\r\n");
}

TEST_F(RespSessionTest, StopsReadingWhileItsRepliesAreNotRead) {
  limits.output_bytes_max = 100;
  serve();
  std::string bytes;
  for (int i = 0; i < 100; ++i) bytes += "PING\r\n";
  const auto used = session->receive(bytes);
  EXPECT_LT(used, bytes.size());
  EXPECT_LE(session->output().size(), 200u);
  EXPECT_EQ(session->receive(std::string_view(bytes).substr(used)), 0u);
  EXPECT_THAT(sent(), StartsWith("+PONG\r\n"));
  EXPECT_GT(session->receive(std::string_view(bytes).substr(used)), 0u);
}

TEST_F(RespSessionTest, BoundsTheKeysOfOneCommand) {
  limits.counters_per_read_max = 2;
  serve();
  for (const std::string name : {"MGET", "EXISTS", "DEL", "UNLINK"}) {
    EXPECT_THAT(say(name + " a b\r\n"), testing::Not(HasSubstr("-ERR"))) << name;
    EXPECT_EQ(say(name + " a b c\r\n"), "-ERR more than 2 keys in one command (limits.counters_per_read)\r\n") << name;
  }
}

TEST_F(RespSessionTest, BoundsATransaction) {
  limits.batch_events_max = 2;
  serve();
  EXPECT_EQ(say("MULTI\r\nINCR a\r\nINCR a\r\nEXEC\r\n"), "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:2\r\n");
  const auto refused = say("MULTI\r\nINCR a\r\nINCR a\r\nINCR a\r\nEXEC\r\n");
  EXPECT_THAT(refused, HasSubstr("-ERR"));
  EXPECT_THAT(refused, HasSubstr("-EXECABORT"));
  EXPECT_EQ(value("a"), 2);
}

TEST_F(RespSessionTest, SaysBusyWhereTheLogHasNoRoomAndGoesOnWhenItHas) {
  log_options.pending_bytes = std::size_t{8} << 20;
  options.open_bytes_max = 2'000;
  serve();
  std::string bytes;
  for (int i = 0; i < 20; ++i) bytes += "INCR counter-" + std::to_string(i) + "\r\n";
  std::string out;
  session->receive(bytes);
  turns(3);
  out = sent();
  EXPECT_THAT(out, StartsWith(":1\r\n"));
  EXPECT_THAT(out, HasSubstr("-BUSY "));
  EXPECT_THAT(out, HasSubstr("nothing was counted, retry in "));
  EXPECT_EQ(say("INCR later\r\n"), ":1\r\n");
}

TEST_F(RespSessionTest, AnswersUnknownForWhatTheFailedLogMayHold) {
  serve();
  session->receive("INCR a\r\nINCR a\r\n");
  session->fail_held(engine->durable());
  const auto out = sent();
  EXPECT_EQ(out,
            "-UNKNOWN the log failed; perhaps counted: only a retry with the same id is safe\r\n"
            "-UNKNOWN the log failed; perhaps counted: only a retry with the same id is safe\r\n");
  EXPECT_TRUE(session->closing());
}

TEST_F(RespSessionTest, RunsNothingBehindBytesThatAreNoCommand) {
  serve();
  EXPECT_EQ(say("INCR a\r\n*1\r\nx\r\nINCR a\r\n"), ":1\r\n-ERR Protocol error: expected '$', got 'x'\r\n");
  EXPECT_TRUE(session->closing());
  EXPECT_EQ(value("a"), 1);
}

TEST_F(RespSessionTest, RunsNothingThatABrowserCanSend) {
  for (const std::string head : {"POST / HTTP/1.1\r\n", "post / HTTP/1.1\r\n", "Host: localhost\r\n"}) {
    restart();
    serve();
    EXPECT_EQ(say(head + "Content-Length: 8\r\n\r\nINCR a\r\n"), "") << head;
    EXPECT_TRUE(session->closing()) << head;
    EXPECT_EQ(value("a"), 0) << head;
  }
}

TEST_F(RespSessionTest, SaysWhyItClosesASlowOrASurplusClient) {
  serve();
  EXPECT_EQ(session->receive("*2\r\n$4\r\nIN"), 0u);
  session->timed_out();
  EXPECT_THAT(sent(), HasSubstr("limits.request"));
  EXPECT_TRUE(session->closing());
  serve();
  session->turned_away();
  EXPECT_EQ(sent(), "-BUSY max number of clients reached; nothing was counted, retry in 1000 ms\r\n");
  EXPECT_TRUE(session->closing());
}

TEST_F(RespSessionTest, SaysThatAllClientsTogetherHoldTooMuch) {
  serve();
  EXPECT_EQ(session->receive("*2\r\n$4\r\nIN"), 0u);
  session->too_crowded();
  const auto said = sent();
  EXPECT_THAT(said, StartsWith("-BUSY "));
  EXPECT_THAT(said, HasSubstr("limits.clients_bytes"));
  EXPECT_THAT(said, EndsWith("retry in 1000 ms\r\n"));
  EXPECT_TRUE(session->closing());
}

TEST_F(RespSessionTest, GivesItsTurnBackBehindACommandThatTakesLonger) {
  serve();
  std::string bytes;
  for (int i = 0; i < 2'000; ++i) bytes += "PING\r\n";
  bytes += "FLUSHALL\r\n";
  EXPECT_EQ(session->receive(bytes), bytes.size());
  ASSERT_TRUE(session->busy());
  EXPECT_GT(session->kept_bytes(), 2 * kClientShareBytes) << "what was cleared is still held";
  for (int i = 0; i < 100 && session->busy(); ++i) turn();
  ASSERT_FALSE(session->busy());
  EXPECT_LT(session->kept_bytes(), kClientShareBytes);
  turns(3);
  EXPECT_THAT(sent(), EndsWith("+PONG\r\n+OK\r\n"));
}

TEST_F(RespSessionTest, CountsAnIdOnceAndSaysSo) {
  serve();
  EXPECT_EQ(say("Q.INCRBY a 5 ID token\r\nQ.INCRBY a 5 ID token\r\nGET a\r\n"),
            "*2\r\n:5\r\n:1\r\n*2\r\n:5\r\n:0\r\n$1\r\n5\r\n");
  EXPECT_THAT(say("Q.INCRBY a 6 ID token\r\n"), EndsWith("this id was used before with another content\r\n"));
}

}  // namespace
}  // namespace quipu
