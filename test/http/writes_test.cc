#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "http/world.h"

namespace quipu {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

const std::string kForm = "application/x-www-form-urlencoded";
const std::string kLines = "application/x-ndjson";

class HttpWrites : public testing::Test {
 protected:
  void SetUp() override { world.serve(); }
  void TearDown() override { world.disconnect(); }

  HttpAnswer view(const std::string& body, const std::string& type, const std::string& query = "") {
    return world.post_and_wait("/view" + query, body, type);
  }
  HttpAnswer add(const std::string& body, const std::string& fields = "", const std::string& query = "") {
    return world.post_and_wait("/v1/counters/default/a" + query, body, "application/json", fields);
  }
  HttpAnswer events(const std::string& body, const std::string& type = kLines, const std::string& fields = "",
                    const std::string& query = "") {
    return world.post_and_wait("/v1/events" + query, body, type, fields);
  }
  void expect_refused(const HttpAnswer& answer, int status, const std::string& detail) {
    EXPECT_EQ(answer.status, status) << answer.body;
    EXPECT_EQ(answer.field("Content-Type"), "application/problem+json");
    const auto json = answer.json();
    EXPECT_EQ(json["outcome"], "refused");
    EXPECT_EQ(json["status"], status);
    EXPECT_THAT(std::string(json["detail"]), HasSubstr(detail));
    EXPECT_FALSE(world.session().closing());
  }
  HttpWorld world;
};

TEST_F(HttpWrites, CountAViewInEveryForm) {
  EXPECT_EQ(view(R"({"video_id":"v"})", "application/json").status, 202);
  EXPECT_EQ(view(R"( { "video_id" : "v" } )", "application/json; charset=utf-8").status, 202);
  EXPECT_EQ(view(R"({"video_id":"v"})", "text/plain;charset=UTF-8").status, 202);
  EXPECT_EQ(view("v", "text/plain").status, 202);
  EXPECT_EQ(view("video_id=v", kForm).status, 202);
  EXPECT_EQ(view("video_id=%76&viewer_id=x", kForm).status, 202);
  EXPECT_EQ(view("", "", "?video_id=v").status, 202);
  EXPECT_EQ(view("", "text/plain", "?video_id=v&event_id=e").status, 202);
  EXPECT_EQ(view("v", "text/plain", "?event_id=f").status, 202);
  EXPECT_EQ(world.total("v", "views"), 9);
}

TEST_F(HttpWrites, RefuseAViewThatIsNotClear) {
  expect_refused(view("", ""), 400, "video_id is missing");
  expect_refused(view("{}", "application/json"), 400, "video_id is missing");
  expect_refused(view("", "application/json"), 400, "a JSON object is expected");
  expect_refused(view(R"({"video_id":""})", "application/json"), 400, "video_id: counter is empty");
  expect_refused(view(R"({"video_id":"v","delta":5})", "application/json"), 400, "the field delta is not known");
  expect_refused(view(R"({"video_id":"v","video_id":"w"})", "application/json"), 400, "video_id stands twice");
  expect_refused(view(R"({"video_id":7})", "application/json"), 400, "a JSON string is expected");
  expect_refused(view(R"({"video_id":"v"} x)", "application/json"), 400, "behind the end");
  expect_refused(view(R"({"video_id":"v"})", "text/plain", "?video_id=w"), 400, "video_id stands twice");
  expect_refused(view(R"({"video_id":"v"})", kForm), 400, "Content-Type says that it is a form");
  expect_refused(view("video_id=%zz", kForm), 400, "two hex digits");
  expect_refused(view("", "", "?video_id=v&_=1"), 400, "the parameter _ is not known");
  expect_refused(view(R"({"video_id":"v"})", "multipart/form-data"), 415, "Content-Type");
  expect_refused(view(R"({"video_id":"v"})", ""), 415, "Content-Type");
  expect_refused(world.post_and_wait("/view", "v", "text/plain", "Content-Encoding: gzip\r\n"), 415,
                 "Content-Encoding");
  expect_refused(world.post_and_wait("/view", "v", "text/plain", "Quipu-Source: s\r\nQuipu-Sequence: 1\r\n"), 400,
                 "a view has no source");
  EXPECT_EQ(world.get("/v1/counters/views/v").json()["exists"], false);
}

TEST_F(HttpWrites, CountAnEventIdOnce) {
  EXPECT_FALSE(view(R"({"video_id":"v","event_id":"e"})", "application/json").json().contains("duplicate"));
  const auto again = view("video_id=v&event_id=e", kForm).json();
  EXPECT_EQ(again["duplicate"], true);
  EXPECT_EQ(again["value"], 1);
  EXPECT_EQ(view(R"({"video_id":"w","event_id":"e"})", "application/json").json()["value"], 1) << "another counter";
}

TEST_F(HttpWrites, CountAViewerOnceInAWindow) {
  ASSERT_EQ(world
                .ask("PUT /v1/namespaces/views HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                     "Content-Length: 27\r\n\r\n{\"viewer_window_ms\":60000} ")
                .status,
            200);
  world.now += 60'000 - world.now % 60'000;  // The beginning of a window.
  const auto seen = [&](const std::string& body) { return view(body, "application/json"); };
  expect_refused(seen(R"({"video_id":"v"})"), 400, "viewer_id is missing");
  EXPECT_EQ(seen(R"({"video_id":"v","viewer_id":"x"})").json()["value"], 1);
  EXPECT_EQ(seen(R"({"video_id":"v","viewer_id":"x"})").json()["duplicate"], true);
  EXPECT_EQ(seen(R"({"video_id":"v","viewer_id":"y"})").json()["value"], 2);
  EXPECT_EQ(seen(R"({"video_id":"w","viewer_id":"x"})").json()["value"], 1);
  EXPECT_EQ(seen(R"({"video_id":"v","viewer_id":"x","event_id":"e"})").json()["value"], 3) << "event_id wins";
  expect_refused(seen(R"({"video_id":"v","viewer_id":""})"), 400, "viewer_id is empty");
  world.now += 60'000;
  world.turn();
  EXPECT_EQ(seen(R"({"video_id":"v","viewer_id":"x"})").json()["value"], 4);
}

TEST_F(HttpWrites, AddToACounter) {
  EXPECT_EQ(world.ask("POST /v1/counters/default/a HTTP/1.1\r\nHost: a\r\n\r\n").json()["value"], 1);
  EXPECT_EQ(add("{}").json()["value"], 2);
  EXPECT_EQ(add(R"({"delta":-5})").json()["value"], -3);
  EXPECT_EQ(add(R"({"delta":0})").json()["value"], -3);
  EXPECT_EQ(add(R"({"time":1700000000000,"delta":3})").json()["value"], 0);
}

TEST_F(HttpWrites, ShowWhatADoubleCanNotHoldAsText) {
  EXPECT_FALSE(add(R"({"delta":9007199254740992})").json().contains("value_string"));
  EXPECT_EQ(add("{}").json()["value_string"], "9007199254740993");
  EXPECT_EQ(add(R"({"delta":9214364837600034814})").json()["value_string"], "9223372036854775807");
  expect_refused(add("{}"), 400, "increment or decrement would overflow");
  EXPECT_EQ(world.get("/v1/counters/default/a").json()["value_string"], "9223372036854775807");
}

TEST_F(HttpWrites, TakeDeltasThatAreIntegersAlone) {
  for (const char* delta : {"1.0", "1e3", "\"1\"", "+1", " 0x1", "01", "9223372036854775808", "-9223372036854775809",
                            "NaN", "null", "true", "[1]", "{}", "", "1e400", "-", "--1", "\xd9\xa1"}) {
    expect_refused(add(std::string(R"({"delta":)") + delta + "}"), 400, "is expected");
  }
  EXPECT_EQ(add(R"({"delta":-9223372036854775808})").status, 202);
  EXPECT_EQ(add(R"({"delta":9223372036854775807})").json()["value"], -1);
  EXPECT_EQ(add(R"({"delta":-0})").json()["value"], -1);
}

TEST_F(HttpWrites, TakeTimesThatAreNotAhead) {
  const auto at = [&](std::int64_t time) { return add(R"({"time":)" + std::to_string(time) + "}"); };
  EXPECT_EQ(at(1).status, 202);
  EXPECT_EQ(at(world.now + 300'000).status, 202);
  expect_refused(at(world.now + 300'100), 400, "ahead of the clock");
  expect_refused(at(0), 400, "not above 0");
  expect_refused(at(-1), 400, "not above 0");
}

TEST_F(HttpWrites, TakeAnIdFromBodyOrField) {
  EXPECT_EQ(add(R"({"delta":5,"id":"k"})").json()["value"], 5);
  EXPECT_EQ(add(R"({"delta":5})", "Idempotency-Key: k\r\n").json()["duplicate"], true);
  EXPECT_EQ(add(R"({"delta":5})", "Idempotency-Key: \"k\"\r\n").json()["duplicate"], true);
  EXPECT_EQ(add(R"({"delta":5,"id":"k"})", "Idempotency-Key: k\r\n").json()["duplicate"], true);
  expect_refused(add(R"({"delta":5,"id":"k"})", "Idempotency-Key: l\r\n"), 400, "not what Idempotency-Key says");
  expect_refused(add("{}", "Idempotency-Key: \"a\"b\"\r\n"), 400, "not one quoted string");
  expect_refused(add("{}", "Idempotency-Key: \"\r\n"), 400, "not one quoted string");
  expect_refused(add("{}", "Idempotency-Key: \"\"\r\n"), 400, "Idempotency-Key is empty");
  expect_refused(add("{}", "Idempotency-Key: " + std::string(65, 'k') + "\r\n"), 400, "at most 64");
  expect_refused(add(R"({"id":""})"), 400, "id is empty");
  EXPECT_EQ(add("{}", "Idempotency-Key: " + std::string(64, 'k') + "\r\n").json()["value"], 6);
}

TEST_F(HttpWrites, RefuseTheSameIdWithAnotherContent) {
  add(R"({"delta":5,"id":"k"})");
  expect_refused(add(R"({"delta":6,"id":"k"})"), 409, "this id was used before with another content");
  expect_refused(add(R"({"delta":5,"id":"k","time":5})"), 409, "this id was used before");
  EXPECT_EQ(world.total("a"), 5);
}

TEST_F(HttpWrites, CountASourceOnce) {
  const auto from = [&](const std::string& sequence) {
    return add("{}", "Quipu-Source: s\r\nQuipu-Sequence: " + sequence + "\r\n");
  };
  expect_refused(from("2"), 400, "its first sequence must be 1");
  EXPECT_EQ(from("1").json()["value"], 1);
  EXPECT_EQ(from("1").json()["duplicate"], true);
  EXPECT_EQ(from("7").json()["value"], 2);
  EXPECT_EQ(world.get("/v1/sources/default/s").json()["last_sequence"], 7);
  for (const char* sequence : {"0", "-1", "9223372036854775808", "x", "", "1 2"}) {
    expect_refused(from(sequence), 400, "Quipu-Sequence");
  }
  expect_refused(add("{}", "Quipu-Source: s\r\n"), 400, "stand together");
  expect_refused(add("{}", "Quipu-Source: s\r\nQuipu-Sequence: 9\r\nIdempotency-Key: k\r\n"), 400, "not both");
  expect_refused(add(R"({"id":"k"})", "Quipu-Source: s\r\nQuipu-Sequence: 9\r\n"), 400, "not both");
}

TEST_F(HttpWrites, NeedJsonWhereAPageCouldForgeThem) {
  expect_refused(world.post_and_wait("/v1/counters/default/a", "x=y", kForm), 415, "application/json");
  expect_refused(world.post_and_wait("/v1/counters/default/a", "", kForm), 415, "application/json");
  expect_refused(world.post_and_wait("/v1/counters/default/a", "{}", "text/plain"), 415, "application/json");
  expect_refused(world.post_and_wait("/v1/counters/default/a", "{}", ""), 415, "application/json");
  expect_refused(add("{}", "Origin: http://evil.example\r\n"), 403, "origin");
  expect_refused(add("{}", "Origin: null\r\n"), 403, "origin");
  EXPECT_EQ(add("{}", "Origin: http://a\r\n").status, 202) << "our own page";
  EXPECT_EQ(world.post_and_wait("/view", "v", "text/plain", "Origin: http://evil.example\r\n").status, 202);
}

TEST_F(HttpWrites, MakeANamespaceOnlyWhenTheyCount) {
  expect_refused(world.post_and_wait("/v1/counters/new/a", R"({"delta":1.5})"), 400, "delta");
  expect_refused(events("{\"namespace\":\"new\",\"counter\":\"a\"}\n{\"counter\":5}"), 400, "counter");
  EXPECT_FALSE(world.engine->namespaces().find("new").has_value());
  EXPECT_EQ(world.get("/v1/counters/new/a").status, 404);
  EXPECT_EQ(world.post_and_wait("/v1/counters/new/a", "{}").status, 202);
  EXPECT_EQ(events(R"({"namespace":"newer","counter":"a"})").status, 202);
  EXPECT_EQ(world.total("a", "new"), 1);
  EXPECT_EQ(world.total("a", "newer"), 1);
  expect_refused(world.post_and_wait("/v1/counters/New/a", "{}"), 400, "namespace must begin with a letter");
  expect_refused(world.post_and_wait("/v1/counters/n%2Fw/a", "{}"), 400, "namespace may hold only");
}

TEST_F(HttpWrites, MakeNoNamespaceWhereThatIsOff) {
  world.disconnect();
  world.options.namespaces_auto_create = false;
  world.restart();
  world.connect();
  expect_refused(world.post_and_wait("/v1/counters/new/a", "{}"), 404, "namespaces.auto_create is off");
  EXPECT_EQ(world.post_and_wait("/v1/counters/default/a", "{}").status, 202);
}

TEST_F(HttpWrites, MakeNoMoreNamespacesThanTheirBound) {
  world.disconnect();
  world.options.namespaces_max = 3;
  world.restart();
  world.connect();
  EXPECT_EQ(world.post_and_wait("/v1/counters/one/a", "{}").status, 202);
  expect_refused(world.post_and_wait("/v1/counters/two/a", "{}"), 400, "namespaces");
}

TEST_F(HttpWrites, RecordABatchWhole) {
  const auto answer = events(
      "{\"counter\":\"a\"}\n\n  \r\n{\"namespace\":\"n\",\"counter\":\"b\",\"delta\":5}\r\n"
      "{\"counter\":\"a\",\"delta\":-2,\"time\":5}");
  EXPECT_EQ(answer.status, 202) << answer.body;
  const auto json = answer.json();
  EXPECT_EQ(json["accepted"], 3);
  EXPECT_EQ(json["duplicates"], 0);
  const std::string position = json["position"];
  EXPECT_EQ(world.get("/v1/counters/n/b?after=" + position).json()["value"], 5);
  EXPECT_EQ(world.total("a"), -1);
  EXPECT_EQ(events(R"([{"counter":"a"}, {"counter":"b"}])", "application/json").json()["accepted"], 2);
}

TEST_F(HttpWrites, RefuseABatchWholeAndNameThePlace) {
  struct Bad {
    const char* body;
    int line;
    const char* detail;
  };
  const Bad bads[] = {
      {"{\"counter\":\"a\"}\n\n{\"counter\":\"a\"", 3, "is expected"},
      {"{\"counter\":\"a\"}\n{\"counter\":\"a\",\"x\":1}", 2, "the field x is not known"},
      {"{\"counter\":\"a\",\"counter\":\"b\"}", 1, "the field counter stands twice"},
      {"{\"delta\":1}", 1, "the field counter is missing"},
      {"{\"counter\":\"a\"}{\"counter\":\"a\"}", 1, "behind the end"},
      {"{\"counter\":\"a\"}\n{\"counter\":\"a\",\"delta\":1.5}", 2, "the field delta"},
      {"{\"counter\":\"a\"}\n{\"counter\":\"\"}", 2, "counter is empty"},
      {"{\"counter\":\"a\"}\n{\"counter\":\"a\",\"namespace\":\"A\"}", 2, "namespace"},
      {"{\"counter\":\"a\"}\n{\"counter\":\"a\",\"time\":9999999999999}", 2, "time"},
      {"{\"counter\":\"a\",\"id\":\"k\"}\n{\"counter\":\"a\",\"id\":\"k\",\"delta\":2}", 2, "this id was used before"},
      {"{\"counter\":\"a\",\"delta\":9223372036854775807}\n{\"counter\":\"a\"}", 2, "overflow"},
  };
  for (const Bad& bad : bads) {
    const auto answer = events(bad.body);
    EXPECT_EQ(answer.json().value("line", 0), bad.line) << bad.body << "\n" << answer.body;
    expect_refused(answer, std::string(bad.detail) == "this id was used before" ? 409 : 400, bad.detail);
  }
  const auto item = events(R"([{"counter":"a"},{"counter":"a","x":1}])", "application/json");
  EXPECT_EQ(item.json()["item"], 2);
  expect_refused(events("\n \n"), 400, "the batch has no event");
  expect_refused(events(""), 400, "the batch has no event");
  expect_refused(events("[]", "application/json"), 400, "the batch has no event");
  expect_refused(events(R"([{"counter":"a"})", "application/json"), 400, "is expected");
  expect_refused(events(R"([{"counter":"a"},])", "application/json"), 400, "is expected");
  expect_refused(events(R"({"counter":"a"})", "application/json"), 400, "a JSON array is expected");
  expect_refused(events(std::string(100'000, '['), "application/json"), 400, "a JSON object is expected");
  expect_refused(events(R"({"counter":"a"})", "text/plain"), 415, "application/x-ndjson");
  EXPECT_EQ(world.get("/v1/counters/default/a").json()["exists"], false);
}

TEST_F(HttpWrites, BoundABatch) {
  world.limits.batch_events_max = 3;
  world.connect();
  const std::string line = "{\"counter\":\"a\"}\n";
  EXPECT_EQ(events(line + line + line).status, 202);
  expect_refused(events(line + line + line + line), 413, "limits.batch_events");
  EXPECT_EQ(world.total("a"), 3);
}

TEST_F(HttpWrites, NumberTheIdsOfABatch) {
  const std::string batch = "{\"counter\":\"a\"}\n\n{\"counter\":\"a\",\"delta\":2}\n";
  EXPECT_EQ(events(batch, kLines, "Idempotency-Key: k\r\n").json()["duplicates"], 0);
  EXPECT_EQ(events(batch, kLines, "Idempotency-Key: k\r\n").json()["duplicates"], 2);
  EXPECT_EQ(add(R"({"id":"k/1"})").json()["duplicate"], true);
  EXPECT_EQ(events(R"({"counter":"a","id":"k/1"})", kLines, "Idempotency-Key: k\r\n").json()["duplicates"], 1);
  expect_refused(events(R"({"counter":"a","id":"x"})", kLines, "Idempotency-Key: k\r\n"), 400, "Idempotency-Key");
  EXPECT_EQ(world.total("a"), 3);
}

TEST_F(HttpWrites, TakeAKeyOfABatchThatLeavesRoomForTheNumbersOfItsEvents) {
  const auto batch = [&](std::size_t key_bytes, int count) {
    std::string lines;
    for (int i = 0; i < count; ++i) lines += "{\"counter\":\"a\"}\n";
    return events(lines, kLines, "Idempotency-Key: " + std::string(key_bytes, 'k') + "\r\n");
  };
  EXPECT_EQ(batch(62, 9).json()["duplicates"], 0);
  EXPECT_EQ(batch(62, 9).json()["duplicates"], 9);
  EXPECT_EQ(batch(61, 99).json()["duplicates"], 0);
  EXPECT_EQ(batch(61, 99).json()["duplicates"], 99);
  EXPECT_EQ(add(R"({"id":")" + std::string(61, 'k') + R"(/99"})").json()["duplicate"], true);
  EXPECT_EQ(world.total("a"), 9 + 99);
  const auto bound = [](int most, int event) {
    return ", at most " + std::to_string(most) + " are allowed in a batch with an event " + std::to_string(event);
  };
  expect_refused(batch(61, 100), 400, "Idempotency-Key has 61 bytes" + bound(60, 100));
  expect_refused(batch(62, 10), 400, "Idempotency-Key has 62 bytes" + bound(61, 10));
  expect_refused(batch(63, 1), 400, "Idempotency-Key has 63 bytes" + bound(62, 1));
  const auto longest = batch(64, 1);
  expect_refused(longest, 400, "Idempotency-Key has 64 bytes" + bound(62, 1));
  EXPECT_FALSE(longest.json().contains("line")) << "no line is wrong";
  EXPECT_EQ(world.total("a"), 9 + 99) << "a batch that is refused counts nothing";
}

TEST_F(HttpWrites, NumberTheSequencesOfABatch) {
  const std::string two = "{\"counter\":\"a\"}\n{\"counter\":\"b\"}\n";
  const auto from = [&](const std::string& sequence) {
    return events(two, kLines, "Quipu-Source: s\r\nQuipu-Sequence: " + sequence + "\r\n");
  };
  EXPECT_EQ(from("1").json()["duplicates"], 0);
  EXPECT_EQ(from("1").json()["duplicates"], 2);
  EXPECT_EQ(from("3").json()["duplicates"], 0);
  EXPECT_EQ(world.get("/v1/sources/default/s").json()["last_sequence"], 4);
  expect_refused(from("9223372036854775807"), 400, "the last event is above");
  expect_refused(events(R"({"counter":"a","id":"k"})", kLines, "Quipu-Source: s\r\nQuipu-Sequence: 5\r\n"), 400,
                 "not both");
  EXPECT_EQ(world.total("a") + world.total("b"), 4);
}

TEST_F(HttpWrites, AnswerAtOnceWhereMemoryIsEnough) {
  world.arrive(HttpWorld::post("/v1/counters/default/a?ack=memory", "{}"));
  const auto answers = split_answers(world.take());
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_EQ(answers[0].json()["durable"], false);
  EXPECT_FALSE(answers[0].json().contains("value")) << "a crash could take it back";
  EXPECT_EQ(world.total("a"), 1);
  EXPECT_EQ(view("v", "text/plain", "?ack=memory").json()["durable"], false);
  EXPECT_EQ(events(R"({"counter":"a"})", kLines, "", "?ack=memory").json()["durable"], false);
  expect_refused(add("{}", "", "?ack=disk"), 400, "durable or memory");
  expect_refused(add("{}", "", "?ack=memory&ack=memory"), 400, "stands twice");
}

TEST_F(HttpWrites, FollowTheNamespacesPolicy) {
  const auto put = [&](const std::string& body) {
    return world.ask("PUT /v1/namespaces/n HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: " +
                     std::to_string(body.size()) + "\r\n\r\n" + body);
  };
  ASSERT_EQ(put(R"({"memory_allowed":false})").status, 201);
  expect_refused(world.post_and_wait("/v1/counters/n/a?ack=memory", "{}"), 400, "does not allow ack=memory");
  expect_refused(events(R"({"namespace":"n","counter":"a"})", kLines, "", "?ack=memory"), 400, "does not allow");
  ASSERT_EQ(put(R"({"ack":"memory"})").status, 200);
  EXPECT_EQ(world.post_and_wait("/v1/counters/n/a", "{}").json()["durable"], false);
  EXPECT_EQ(world.post_and_wait("/v1/counters/n/a?ack=durable", "{}").json()["value"], 2);
}

TEST_F(HttpWrites, TakeAnyBytesAsAName) {
  EXPECT_EQ(world.post_and_wait("/v1/counters/default/%2F%00%ff+%25%C3%A9%2e%2e", "{}").status, 202);
  const auto json = world.get("/v1/counters/default/%2f%00%FF%2B%25%c3%a9..").json();
  EXPECT_EQ(json["value"], 1);
  EXPECT_EQ(json["counter_encoded"], "%2F%00%FF%2B%25%C3%A9..");
  EXPECT_FALSE(json.contains("counter"));
  EXPECT_EQ(world.post_and_wait("/v1/counters/default/..", "{}").status, 202);
  EXPECT_EQ(world.post_and_wait("/v1/counters/default/" + std::string(1024, 'x'), "{}").status, 202);
  expect_refused(world.post_and_wait("/v1/counters/default/" + std::string(1025, 'x'), "{}"), 400, "at most 1024");
  expect_refused(world.post_and_wait("/v1/counters/default/", "{}"), 400, "counter is empty");
  for (const char* bad : {"%", "%0", "%zz", "a%2", "%%30"}) {
    expect_refused(world.post_and_wait(std::string("/v1/counters/default/") + bad, "{}"), 400, "two hex digits");
  }
}

TEST_F(HttpWrites, ResetACounter) {
  const auto reset = [&](const std::string& target) {
    return world.ask("DELETE " + target + " HTTP/1.1\r\nHost: a\r\n\r\n");
  };
  add(R"({"delta":5})");
  const auto first = reset("/v1/counters/default/a").json();
  EXPECT_EQ(first["existed"], true);
  EXPECT_GT(first["epoch"], 1LL << 40);
  const auto after = world.get("/v1/counters/default/a?after=" + std::string(first["position"])).json();
  EXPECT_EQ(after["value"], 0);
  EXPECT_EQ(after["exists"], false);
  EXPECT_EQ(reset("/v1/counters/default/a").json()["existed"], false);
  EXPECT_EQ(reset("/v1/counters/default/unknown").json()["existed"], false);
  EXPECT_EQ(reset("/v1/counters/nowhere/a").status, 404);
  EXPECT_EQ(add("{}").json()["value"], 1);
}

TEST_F(HttpWrites, SayWhenToTryAgain) {
  world.disk.segments_max = world.disk.segments();
  HttpAnswer busy;
  for (int i = 0; i < 3'000 && busy.status != 503; ++i) {
    std::string body;
    for (int k = 0; k < 50; ++k) {
      body += "{\"counter\":\"" + std::string(1'000, 'x') + std::to_string(i % 7) + "\",\"id\":\"" +
              std::to_string(50 * i + k) + "\"}\n";
    }
    busy = events(body);
  }
  ASSERT_EQ(busy.status, 503) << "the disk never filled";
  EXPECT_EQ(busy.outcome(), "busy");
  const auto wait_ms = busy.json()["retry_after_ms"].get<std::int64_t>();
  EXPECT_GE(wait_ms, 1);
  EXPECT_EQ(busy.field("Retry-After"), std::to_string((wait_ms + 999) / 1'000));
  EXPECT_EQ(world.get("/livez").status, 200);
  EXPECT_EQ(world.get("/v1/counters/default/a").status, 200) << "reads go on";
}

}  // namespace
}  // namespace quipu
