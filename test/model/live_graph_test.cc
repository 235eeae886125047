#include "model/live_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "model/sruja.h"

namespace quipu {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kModel = R"(
person User "User"
system S "S" {
  container API "API" { technology "Embedded: C++. Distributed: nodes" }
  container Worker "Worker" { technology "C++" scale { min 2 max 4 } }
  datastore DB "DB" { technology "RocksDB" }
  API -> Worker "asks"
  Worker -> DB "writes"
}
User -> S.API "sends"
scenario Track "Track" {
  User -> API "sends"
  API -> User "answers"
  Worker -> DB "writes"
}
)";

struct Built {
  std::vector<BuiltPart> parts = {
      {"S.API", "container", "C++", 1}, {"S.Worker", "container", "C++", 2}, {"S.DB", "database", "RocksDB", 1}};
  std::vector<BuiltEdge> edges = {{"User", "S.API"}, {"S.API", "S.Worker"}, {"S.Worker", "S.DB"}};

  std::vector<std::string> beside(const std::string& text) const {
    const std::uint64_t crossed = 0;
    LiveGraph graph;
    for (const BuiltPart& part : parts) graph.join(part, nullptr);
    for (const BuiltEdge& edge : edges) graph.join(edge, "events", crossed);
    const auto model = read_architecture(text);
    if (!model) return {model.error().what};
    return differences(*model, graph, "Embedded");
  }
};

std::string changed(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(LiveGraph, IsWhatTheModelSays) { EXPECT_THAT(Built().beside(kModel), IsEmpty()); }

TEST(LiveGraph, ShowsWhatTheModelDoesNot) {
  Built built;
  built.parts.push_back({"S.Cache", "container", "C++", 1});
  EXPECT_THAT(built.beside(kModel), ElementsAre("the part S.Cache runs and is not in the model"));

  built = Built();
  built.edges.push_back({"S.API", "S.DB"});
  EXPECT_THAT(built.beside(kModel), ElementsAre("the edge S.API -> S.DB is joined and not in the model"));

  built = Built();
  built.parts[0].kind = "queue";
  EXPECT_THAT(built.beside(kModel), ElementsAre("S.API is a queue and a container in the model"));

  built = Built();
  built.parts[2].technology = "LevelDB";
  EXPECT_THAT(built.beside(kModel), ElementsAre("S.DB is made of \"LevelDB\" and of \"RocksDB\" in the model"));

  built = Built();
  built.parts[1].instances = 1;
  EXPECT_THAT(built.beside(kModel), ElementsAre("S.Worker runs 1 times and at least 2 times in the model"));
  built.parts[1].instances = 5;
  EXPECT_THAT(built.beside(kModel), ElementsAre("S.Worker runs 5 times and at most 4 times in the model"));

  built = Built();
  built.parts[2].instances = 2;
  EXPECT_THAT(built.beside(kModel), ElementsAre("S.DB runs 2 times and has no scale in the model"));

  built = Built();
  built.parts.push_back(built.parts[0]);
  EXPECT_THAT(built.beside(kModel), ElementsAre("the part S.API is joined twice"));
}

TEST(LiveGraph, MissesWhatOnlyTheModelHas) {
  const Built built;
  EXPECT_THAT(built.beside(changed(kModel, "system S \"S\" {", "system S \"S\" { queue Log \"Log\"")),
              ElementsAre("the queue S.Log is in the model and does not run"));
  EXPECT_THAT(built.beside(changed(kModel, "API -> Worker", "API -> DB \"reads\" API -> Worker")),
              ElementsAre("the relation S.API -> S.DB is in the model and nothing is joined so"));
  EXPECT_THAT(built.beside(changed(kModel, "person User \"User\"", "person User \"User\" person Nobody \"Nobody\"")),
              ElementsAre("the person Nobody is in the model and meets no part"));
  EXPECT_THAT(built.beside(changed(kModel, "API -> User \"answers\"", "User -> DB \"writes\"")),
              ElementsAre("the scenario Track goes User -> S.DB and nothing is joined so"));
  EXPECT_THAT(built.beside(changed(kModel, "scenario Track", "scenario Idle \"Idle\" { } scenario Track")),
              ElementsAre("the scenario Idle has no step"));
  EXPECT_THAT(built.beside(changed(kModel, "Embedded: C++", "Embedded: Rust")),
              ElementsAre("S.API is made of \"C++\" and of \"Rust\" in the model"));
}

/// What the linter of the language wants to stand in a relation is no part of the picture.
TEST(LiveGraph, LeavesRequirementsAndDecisionsOut) {
  EXPECT_THAT(Built().beside(std::string(kModel) + "R1 = requirement functional \"fast\"\nS.API -> R1 \"satisfies\"\n" +
                             "Track -> S.API \"describes\"\n"),
              IsEmpty());
}

}  // namespace
}  // namespace quipu
