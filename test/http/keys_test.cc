#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "http/routes.h"
#include "http/world.h"

namespace quipu {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kIngestKey = "ingest-ingest-ingest-ingest";
constexpr const char* kReadKey = "read-read-read-read-read-read";
constexpr const char* kAdminKey = "admin-admin-admin-admin-admin";

std::string bearer(const std::string& key) { return "Authorization: Bearer " + key + "\r\n"; }

/// A service that asks for keys.
class HttpKeys : public HttpWorld, public testing::Test {
 public:
  HttpKeys() {
    keys.emplace(ApiKeys::Secret{7});
    const auto text = std::string("ingest ") + kIngestKey + "\nread " + kReadKey + "\nadmin " + kAdminKey +
                      "\nadmin,read,ingest all" + kAdminKey;
    EXPECT_TRUE(keys->add(text, "keys"));
  }

  HttpAnswer send(const std::string& method, const std::string& path, const std::string& fields) {
    const bool body = method == "POST" || method == "PUT";
    return ask(method + " " + path + " HTTP/1.1\r\nHost: a\r\n" + fields +
                   (body ? "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}" : "\r\n"),
               method == "HEAD");
  }
};

TEST(HttpRoutes, SayOfEachRequestWhatItNeeds) {
  for (const HttpRouteRow& row : http_routes()) {
    for (const auto method : {HttpMethod::kGet, HttpMethod::kHead, HttpMethod::kPost, HttpMethod::kPut,
                              HttpMethod::kDelete, HttpMethod::kOptions, HttpMethod::kPatch, HttpMethod::kTrace}) {
      const auto need = needed(row.route, method);
      EXPECT_EQ(need != HttpNeed::kUnset, allows(row.route, method)) << row.path << " " << static_cast<int>(method);
      const bool changes = method == HttpMethod::kPut || method == HttpMethod::kDelete;
      if (changes) {
        EXPECT_TRUE(need == HttpNeed::kUnset || need == HttpNeed::kAdmin) << row.path;
      }
    }
    const bool open = needed(row.route, HttpMethod::kGet) == HttpNeed::kNothing;
    const bool page = row.route == HttpRoute::kRoot || row.route == HttpRoute::kPage;
    EXPECT_EQ(open, page || row.route == HttpRoute::kLivez || row.route == HttpRoute::kReadyz ||
                        row.route == HttpRoute::kHealthz)
        << row.path;
  }
}

TEST_F(HttpKeys, EveryRouteAsksForItsRight) {
  serve();
  for (const HttpRouteRow& row : http_routes()) {
    std::string path = row.path;
    for (const std::string_view variable : {"{namespace}", "{counter}", "{source}", "{file}"}) {
      const auto at = path.find(variable);
      if (at != std::string::npos) path.replace(at, variable.size(), "name");
    }
    for (const auto& [method, name] : {std::pair{HttpMethod::kGet, "GET"},
                                       {HttpMethod::kHead, "HEAD"},
                                       {HttpMethod::kPost, "POST"},
                                       {HttpMethod::kPut, "PUT"},
                                       {HttpMethod::kDelete, "DELETE"}}) {
      const auto need = needed(row.route, method);
      if (need == HttpNeed::kUnset) continue;
      const auto where = std::string(name) + " " + path;
      const bool open = need == HttpNeed::kNothing;
      const auto without = send(name, path, "");
      EXPECT_EQ(without.status == 401, !open) << where;
      EXPECT_EQ(without.field("WWW-Authenticate"), open ? "" : "Bearer") << where;
      if (method != HttpMethod::kHead && !open) {
        EXPECT_EQ(without.field("Content-Type"), "application/problem+json") << where;
        EXPECT_EQ(without.outcome(), "refused") << where;
      }
      for (const auto& [key, allowed] :
           {std::pair{kIngestKey, HttpNeed::kIngest}, {kReadKey, HttpNeed::kRead}, {kAdminKey, HttpNeed::kAdmin}}) {
        const auto answer = send(name, path, bearer(key));
        EXPECT_EQ(answer.status == 403, !open && allowed != need) << where << " with " << key;
        EXPECT_NE(answer.status, 401) << where << " with " << key;
      }
      EXPECT_NE(send(name, path, bearer(std::string("all") + kAdminKey)).status, 403) << where;
    }
  }
}

TEST_F(HttpKeys, CountsWithTheRightKeyAlone) {
  serve();
  EXPECT_EQ(send("POST", "/v1/counters/n/c", "").status, 401);
  EXPECT_EQ(send("POST", "/v1/counters/n/c", bearer(kReadKey)).status, 403);
  EXPECT_EQ(send("POST", "/v1/counters/n/c", bearer(kIngestKey)).status, 202);
  EXPECT_EQ(send("POST", "/v1/counters/n/c", bearer(kIngestKey)).status, 202);  // The one that is remembered.
  EXPECT_EQ(send("GET", "/v1/counters/n/c", bearer(kIngestKey)).status, 403);
  EXPECT_EQ(send("GET", "/v1/counters/n/c", bearer(kReadKey)).json()["value"], 2);
}

TEST_F(HttpKeys, AKeyOfOneRequestIsNotThatOfTheNext) {
  serve();
  EXPECT_EQ(send("POST", "/v1/counters/n/c", bearer(kIngestKey)).status, 202);
  EXPECT_EQ(send("POST", "/v1/counters/n/c", "").status, 401);
  EXPECT_EQ(send("POST", "/v1/counters/n/c", bearer(std::string(kIngestKey) + "x")).status, 401);
  const auto request = [](const std::string& fields) {
    return "POST /v1/counters/n/c HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n" + fields + "\r\n";
  };
  const auto answers =
      exchange(request(bearer(kIngestKey)) + request("") + request(bearer(kReadKey)) + request(bearer(kIngestKey)));
  ASSERT_EQ(answers.size(), 4U);
  EXPECT_EQ(answers[0].status, 202);
  EXPECT_EQ(answers[1].status, 401);
  EXPECT_EQ(answers[2].status, 403);
  EXPECT_EQ(answers[3].status, 202);
  EXPECT_EQ(send("GET", "/v1/counters/n/c", bearer(kReadKey)).json()["value"], 3);
}

TEST_F(HttpKeys, TakesAwayOnlyForAdministrators) {
  serve();
  const auto take = [&](const std::string& key, const std::string& path, const std::string& body) {
    return post_and_wait(path, body, "application/json", bearer(key));
  };
  EXPECT_EQ(take(kIngestKey, "/v1/counters/n/c", R"({"delta":5})").status, 202);
  const auto refused = take(kIngestKey, "/v1/counters/n/c", R"({"delta":-1})");
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body, HasSubstr("the right admin"));
  EXPECT_EQ(take(kIngestKey, "/v1/events", R"([{"counter":"c"},{"counter":"c","delta":-1}])").status, 403);
  EXPECT_EQ(take(std::string("all") + kAdminKey, "/v1/counters/n/c", R"({"delta":-1})").status, 202);
  EXPECT_EQ(send("GET", "/v1/counters/n/c", bearer(kReadKey)).json()["value"], 4);
  EXPECT_EQ(send("GET", "/v1/counters/default/c", bearer(kReadKey)).status, 200);
  EXPECT_EQ(send("GET", "/v1/counters/default/c", bearer(kReadKey)).json()["value"], 0);
  EXPECT_EQ(send("DELETE", "/v1/counters/n/c", bearer(kIngestKey)).status, 403);
  EXPECT_EQ(send("DELETE", "/v1/counters/n/c", bearer(kAdminKey)).status, 200);
}

TEST_F(HttpKeys, UnderstandsTheFieldAsItIsWritten) {
  serve();
  for (const std::string& good : {std::string("bearer ") + kReadKey, std::string("BEARER   ") + kReadKey}) {
    EXPECT_EQ(send("GET", "/v1/stats", "Authorization: " + good + "\r\n").status, 200) << good;
  }
  for (const std::string& bad : {std::string(kReadKey), std::string("Basic ") + kReadKey, std::string("Bearer"),
                                 std::string("Bearer ") + kReadKey + " x"}) {
    const auto answer = send("GET", "/v1/stats", "Authorization: " + bad + "\r\n");
    EXPECT_EQ(answer.status, 401) << bad;
    EXPECT_EQ(answer.field("WWW-Authenticate"), "Bearer error=\"invalid_token\"");
    EXPECT_EQ(answer.body.find(kReadKey), std::string::npos);
  }
  EXPECT_EQ(send("GET", "/v1/stats", bearer(kReadKey) + bearer(kReadKey)).status, 400);
}

TEST_F(HttpKeys, ClosesAfterTooManyWrongKeys) {
  limits.auth_failures_max = 3;
  serve();
  const std::string wrong = bearer("wrong-wrong-wrong-wrong-wrong");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(send("GET", "/v1/stats", "").status, 401);  // None is no wrong one.
  for (int i = 0; i < 2; ++i) EXPECT_EQ(send("GET", "/v1/stats", wrong).field("Connection"), "");
  EXPECT_FALSE(session().closing());
  const auto request = "GET /v1/stats HTTP/1.1\r\nHost: a\r\n" + wrong + "\r\n";
  const auto answers = exchange(request + request);
  ASSERT_EQ(answers.size(), 1U);  // What stands behind the last one is not run.
  EXPECT_EQ(answers[0].status, 401);
  EXPECT_EQ(answers[0].field("Connection"), "close");
  EXPECT_TRUE(session().closing());
}

TEST_F(HttpKeys, APublicViewNeedsNoKeyAndOpensNothingElse) {
  public_view = true;
  serve();
  EXPECT_EQ(ask(post("/view", R"({"video_id":"v"})")).status, 202);
  EXPECT_EQ(ask(post("/view", R"({"video_id":"v"})", "application/json", bearer(kReadKey))).status, 202);
  EXPECT_EQ(send("POST", "/v1/counters/views/v", "").status, 401);
  EXPECT_EQ(send("GET", "/v1/counters/views/v", "").status, 401);
  EXPECT_EQ(send("GET", "/v1/counters/views/v", bearer(kReadKey)).json()["value"], 2);
  disconnect();
  public_view = false;
  connect();
  EXPECT_EQ(ask(post("/view", R"({"video_id":"v"})")).status, 401);
}

TEST_F(HttpKeys, PreflightsNeedNoKeyAndLetPagesSendOne) {
  cors_origins = {"https://a.example"};
  serve();
  const auto answer = send("OPTIONS", "/v1/events", "Origin: https://a.example\r\n");
  EXPECT_EQ(answer.status, 204);
  EXPECT_THAT(answer.field("Access-Control-Allow-Headers"), StartsWith("Authorization"));
}

TEST_F(HttpKeys, WithoutKeysNothingIsAskedFor) {
  keys.emplace(ApiKeys::Secret{});
  serve();
  EXPECT_EQ(send("POST", "/v1/counters/n/c", "").status, 202);
  EXPECT_EQ(ask(post("/v1/counters/n/c", R"({"delta":-1})")).status, 202);
  EXPECT_EQ(send("GET", "/v1/stats", bearer("whatever")).status, 200);
}

}  // namespace
}  // namespace quipu
