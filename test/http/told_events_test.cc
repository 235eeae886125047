#include "http/told_events.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "http/world.h"

namespace quipu {
namespace {

TEST(HttpToldEvents, AreThoseThatTheEngineCounted) {
  const auto add = [](const std::string& body) { return HttpWorld::post("/v1/counters/default/a", body); };
  HttpWorld world;
  world.serve();
  world.arrive(add("{}") + add(R"({"id":"x"})") + add(R"({"id":"x"})") + add(R"({"id":"x","delta":2})") + add("{") +
               HttpWorld::post("/v1/events", R"([{"counter":"b"},{"counter":"b","id":"y"},{"counter":"b","id":"y"}])") +
               "HEAD /v1/counters/default/a HTTP/1.1\r\nHost: a\r\n\r\n"
               "GET /v1/counters/default/a HTTP/1.1\r\nHost: a\r\n\r\n"
               "HEAD /v1/counters/default/a HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(told_events(world.settle()), 4U);
  EXPECT_EQ(world.engine->stats().events_accepted, 4U);
  EXPECT_EQ(world.engine->stats().events_duplicate, 2U);
}

TEST(HttpToldEvents, AreNoneWhereTheAnswersDoNotSay) {
  EXPECT_EQ(told_events(""), 0U);
  EXPECT_EQ(told_events("HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"accepted\":1}"), 0U);
  EXPECT_EQ(told_events("HTTP/1.1 202 Accepted\r\nContent-Length: 14\r\n\r\n{\"accepted\":1}"), 1U);
  EXPECT_EQ(told_events("HTTP/1.1 202 Accepted\r\nContent-Length: 15\r\n\r\n{\"accepted\":1}"), std::nullopt);
  EXPECT_EQ(told_events("HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}"), std::nullopt);
  EXPECT_EQ(told_events("HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n"), std::nullopt);
  EXPECT_EQ(told_events("not HTTP"), std::nullopt);
}

}  // namespace
}  // namespace quipu
