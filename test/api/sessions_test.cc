#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "api/session_world.h"
#include "http/dialogue.h"
#include "http/world.h"

/// The sessions of both wires over a node, as they are over the engine.
namespace quipu {
namespace {

using Fate = MemoryLog::Fate;
using testing::HasSubstr;
using testing::StartsWith;

class ApiSessions : public SessionWorld, public testing::Test {
 protected:
  void TearDown() override { disconnect(); }

  HttpAnswer ask(const std::string& request) {
    const auto answers = split_answers(say(*http, request));
    EXPECT_EQ(answers.size(), 1U) << request;
    return answers.empty() ? HttpAnswer{} : answers[0];
  }
  static std::string get(const std::string& target) { return "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n"; }
};

TEST_F(ApiSessions, HoldAnAnswerUntilTheLogHasTheEvent) {
  serve();
  log->automatic = false;
  EXPECT_EQ(resp->receive("INCR a\r\nPING\r\n"), 14U);
  steps(5);
  EXPECT_EQ(sent(*resp), "");  // The second stands behind the first.
  EXPECT_TRUE(resp->busy());
  log->deliver(1);
  steps(2);
  EXPECT_EQ(sent(*resp), ":1\r\n+PONG\r\n");
}

TEST_F(ApiSessions, AnswerAPipelineInItsOrder) {
  serve();
  EXPECT_EQ(say(*resp, "INCR a\r\nINCR a\r\nINCRBY a 39\r\nINCRBY a x\r\nDECR a\r\nNOSUCH\r\nPING\r\n"),
            ":1\r\n:2\r\n:41\r\n-ERR value is not an integer or out of range\r\n:40\r\n"
            "-ERR unknown command 'NOSUCH', with args beginning with: \r\n+PONG\r\n");
  catch_up();
  EXPECT_EQ(say(*resp, "GET a\r\nMGET a nothing\r\nEXISTS a nothing\r\n"),
            "$2\r\n40\r\n*2\r\n$2\r\n40\r\n$-1\r\n:1\r\n");
}

TEST_F(ApiSessions, SayUnknownInBothWordsWhenTheLogDoesNotAnswer) {
  options.producer.give_up_ms = 1'000;
  serve();
  log->automatic = false;
  const auto held = std::string("INCR a\r\n");
  resp->receive(held);
  const auto request = HttpWorld::post("/view", R"({"video_id":"v"})");
  http->receive(request);
  steps(1'200);
  EXPECT_THAT(sent(*resp), StartsWith("-UNKNOWN the log did not answer: perhaps counted. A retry with the same id"));
  const auto answers = split_answers(sent(*http));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].status, 503);
  EXPECT_EQ(answers[0].outcome(), "unknown");
  EXPECT_EQ(answers[0].field("Retry-After"), "");
  EXPECT_THAT(answers[0].body, HasSubstr("same id"));
}

TEST_F(ApiSessions, SayWhenToComeBackWhereThereIsNoRoom) {
  options.producer.pending_bytes_max = 5'000;
  serve();
  log->automatic = false;
  std::deque<std::string> names;
  std::vector<std::unique_ptr<ApiClient>> fillers;
  while (true) {
    const auto& name = names.emplace_back(300, static_cast<char>('a' + names.size() % 26));
    give(*fillers.emplace_back(std::make_unique<ApiClient>()), {add(name)});
    if (fillers.back()->done) break;
    ASSERT_LT(fillers.size(), 100U);
    steps(10);
  }
  const auto answer = ask(HttpWorld::post("/v1/counters/default/" + std::string(300, 'x'), ""));
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.outcome(), "busy");
  EXPECT_NE(answer.field("Retry-After"), "");
  log->automatic = true;
  steps(10);
}

TEST_F(ApiSessions, AnswerFromMemoryWithoutAValue) {
  serve();
  log->automatic = false;
  const auto answer = ask(HttpWorld::post("/v1/counters/default/a?ack=memory", ""));
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(answer.json()["durable"], false);
  EXPECT_FALSE(answer.json().contains("value"));
}

TEST_F(ApiSessions, WaitForAPositionAndSayThatTheAnswerIsExact) {
  serve();
  const auto position = ask(HttpWorld::post("/v1/counters/default/a", R"({"delta":3})")).json()["position"];
  EXPECT_EQ(ask(get("/v1/counters/default/a")).json()["value"], 0);  // Not flushed: an older total, and its age.
  EXPECT_EQ(ask(get("/v1/counters/default/a")).json()["exact"], false);
  const auto after = "/v1/counters/default/a?after=" + std::string(position) + "&timeout=300";
  EXPECT_EQ(ask(get(after)).status, 408);
  const auto waiting = get(after);
  http->receive(waiting);
  steps(50);
  EXPECT_TRUE(http->busy());
  flush();
  for (int i = 0; i < 300 && http->busy(); ++i) {
    step();
    http->tick(now);
  }
  const auto answers = split_answers(sent(*http));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].status, 200);
  EXPECT_EQ(answers[0].json()["value"], 3);
  EXPECT_EQ(answers[0].json()["exact"], true);
}

TEST_F(ApiSessions, ResetAndSetOverBothWires) {
  serve();
  EXPECT_EQ(say(*resp, "SET a 40\r\nINCR a\r\nDEL a\r\nINCR a\r\n"), "+OK\r\n:41\r\n:1\r\n:1\r\n");
  catch_up();
  EXPECT_EQ(say(*resp, "GET a\r\nSET a 5 NX\r\nSET a 6 XX GET\r\n"), "$1\r\n1\r\n$-1\r\n$1\r\n1\r\n");
  catch_up();
  const auto answer = ask("DELETE /v1/counters/default/a HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.json()["existed"], true);
  catch_up();
  EXPECT_EQ(ask(get("/v1/counters/default/a")).json()["exists"], false);
  say(*resp, "INCR a\r\nINCR views:b\r\n");
  catch_up();
  EXPECT_EQ(say(*resp, "FLUSHALL\r\n"), "+OK\r\n");
  catch_up();
  EXPECT_EQ(say(*resp, "EXISTS a views:b\r\n"), ":0\r\n");
}

TEST_F(ApiSessions, GiveAResetOfAllUpWhereTheLogHasNoRoom) {
  options.producer.pending_bytes_max = 5'000;
  options.producer.give_up_ms = 600'000;
  serve();
  say(*resp, "INCR " + std::string(300, '-') + "\r\n");  // Its reset takes as much room as what fills the log.
  catch_up();
  log->automatic = false;
  std::deque<std::string> names;
  std::vector<std::unique_ptr<ApiClient>> fillers;
  do {
    const auto& name = names.emplace_back(300, static_cast<char>('a' + names.size() % 26));
    give(*fillers.emplace_back(std::make_unique<ApiClient>()), {add(name)});
    steps(10);
    ASSERT_LT(fillers.size(), 100U);
  } while (!fillers.back()->done);
  const std::string reset = "FLUSHALL\r\n";
  resp->receive(reset);
  steps(50, 100);
  EXPECT_EQ(sent(*resp), "") << "it waits for room";
  steps(60, 100);
  EXPECT_THAT(sent(*resp), StartsWith("-UNKNOWN the log has no room: a part of the counters may be reset"));
  EXPECT_FALSE(resp->busy());
  log->automatic = true;
  steps(10);
}

TEST_F(ApiSessions, RunATransactionAsOne) {
  serve();
  EXPECT_EQ(say(*resp, "MULTI\r\nINCR a\r\nINCRBY a 4\r\nEXEC\r\n"), "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:5\r\n");
}

TEST_F(ApiSessions, TellEachEndOfATransactionOfWhichAPartIsCounted) {
  serve();
  store.fail_next(StoreCompletion::Kind::kLoad, {Code::kBusy, "the store is away", 100});
  const auto said = say(*resp, "MULTI\r\nGET a\r\nINCR b\r\nEXEC\r\n");
  EXPECT_THAT(said, StartsWith("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n-BUSY "));
  EXPECT_THAT(said, testing::EndsWith("\r\n:1\r\n"));
  catch_up();
  EXPECT_EQ(say(*resp, "GET b\r\n"), "$1\r\n1\r\n");
}

TEST_F(ApiSessions, ShowTheShardsOfATotal) {
  serve();
  say(*resp, "INCRBY a 7\r\n");
  catch_up();
  const auto shards = ask(get("/v1/counters/default/a?shards=1")).json()["shards"];
  ASSERT_EQ(shards.size(), 1U);
  EXPECT_EQ(shards[0]["total"], 7);
}

/// Where a node answers otherwise than the engine on purpose: the line of the exchange's first request.
bool differs(const HttpExchange& exchange) {
  static const std::set<std::string> kRequests = {
      // What the engine counts of its table and its store.
      "GET /v1/stats HTTP/1.1",
      // Counted by walks over the store.
      "GET /v1/namespaces/default HTTP/1.1",
      // Logged all the same, so it has an epoch.
      "DELETE /v1/counters/default/never HTTP/1.1",
  };
  return kRequests.contains(exchange.request[0]);
}

/// Every file of test/dialogue/*.http, with the workers caught up before each request.
class ApiDialogue : public SessionWorld, public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    options.source_settle_ms = 0;  // There is no other node that could know a source.
    serve();
  }
  void TearDown() override { disconnect(); }

  /// The age of a total is told, and only a read with `after=` is exact.
  static HttpExchange aged(HttpExchange exchange) {
    const std::string now = R"("lag_ms":0,"exact":true)";
    for (std::string& line : exchange.answer) {
      const auto at = line.find(now);
      if (at != std::string::npos) line.replace(at, now.size(), R"("lag_ms":<number>,"exact":<any>)");
    }
    return exchange;
  }

  HttpNames names;
};

TEST_P(ApiDialogue, GoesAsOverTheEngine) {
  const auto path = QUIPU_SOURCE_DIR "/test/dialogue/" + GetParam() + ".http";
  const auto exchanges = read_http_dialogue(path);
  ASSERT_GE(exchanges.size(), 5U);
  for (const HttpExchange& exchange : exchanges) {
    SCOPED_TRACE(path + ":" + std::to_string(exchange.line));
    catch_up();
    const auto raw = say(*http, http_request_bytes(exchange, names));
    const bool head = exchange.request[0].starts_with("HEAD ");
    const auto answers = split_answers(raw, {head});
    ASSERT_EQ(answers.size(), 1U) << raw;
    if (!differs(exchange)) expect_answer(aged(exchange), answers[0], raw, names);
    ASSERT_EQ(http->closing(), exchange.closed);
    if (exchange.closed) connect();
  }
}

std::vector<std::string> dialogues() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(QUIPU_SOURCE_DIR "/test/dialogue")) {
    if (entry.path().extension() == ".http") names.push_back(entry.path().stem());
  }
  std::ranges::sort(names);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Files, ApiDialogue, testing::ValuesIn(dialogues()),
                         [](const auto& file) { return file.param; });

}  // namespace
}  // namespace quipu
