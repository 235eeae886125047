#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/openapi.h"
#include "http/world.h"
#include "model/architecture.h"

namespace quipu {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class HttpReads : public testing::Test {
 protected:
  void SetUp() override { world.serve(); }
  void TearDown() override { world.disconnect(); }
  void expect_refused(const HttpAnswer& answer, int status, const std::string& detail) {
    EXPECT_EQ(answer.status, status) << answer.body;
    EXPECT_EQ(answer.outcome(), "refused");
    EXPECT_THAT(std::string(answer.json()["detail"]), HasSubstr(detail));
  }
  HttpWorld world;
};

TEST_F(HttpReads, ShowATotal) {
  world.run(world.add("a", 5));
  const auto answer = world.get("/v1/counters/default/a");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.field("Cache-Control"), "no-cache");
  const auto json = answer.json();
  EXPECT_EQ(json["namespace"], "default");
  EXPECT_EQ(json["counter"], "a");
  EXPECT_EQ(json["value"], 5);
  EXPECT_EQ(json["exists"], true);
  EXPECT_EQ(json["exact"], true);
  EXPECT_EQ(json["lag_ms"], 0);
  EXPECT_THAT(std::string(json["as_of"]), testing::MatchesRegex("2023-11-14T22:13:20\\.0[0-9][0-9]Z"));
}

TEST_F(HttpReads, ShowACounterThatWasNeverWrittenAsZero) {
  const auto json = world.get("/v1/counters/default/never").json();
  EXPECT_EQ(json["value"], 0);
  EXPECT_EQ(json["exists"], false);
  expect_refused(world.get("/v1/counters/nowhere/a"), 404, "the namespace does not exist");
  expect_refused(world.get("/v1/counters/NOWHERE/a"), 400, "namespace must begin with a letter");
}

TEST_F(HttpReads, ShowTheShards) {
  world.run(world.add_with_id("a", "k1", 2));
  world.run(world.add_with_id("a", "k2", 3));
  world.run(world.add_with_id("a", "k3", 4));
  world.run(world.add("a", 1));
  const auto json = world.get("/v1/counters/default/a?shards=1").json();
  std::int64_t sum = 0;
  std::uint64_t events = 0;
  for (const auto& shard : json["shards"]) {
    sum += shard["total"].get<std::int64_t>();
    events += shard["events"].get<std::uint64_t>();
    EXPECT_EQ(shard["counts"], true);
    EXPECT_GT(shard["applied"], 0);
  }
  EXPECT_EQ(sum, 10);
  EXPECT_EQ(events, 4U);
  EXPECT_EQ(json["value"], 10);
  EXPECT_FALSE(world.get("/v1/counters/default/a?shards=0").json().contains("shards"));
  expect_refused(world.get("/v1/counters/default/a?shards=2"), 400, "shards is 0 or 1");
}

TEST_F(HttpReads, AnswerNotModifiedWhileTheValueStays) {
  world.run(world.add("a", 5));
  const auto tag = world.get("/v1/counters/default/a").field("ETag");
  EXPECT_THAT(tag, testing::StartsWith("W/\""));
  const auto same = world.get("/v1/counters/default/a", "If-None-Match: \"x\", " + tag + "\r\n");
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(same.field("ETag"), tag);
  EXPECT_EQ(same.body, "");
  EXPECT_EQ(world.get("/v1/counters/default/a", "If-None-Match: " + tag.substr(2) + "\r\n").status, 304);
  EXPECT_EQ(world.get("/v1/counters/default/a", "If-None-Match: *\r\n").status, 304);
  EXPECT_EQ(world.get("/v1/counters/default/b", "If-None-Match: *\r\n").status, 200);
  world.run(world.add("a"));
  EXPECT_EQ(world.get("/v1/counters/default/a", "If-None-Match: " + tag + "\r\n").status, 200);
  world.run(world.reset("a"));
  world.run(world.add("a", 5));
  EXPECT_EQ(world.get("/v1/counters/default/a", "If-None-Match: " + tag + "\r\n").status, 200)
      << "the same value of another epoch";
}

TEST_F(HttpReads, AnswerHeadWithTheFieldsAlone) {
  world.run(world.add("a", 5));
  const auto head = world.ask("HEAD /v1/counters/default/a HTTP/1.1\r\nHost: a\r\n\r\n", true);
  EXPECT_EQ(head.status, 200);
  EXPECT_NE(head.field("ETag"), "");
  EXPECT_EQ(head.field("Content-Length"), std::to_string(world.get("/v1/counters/default/a").body.size()));
  EXPECT_EQ(world.ask("HEAD /nothing HTTP/1.1\r\nHost: a\r\n\r\n", true).status, 404);
  EXPECT_EQ(world.ask("HEAD /v1/top/views HTTP/1.1\r\nHost: a\r\n\r\n", true).status, 200);
}

TEST_F(HttpReads, ShowSeveralTotals) {
  world.run(world.add("a", 5));
  world.run(world.add("b c", 6));
  const auto json = world.get("/v1/counters/default?counter=a&counter=b+c&counter=b%20c&counter=none").json();
  ASSERT_THAT(json["counters"], SizeIs(4));
  EXPECT_EQ(json["counters"][0]["value"], 5);
  EXPECT_EQ(json["counters"][1]["counter"], "b c");
  EXPECT_EQ(json["counters"][1]["value"], 6);
  EXPECT_EQ(json["counters"][2]["value"], 6);
  EXPECT_EQ(json["counters"][3]["exists"], false);
  expect_refused(world.get("/v1/counters/default"), 400, "at least one counter");
  expect_refused(world.get("/v1/counters/default?counter="), 400, "counter is empty");
  expect_refused(world.get("/v1/counters/default?counter=a&limit=5"), 400, "limit is not known");
  expect_refused(world.get("/v1/counters/nowhere?counter=a"), 404, "namespace");
}

TEST_F(HttpReads, BoundHowManyAreReadAtOnce) {
  world.limits.counters_per_read_max = 2;
  world.connect();
  EXPECT_EQ(world.get("/v1/counters/default?counter=a&counter=b").status, 200);
  expect_refused(world.get("/v1/counters/default?counter=a&counter=b&counter=c"), 400, "limits.counters_per_read");
  expect_refused(world.get("/v1/top/default?limit=3"), 400, "limits.counters_per_read");
}

TEST_F(HttpReads, RefusePositionsThatAreNone) {
  expect_refused(world.get("/v1/counters/default/a?after=x"), 400, "generation:partition:offset");
  expect_refused(world.get("/v1/counters/default/a?after=2:0:1"), 409, "another generation");
  expect_refused(world.get("/v1/counters/default/a?after=1:0:1&timeout=60001"), 400, "limits.after_wait");
  expect_refused(world.get("/v1/counters/default/a?timeout=-1"), 400, "timeout");
  expect_refused(world.get("/v1/counters/default/a?after=1:0:1&after=1:0:1"), 400, "stands twice");
  EXPECT_EQ(world.get("/v1/counters/default/a?after=1:0:0").status, 200);
}

TEST_F(HttpReads, ShowTheLargest) {
  for (int i = 1; i <= 12; ++i) world.run(world.add("c" + std::to_string(i), i));
  const auto json = world.get("/v1/top/default").json();
  ASSERT_THAT(json["counters"], SizeIs(10));
  EXPECT_EQ(json["counters"][0]["counter"], "c12");
  EXPECT_EQ(json["counters"][9]["value"], 3);
  EXPECT_THAT(world.get("/v1/top/default?limit=2").json()["counters"], SizeIs(2));
  EXPECT_THAT(world.get("/v1/top/views").json()["counters"], SizeIs(0));
  expect_refused(world.get("/v1/top/nowhere"), 404, "namespace");
  for (const char* limit : {"0", "-1", "x", "", "1001", "99999999999999999999"}) {
    expect_refused(world.get(std::string("/v1/top/default?limit=") + limit), 400, "limit");
  }
}

TEST_F(HttpReads, ShowASource) {
  EXPECT_EQ(world.get("/v1/sources/default/s").json()["last_sequence"], 0);
  world.run(world.add_of_source("a", "s", 1));
  const auto json = world.get("/v1/sources/default/s").json();
  EXPECT_EQ(json["last_sequence"], 1);
  EXPECT_EQ(json["source"], "s");
  EXPECT_EQ(world.get("/v1/sources/default/%FF").json()["source_encoded"], "%FF");
  expect_refused(world.get("/v1/sources/default/" + std::string(65, 's')), 400, "at most 64");
  expect_refused(world.get("/v1/sources/nowhere/s"), 404, "namespace");
}

TEST_F(HttpReads, ShowAndChangeNamespaces) {
  const auto put = [&](const std::string& name, const std::string& body) {
    return world.ask("PUT /v1/namespaces/" + name +
                     " HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: " +
                     std::to_string(body.size()) + "\r\n\r\n" + body);
  };
  const auto made = put("n", R"({"ack":"memory","viewer_window_ms":1000,"id_promise_ms":5,"memory_allowed":true})");
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(made.json()["ack"], "memory");
  const auto shown = world.get("/v1/namespaces/n").json();
  EXPECT_EQ(shown["viewer_window_ms"], 1000);
  EXPECT_EQ(shown["id_promise_ms"], 5);
  EXPECT_EQ(shown["memory_allowed"], true);
  EXPECT_EQ(shown["counters"], 0);
  EXPECT_EQ(put("n", "{}").status, 200);
  EXPECT_EQ(world.get("/v1/namespaces/n").json()["viewer_window_ms"], 0) << "what is not named gets its default";
  std::vector<std::string> names;
  const auto all = world.get("/v1/namespaces").json();
  for (const auto& space : all["namespaces"]) names.push_back(space["namespace"]);
  EXPECT_THAT(names, testing::UnorderedElementsAre("default", "views", "n"));
  expect_refused(put("n", ""), 400, "a JSON object is expected");
  expect_refused(put("n", R"({"ack":"disk"})"), 400, "ack");
  expect_refused(put("n", R"({"ack":"memory","memory_allowed":false})"), 400, "memory_allowed");
  expect_refused(put("n", R"({"viewer_window_ms":-1})"), 400, "not below 0");
  expect_refused(put("n", R"({"viewer_window_ms":1,"viewer_window_ms":1})"), 400, "twice");
  expect_refused(put("n", R"({"x":1})"), 400, "the field x is not known");
  expect_refused(put("9", "{}"), 400, "namespace must begin");
  expect_refused(world.get("/v1/namespaces/nowhere"), 404, "namespace");
}

TEST_F(HttpReads, ShowWhatTheServiceDoes) {
  world.run(world.add("a", 5));
  const auto stats = world.get("/v1/stats").json();
  EXPECT_EQ(stats["state"], "serving");
  EXPECT_EQ(stats["events_accepted"], 1);
  EXPECT_EQ(stats["counters"], 1);
  EXPECT_THAT(stats["partitions"], SizeIs(3));
  EXPECT_EQ(stats["server"]["http_connections"], 1);
  const auto metrics = world.get("/metrics");
  EXPECT_EQ(metrics.body, "up 1\n");
  EXPECT_EQ(metrics.field("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(world.get("/livez").json()["live"], true);
  EXPECT_EQ(world.get("/readyz").json()["ready"], true);
  EXPECT_EQ(world.get("/healthz").json()["version"], "1.2.3");
  EXPECT_EQ(world.get("/openapi.json").body, openapi_text());
  EXPECT_EQ(world.get("/architecture.sruja").body, architecture_text());
}

TEST_F(HttpReads, SayWhichMethodsAreAllowed) {
  const auto answer = world.ask("PATCH /v1/counters/default/a HTTP/1.1\r\nHost: a\r\n\r\n");
  expect_refused(answer, 405, "not allowed");
  EXPECT_EQ(answer.field("Allow"), "GET, HEAD, POST, DELETE, OPTIONS");
  expect_refused(world.get("/view?video_id=v"), 405, "not allowed");
  expect_refused(world.ask("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"), 405, "not allowed");
  expect_refused(world.ask("POST /metrics HTTP/1.1\r\nHost: a\r\n\r\n"), 405, "not allowed");
  EXPECT_EQ(world.ask("OPTIONS /view HTTP/1.1\r\nHost: a\r\n\r\n").field("Allow"), "POST, OPTIONS");
  EXPECT_EQ(world.ask("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").status, 204);
  expect_refused(world.ask("OPTIONS /nothing HTTP/1.1\r\nHost: a\r\n\r\n"), 404, "nothing at this address");
}

TEST_F(HttpReads, FindNothingBesideTheRoutes) {
  for (const char* target :
       {"/nothing", "/view/", "//view", "/View", "/v1", "/v1/", "/v1/counters", "/v1/counters/a/b/c", "/v1/top",
        "/v1/../view", "/%76iew", "/livez/", "/v1/namespaces/a/b"}) {
    expect_refused(world.get(target), 404, "nothing at this address");
  }
  expect_refused(world.get("/livez?x=1"), 400, "the parameter x is not known");
}

TEST_F(HttpReads, NeverGiveBackMarkupAsItCame) {
  const std::string evil = "%3Csvg%20onload=alert(1)%3E%22%0d%0aX:%20y";
  const auto answer = world.get("/v1/counters/default/" + evil);
  EXPECT_EQ(answer.body.find('<'), std::string::npos);
  EXPECT_EQ(answer.json()["counter"], "<svg onload=alert(1)>\"\r\nX: y");
  const auto refused = world.get("/livez?" + evil + "=1");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.body.find('<'), std::string::npos);
  EXPECT_EQ(refused.field("X"), "");
}

TEST_F(HttpReads, ServePagesOfOtherOriginsOnlyWhereConfigured) {
  EXPECT_EQ(world.get("/livez", "Origin: http://page\r\n").field("Access-Control-Allow-Origin"), "");
  world.cors_origins = {"http://page"};
  world.connect();
  const auto allowed = world.get("/livez", "Origin: http://page\r\n");
  EXPECT_EQ(allowed.field("Access-Control-Allow-Origin"), "http://page");
  EXPECT_EQ(allowed.field("Vary"), "Origin");
  EXPECT_EQ(world.get("/livez", "Origin: http://other\r\n").field("Access-Control-Allow-Origin"), "");
  EXPECT_EQ(world.get("/livez").field("Access-Control-Allow-Origin"), "");
  const auto preflight = world.ask(
      "OPTIONS /v1/counters/default/a HTTP/1.1\r\nHost: a\r\nOrigin: http://page\r\n"
      "Access-Control-Request-Method: POST\r\n\r\n");
  EXPECT_EQ(preflight.status, 204);
  EXPECT_THAT(preflight.field("Access-Control-Allow-Methods"), HasSubstr("POST"));
  EXPECT_THAT(preflight.field("Access-Control-Allow-Headers"), HasSubstr("Idempotency-Key"));
  EXPECT_EQ(world.post_and_wait("/v1/counters/default/a", "{}", "application/json", "Origin: http://page\r\n").status,
            202);
  EXPECT_EQ(world.post_and_wait("/v1/counters/default/a", "{}", "application/json", "Origin: http://other\r\n").status,
            403);
}

}  // namespace
}  // namespace quipu
