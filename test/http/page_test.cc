#include "page/page_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "http/architecture_answer.h"
#include "http/world.h"
#include "model/sruja.h"

namespace quipu {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

class HttpPage : public HttpWorld, public testing::Test {
 protected:
  HttpPage() { serve(); }
};

TEST_F(HttpPage, IsServedWithEverythingItAsksFor) {
  const auto page = get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.field("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(page.field("Cache-Control"), "no-cache");
  EXPECT_EQ(page.field("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(page.body, find_page_file("index.html")->text);
  for (const PageFile& file : page_files()) {
    const auto answer = get("/page/" + std::string(file.name));
    EXPECT_EQ(answer.status, 200) << file.name;
    EXPECT_EQ(answer.field("Content-Type"), file.content_type);
    EXPECT_EQ(answer.body, file.text);
    EXPECT_EQ(answer.field("Content-Security-Policy"), page.field("Content-Security-Policy"));
    // Of no other host, and nothing that the policy would not let run.
    EXPECT_THAT(std::string(file.text), AllOf(Not(HasSubstr("https://")), Not(HasSubstr("innerHTML")))) << file.name;
  }
  EXPECT_EQ(get("/page/none.js").status, 404);
  EXPECT_EQ(get("/page/").status, 404);
  EXPECT_EQ(get("/page/a/b").status, 404);
  EXPECT_EQ(get("/?a=b").status, 400);
}

TEST_F(HttpPage, LetsNothingInButItsOwnFiles) {
  const auto policy = get("/").field("Content-Security-Policy");
  EXPECT_THAT(policy, AllOf(HasSubstr("default-src 'none'"), HasSubstr("script-src 'self'"),
                            HasSubstr("frame-ancestors 'none'"), Not(HasSubstr("unsafe")), Not(HasSubstr("http")),
                            Not(HasSubstr("*"))));
  const std::string markup(find_page_file("index.html")->text);
  EXPECT_THAT(markup, AllOf(Not(HasSubstr("<style")), Not(HasSubstr(" style=")), Not(HasSubstr(" onclick="))));
  const auto script = markup.find("<script");
  EXPECT_TRUE(markup.substr(script).starts_with("<script type=\"module\" src=\"/page/main.js\"></script>"));
  EXPECT_EQ(markup.find("<script", script + 1), std::string::npos);
}

TEST_F(HttpPage, IsNotSentAgainWhereItIsKnown) {
  const auto tag = get("/page/main.js").field("ETag");
  EXPECT_THAT(tag, SizeIs(18));
  EXPECT_NE(tag, get("/page/style.css").field("ETag"));
  const auto same = get("/page/main.js", "If-None-Match: " + tag + "\r\n");
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(same.field("ETag"), tag);
  EXPECT_EQ(same.body, "");
  EXPECT_EQ(get("/page/main.js", "If-None-Match: \"other\", W/" + tag + "\r\n").status, 304);
  EXPECT_EQ(get("/page/main.js", "If-None-Match: \"other\"\r\n").status, 200);
  const auto head = ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.field("Content-Length"), std::to_string(find_page_file("index.html")->text.size()));
  EXPECT_EQ(head.body, "");
}

TEST_F(HttpPage, CountsWhatCrosses) {
  const auto before = engine->counted();
  EXPECT_EQ(before.operations, 0U);
  EXPECT_EQ(ask(post("/v1/counters/views/a", "{}")).status, 202);
  EXPECT_EQ(get("/v1/counters/views/a").status, 200);
  const auto stats = get("/v1/stats").json();
  EXPECT_EQ(stats["operations"], 2);
  EXPECT_EQ(stats["reads"], 1);
  EXPECT_EQ(stats["frames_written"], 1);
  EXPECT_EQ(stats["frames_delivered"], 1);
  EXPECT_EQ(stats["counters_missed"], 0);
}

TEST(ArchitectureAnswer, SaysWhatTheModelSays) {
  const auto model = read_architecture(R"(
    person User "User <b>"
    system S "S" {
      container API "API" { technology "Embedded: C++. Distributed: nodes" scale { min 2 metric "cores" } }
    }
    User -> S.API "asks" [http]
    scenario T "T" { User -> API "asks" }
    )");
  ASSERT_TRUE(model.has_value());
  const auto answer = nlohmann::json::parse(architecture_answer(*model, {"something"}, "Embedded"));
  EXPECT_EQ(answer["form"], "Embedded");
  ASSERT_THAT(answer["elements"], SizeIs(3));
  EXPECT_EQ(answer["elements"][0]["label"], "User <b>");
  const auto& api = answer["elements"][2];
  EXPECT_EQ(api["id"], "S.API");
  EXPECT_EQ(api["parent"], "S");
  EXPECT_EQ(api["built_of"], "C++");
  EXPECT_EQ(api["scale"], nlohmann::json::parse(R"({"min":2,"metric":"cores"})"));
  EXPECT_EQ(answer["relations"],
            nlohmann::json::parse(R"([{"from":"User","to":"S.API","label":"asks","tags":["http"]}])"));
  EXPECT_EQ(answer["scenarios"][0]["steps"][0]["to"], "S.API");
  EXPECT_EQ(answer["differences"], nlohmann::json::parse(R"(["something"])"));
}

TEST_F(HttpPage, ShowsPartsAndEdgesInTheStatistics) {
  LiveGraph graph;
  const std::uint64_t crossed = 7;
  graph.join({"S.API", "container", "C++", 2}, [] { return LiveGraph::Figures{{"connections", 3}}; });
  graph.join({"User", "S.API"}, "requests", crossed);
  std::string text;
  JsonObject json(text);
  append_graph(json, graph);
  json.end();
  EXPECT_EQ(nlohmann::json::parse(text), nlohmann::json::parse(R"({
    "parts": [{"id": "S.API", "kind": "container", "technology": "C++", "instances": 2, "figures": {"connections": 3}}],
    "edges": [{"from": "User", "to": "S.API", "unit": "requests", "count": 7}]})"));
}

}  // namespace
}  // namespace quipu
