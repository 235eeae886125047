#include "http/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/world.h"

namespace quipu {
namespace {

using testing::SizeIs;

class Http : public testing::Test {
 protected:
  void SetUp() override { world.serve(); }
  void TearDown() override { world.disconnect(); }
  static std::string get(const std::string& target, const std::string& fields = "") {
    return "GET " + target + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
  }
  static std::string view(const std::string& video) {
    return HttpWorld::post("/view", R"({"video_id":")" + video + R"("})");
  }
  HttpWorld world;
};

TEST_F(Http, HoldsAnAnswerUntilWhatItShowsIsDurable) {
  world.arrive(view("a"));
  EXPECT_EQ(world.take(), "");
  world.step();
  EXPECT_EQ(world.take(), "") << "submitted, but not written";
  world.disk.finish();
  world.step();
  const auto answers = split_answers(world.take());
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(answers[0].status, 202);
  EXPECT_EQ(answers[0].field("Content-Type"), "application/json");
  EXPECT_EQ(answers[0].field("Date"), "Tue, 14 Nov 2023 22:13:20 GMT");
  const auto json = answers[0].json();
  EXPECT_EQ(json["accepted"], 1);
  EXPECT_EQ(json["value"], 1);
  EXPECT_THAT(std::string(json["position"]), testing::MatchesRegex("1:[0-2]:[0-9]+"));
}

TEST_F(Http, MakesOneBatchOfAllThatArrived) {
  std::string pipeline;
  for (int i = 0; i < 100; ++i) pipeline += view("a");
  pipeline += get("/v1/counters/views/a");
  world.arrive(pipeline);
  const auto commits = world.engine->stats().commits;
  const auto answers = split_answers(world.settle());
  ASSERT_THAT(answers, SizeIs(101));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(answers[static_cast<std::size_t>(i)].json()["value"], i + 1);
  EXPECT_EQ(answers[100].json()["value"], 100);
  EXPECT_EQ(world.engine->stats().commits, commits + 1);
}

TEST_F(Http, TakesNoMoreRequestsAtOnceThanItsLimit) {
  world.limits.pipeline_requests_max = 10;
  world.connect();
  std::string pipeline;
  for (int i = 0; i < 25; ++i) pipeline += view("a");
  EXPECT_THAT(world.exchange(pipeline), SizeIs(25));
  EXPECT_EQ(world.total("a", "views"), 25);
}

TEST_F(Http, AnswersInOrderWhereARequestTakesLonger) {
  const auto answers = world.exchange(view("a") + get("/v1/top/views") + view("a") + get("/nothing") +
                                      "PUT /v1/namespaces/n HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                                      "Content-Length: 2\r\n\r\n{}" +
                                      get("/v1/counters/n/x") + get("/v1/counters/views/a"));
  ASSERT_THAT(answers, SizeIs(7));
  EXPECT_EQ(answers[0].json()["value"], 1);
  EXPECT_EQ(answers[1].json()["counters"][0]["value"], 1) << answers[1].body;
  EXPECT_EQ(answers[2].json()["value"], 2);
  EXPECT_EQ(answers[3].status, 404);
  EXPECT_EQ(answers[4].status, 201);
  EXPECT_EQ(answers[5].status, 200) << "the namespace that the request before it made";
  EXPECT_EQ(answers[6].json()["value"], 2);
}

TEST_F(Http, StopsBehindARequestThatItCanNotFrame) {
  const auto answers = world.exchange(view("a") + "POST /view HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n" +
                                      view("a") + view("a"));
  ASSERT_THAT(answers, SizeIs(2));
  EXPECT_EQ(answers[0].status, 202);
  EXPECT_EQ(answers[1].status, 400);
  EXPECT_EQ(answers[1].field("Connection"), "close");
  EXPECT_EQ(answers[1].outcome(), "refused");
  EXPECT_TRUE(world.session().closing());
  world.arrive(view("a"));
  world.settle();
  world.connect();
  EXPECT_EQ(world.total("a", "views"), 1);
}

TEST_F(Http, ClosesWhenAsked) {
  const auto answers = world.exchange("GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + get("/livez"));
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(answers[0].field("Connection"), "close");
  EXPECT_TRUE(world.session().closing());
}

TEST_F(Http, StaysInHttp10WhereAsked) {
  EXPECT_EQ(world.ask("GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").field("Connection"), "keep-alive");
  EXPECT_FALSE(world.session().closing());
  EXPECT_EQ(world.ask("GET /livez HTTP/1.0\r\n\r\n").field("Connection"), "close");
  EXPECT_TRUE(world.session().closing());
}

TEST_F(Http, InvitesABodyBehindTheAnswersBeforeIt) {
  world.arrive(view("a") +
               "POST /view HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Type: text/plain\r\n"
               "Content-Length: 1\r\n\r\n");
  EXPECT_EQ(world.take(), "");
  const auto out = world.settle();
  EXPECT_THAT(out, testing::StartsWith("HTTP/1.1 202 "));
  EXPECT_THAT(out, testing::EndsWith("}HTTP/1.1 100 Continue\r\n\r\n"));
  EXPECT_EQ(world.ask("b").status, 202);
  EXPECT_EQ(world.total("b", "views"), 1);
}

TEST_F(Http, ReadsPartOfARequestAndGoesOn) {
  const auto bytes = view("a") + get("/v1/counters/views/a");
  for (const char byte : bytes) world.arrive({&byte, 1});
  const auto answers = split_answers(world.settle());
  ASSERT_THAT(answers, SizeIs(2));
  EXPECT_EQ(answers[1].json()["value"], 1);
}

TEST_F(Http, KeepsTheNamesOfChunkedBodiesUntilTheBatchIsDone) {
  const auto chunked = [](const std::string& body) {
    return "POST /view HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n" +
           body.substr(0, 1) + "\r\n1\r\n" + body.substr(1) + "\r\n0\r\n\r\n";
  };
  EXPECT_THAT(world.exchange(chunked("aa") + chunked("bb") + chunked("aa")), SizeIs(3));
  EXPECT_EQ(world.total("aa", "views"), 2);
  EXPECT_EQ(world.total("bb", "views"), 1);
}

TEST_F(Http, AnswersUnknownForWhatTheFailedLogMayHold) {
  world.arrive(view("a") + view("a"));
  world.step();
  world.disk.fail_writes = true;
  world.disk.finish();
  world.step();
  ASSERT_EQ(world.engine->state(), EngineState::kFailed);
  world.session().fail_held(world.engine->durable());
  const auto answers = split_answers(world.take());
  ASSERT_THAT(answers, SizeIs(2));
  for (const auto& answer : answers) {
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.outcome(), "unknown");
    EXPECT_EQ(answer.field("Retry-After"), "") << "a client that sends it again by itself counts it twice";
  }
  EXPECT_TRUE(world.session().closing());
  world.connect();
  const auto after = world.get("/v1/counters/views/a");
  EXPECT_EQ(after.status, 503);
  EXPECT_EQ(after.outcome(), "busy");
}

TEST_F(Http, SaysWhyItDoesNotServeYet) {
  world.disconnect();
  world.crash();
  ASSERT_TRUE(world.open().has_value());
  world.connect();
  const auto answers = split_answers([&] {
    world.arrive(get("/readyz") + get("/livez") + view("a") + get("/v1/counters/new/a"));
    return world.take();
  }());
  ASSERT_THAT(answers, SizeIs(4));
  EXPECT_EQ(answers[0].status, 503);
  EXPECT_EQ(answers[0].json()["state"], "recovering");
  EXPECT_TRUE(answers[0].json().contains("replay_frames_left"));
  EXPECT_EQ(answers[1].status, 200);
  EXPECT_EQ(answers[2].status, 503);
  EXPECT_EQ(answers[2].outcome(), "busy");
  EXPECT_EQ(answers[2].field("Retry-After"), "1");
  EXPECT_EQ(answers[3].status, 503) << "whether a namespace exists is not known yet";
  EXPECT_FALSE(world.engine->namespaces().find("new").has_value());
  world.turns(100);
  EXPECT_EQ(world.get("/readyz").status, 200);
}

TEST_F(Http, SaysThatARequestTookTooLong) {
  world.arrive("GET /livez HTTP/1.1\r\nHo");
  world.session().timed_out();
  const auto answers = split_answers(world.take());
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(answers[0].status, 408);
  EXPECT_TRUE(world.session().closing());
}

TEST_F(Http, SaysThatThereIsNoRoomForAConnection) {
  world.session().turned_away();
  const auto answers = split_answers(world.take());
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(answers[0].status, 503);
  EXPECT_EQ(answers[0].outcome(), "busy");
  EXPECT_EQ(answers[0].field("Retry-After"), "1");
  EXPECT_TRUE(world.session().closing());
}

TEST_F(Http, SaysThatAllClientsTogetherHoldTooMuch) {
  world.arrive("POST /view HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
  world.session().too_crowded();
  const auto answers = split_answers(world.take());
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(answers[0].status, 503);
  EXPECT_EQ(answers[0].outcome(), "busy");
  EXPECT_EQ(answers[0].field("Retry-After"), "1");
  EXPECT_EQ(answers[0].field("Connection"), "close");
  EXPECT_TRUE(world.session().closing());
}

TEST_F(Http, GivesItsTurnBackBehindARequestThatTakesLonger) {
  std::string pipeline;
  for (int i = 0; i < 300; ++i) pipeline += get("/livez");
  for (const auto& last : {get("/v1/top/views"), get("/v1/counters/default/a?timeout=1000&after=1:0:99999"),
                           std::string("PUT /v1/namespaces/n HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                                       "Content-Length: 2\r\n\r\n{}")}) {
    world.arrive(pipeline + last);
    ASSERT_TRUE(world.session().busy()) << last;
    EXPECT_GT(world.session().kept_bytes(), 2 * kClientShareBytes) << "what was cleared is still held";
    world.session().tick(world.now);
    world.session().tick(world.now + 1'000);
    EXPECT_THAT(split_answers(world.settle()), SizeIs(301));
    EXPECT_LT(world.session().kept_bytes(), kClientShareBytes) << last;
  }
  world.session().sparing = true;
  world.arrive(get("/v1/top/views"));
  ASSERT_TRUE(world.session().busy());
  EXPECT_LT(world.session().kept_bytes(), 2 * kClientShareBytes) << "it asked for little";
  EXPECT_THAT(split_answers(world.settle()), SizeIs(1));
}

TEST_F(Http, CountsWhatAnswersAreMadeInAndKeepsNoLargeOne) {
  world.limits.header_bytes_max = 64 << 10;
  world.connect();
  std::string several = "/v1/counters/default?";
  for (int i = 0; i < 40; ++i) {
    const auto name = std::string(1'000, 'x') + std::to_string(i);
    world.run(world.add(name));
    several += "counter=" + name + "&";
  }
  several.pop_back();
  EXPECT_EQ(world.get("/v1/counters/default/a").status, 200);
  EXPECT_GT(world.session().kept_bytes(), 50U);
  for (const auto& target : {std::string("/v1/top/default?limit=40"), several}) {
    EXPECT_GT(world.get(target).body.size(), 2 * kClientShareBytes);
    EXPECT_LT(world.session().kept_bytes(), kClientShareBytes) << target.substr(0, 30);
  }
}

TEST_F(Http, TakesNothingMoreWhileItsAnswersAreNotRead) {
  world.limits.output_bytes_max = 1'000;
  world.limits.pipeline_requests_max = 1;
  world.connect();
  std::string pipeline;
  for (int i = 0; i < 50; ++i) pipeline += view("a");
  world.arrive(pipeline);
  world.commit();
  EXPECT_LT(world.session().output().size(), 2'000U);
  EXPECT_LT(world.read("a", "views").value, 10);
  EXPECT_THAT(split_answers(world.settle() + world.settle()), SizeIs(50));
}

TEST_F(Http, WaitsForRowsThatAreNotInMemory) {
  world.disconnect();
  world.options.table_bytes_max = 1;
  world.restart();
  world.connect();
  EXPECT_EQ(world.post_and_wait("/view", R"({"video_id":"a"})").status, 202);
  world.flush();
  world.turns(100, 100);
  world.ready = 0;
  world.arrive(get("/v1/counters/views/a") + get("/v1/top/views") + get("/livez"));
  ASSERT_TRUE(world.session().busy());
  EXPECT_EQ(world.take(), "");
  const auto answers = split_answers(world.settle());
  ASSERT_THAT(answers, SizeIs(3));
  EXPECT_EQ(answers[0].json()["value"], 1);
  EXPECT_EQ(answers[2].json()["live"], true);
  EXPECT_EQ(world.ready, 1);
}

TEST_F(Http, WaitsForAPosition) {
  const auto newest = world.engine->newest().value;
  const auto target = "/v1/counters/default/a?timeout=1000&after=1:0:" + std::to_string(newest + 1);
  world.arrive(get(target) + get("/livez"));
  EXPECT_TRUE(world.session().busy());
  world.turns(3);
  world.session().tick(world.now);
  EXPECT_EQ(world.take(), "");
  world.run(world.add("a", 7));
  world.session().tick(world.now);
  EXPECT_EQ(world.take(), "") << "reached, but not durable";
  EXPECT_EQ(world.ready, 1);
  const auto answers = split_answers(world.settle());
  ASSERT_THAT(answers, SizeIs(2));
  EXPECT_EQ(answers[0].json()["value"], 7);
}

TEST_F(Http, WaitsForAPositionWithARequestInChunks) {
  const auto newest = world.engine->newest().value;
  const auto target = "/v1/counters/default/a?timeout=1000&after=1:0:" + std::to_string(newest + 1);
  const std::string chunk(20'000, 'x');  // More than is kept of a body that nobody needs any more.
  world.arrive(get(target, "Transfer-Encoding: chunked\r\n") + "4e20\r\n" + chunk + "\r\n0\r\n\r\n" + get("/livez"));
  EXPECT_TRUE(world.session().busy());
  world.turns(3);
  world.session().tick(world.now);
  world.run(world.add("a", 7));
  world.session().tick(world.now);
  const auto answers = split_answers(world.settle());
  ASSERT_THAT(answers, SizeIs(2));
  EXPECT_EQ(answers[0].status, 200);
  EXPECT_EQ(answers[0].json()["value"], 7);
  EXPECT_EQ(answers[0].json()["counter"], "a");
}

TEST_F(Http, GivesUpWaitingForAPosition) {
  world.arrive(get("/v1/counters/default/a?timeout=1000&after=1:0:99999"));
  world.session().tick(50);
  world.session().tick(1'049);
  EXPECT_EQ(world.take(), "");
  world.session().tick(1'050);
  const auto answers = split_answers(world.take());
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(answers[0].status, 408);
  EXPECT_EQ(answers[0].outcome(), "busy");
  EXPECT_EQ(world.ready, 1);
  EXPECT_FALSE(world.session().closing());
}

TEST_F(Http, DoesNotWaitAtAllWithATimeoutOfZero) {
  world.arrive(get("/v1/counters/default/a?timeout=0&after=1:0:99999"));
  EXPECT_FALSE(world.session().busy());
  EXPECT_EQ(split_answers(world.take()).at(0).status, 408);
}

TEST_F(Http, WaitsAsLongAsItSaysWhereverTheTimeOfDayJumps) {
  constexpr TimeMs kYearMs = 31'556'952'000;
  world.arrive(get("/v1/counters/default/a?timeout=1000&after=1:0:99999"));
  world.session().tick(50);
  world.turn(10 * kYearMs);
  world.session().tick(1'049);
  EXPECT_EQ(world.take(), "") << "a jump ahead ended it early";
  world.turn(-20 * kYearMs);
  world.session().tick(1'050);
  EXPECT_EQ(split_answers(world.take()).at(0).status, 408) << "a jump back made it longer";
}

TEST_F(Http, DoesNotOutliveItsConnection) {
  world.arrive(get("/v1/top/views"));
  ASSERT_TRUE(world.session().busy());
  world.connect();  // The old session is gone while the engine still walks for it.
  world.turns(20);
  EXPECT_EQ(world.get("/livez").status, 200);
}

}  // namespace
}  // namespace quipu
