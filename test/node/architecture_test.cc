#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "http/session.h"
#include "model/sruja.h"
#include "node/process.h"
#include "node/servers_graph.h"

/// architecture.sruja beside what is joined when the program runs.
namespace quipu {
namespace {

namespace fs = std::filesystem;
using testing::IsEmpty;
using testing::Not;

class ArchitectureTest : public testing::Test {
 protected:
  ArchitectureTest() {
    std::string pattern = (fs::temp_directory_path() / "quipu-architecture-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    config_.data_dir = root_ / "data";
    config_.log_level = "off";
  }
  ~ArchitectureTest() override { fs::remove_all(root_); }

  void start() {
    process_ = std::make_unique<Process>(config_);
    ASSERT_EQ(process_->error, "");
    context_ = std::make_unique<HttpContext>(HttpContext{.service = process_->engine(),
                                                         .limits = config_.limits,
                                                         .cors_origins = {},
                                                         .future_ms_max = 300'000,
                                                         .version = "0",
                                                         .metrics = {},
                                                         .server_figures = {}});
    const EngineStats& counted = process_->engine().counted();
    join_servers_to(
        graph(), {"C++23, HTTP/1.1 and RESP in the process", counted, counted.frames_written, counted.counters_missed},
        context_->requests_beside, [] { return ServerStats{}; });
    context_->graph = &graph();
  }
  LiveGraph& graph() { return process_->parts->graph(); }

  std::vector<std::string> beside(std::string_view text) {
    const auto model = read_architecture(text);
    if (!model) return {model.error().what};
    return differences(*model, graph(), "Embedded");
  }
  /// The answer to one request, status line and all.
  std::string ask(const std::string& request) {
    HttpSession session(*context_);
    EXPECT_EQ(session.receive(request), request.size());
    std::string answer;
    process_->until([&] {
      const std::string bytes(session.output().releasable(process_->engine().durable()));
      session.output().consumed(bytes.size());
      answer += bytes;
      return !answer.empty();
    });
    return answer;
  }
  std::uint64_t crossed(std::string_view from, std::string_view to) {
    for (const LiveGraph::Edge& edge : graph().edges()) {
      if (edge.built.from == from && edge.built.to == to) return *edge.crossed;
    }
    ADD_FAILURE() << "no edge " << from << " -> " << to;
    return 0;
  }

  fs::path root_;
  Config config_;
  std::unique_ptr<Process> process_;
  std::unique_ptr<HttpContext> context_;
};

TEST_F(ArchitectureTest, IsWhatRuns) {
  start();
  EXPECT_THAT(beside(architecture_text()), IsEmpty());
}

/// Takes each line out, and alters each that says what runs: the file then says what is not so.
TEST_F(ArchitectureTest, CanNotBeChangedWithoutTheProgram) {
  start();
  const std::string text(architecture_text());
  const std::vector<std::pair<std::string, std::string>> changes = {
      {"  Cache = container", "  Other = container"},
      {"  EventLog = queue", "  EventLog = database"},
      {"Embedded: RocksDB.", "Embedded: PostgreSQL."},
      {"Embedded: segment files with group commit.", "Embedded: files."},
      {"      min 5\n", "      min 9\n"},
      {"      max 1024\n", "      max 7\n"},
      {"Viewer = person", "Other = person \"Other\"\nViewer = person"},
      {"CounterService.API -> CounterService.DB \"", "CounterService.DB -> CounterService.Cache \""},
      {"CounterService.Worker -> CounterService.DB \"Writes",
       "CounterService.Worker -> CounterService.EventLog \"Writes"},
      {"step CounterService.Worker -> CounterService.DB", "step CounterService.EventLog -> CounterService.DB"},
      {"CounterService.EventLog -> CounterService.Worker \"Del", "CounterService.EventLog -> CounterService.DB \"Del"},
      {"  DB = database", "  Index = database \"Index\"\n\n  DB = database"},
  };
  for (const auto& [from, to] : changes) {
    auto changed = text;
    const auto at = changed.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    changed.replace(at, from.size(), to);
    EXPECT_THAT(beside(changed), Not(IsEmpty())) << to;
  }
  // Each relation that is drawn, left out.
  const auto model = read_architecture(text);
  ASSERT_TRUE(model.has_value());
  for (std::size_t i = 0; i < model->relations.size(); ++i) {
    if (!is_drawn(*model, model->relations[i])) continue;
    auto without = *model;
    without.relations.erase(without.relations.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_THAT(differences(without, graph(), "Embedded"), Not(IsEmpty())) << model->relations[i].label;
  }
}

TEST_F(ArchitectureTest, ShowsEveryPartAndEdgeThatIsNew) {
  start();
  const auto& joined = std::as_const(graph());
  const std::uint64_t none = 0;
  auto more = joined;
  more.join({"CounterService.Archive", "database", "files", 1}, nullptr);
  const auto model = read_architecture(architecture_text());
  ASSERT_TRUE(model.has_value());
  EXPECT_THAT(differences(*model, more, "Embedded"), Not(IsEmpty()));
  more = joined;
  more.join({"CounterService.Worker", "CounterService.API"}, "totals", none);
  EXPECT_THAT(differences(*model, more, "Embedded"), Not(IsEmpty()));
}

TEST_F(ArchitectureTest, AsksForFiveAggregatorsOrMore) {
  config_.log_partitions = 4;
  start();
  EXPECT_THAT(beside(architecture_text()),
              testing::ElementsAre("CounterService.Worker runs 4 times and at least 5 times in the model"));
}

TEST_F(ArchitectureTest, TrackViewCrossesEveryEdgeThatItNames) {
  config_.flush_interval_ms = 10;
  start();
  const auto answer =
      ask("POST /view HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 18\r\n\r\n"
          R"({"video_id":"cat"})");
  ASSERT_THAT(answer, testing::StartsWith("HTTP/1.1 202 Accepted\r\n"));
  EXPECT_THAT(ask("GET /v1/counters/views/cat HTTP/1.1\r\nHost: a\r\n\r\n"), testing::HasSubstr(R"("value":1,)"));
  process_->until([&] { return crossed("CounterService.Worker", "CounterService.DB") > 0; });
  const auto model = read_architecture(architecture_text());
  ASSERT_TRUE(model.has_value());
  for (const Scenario& scenario : model->scenarios) {
    if (scenario.id != "TrackView") continue;
    ASSERT_GE(scenario.steps.size(), 6U);
    for (const Relation& step : scenario.steps) {
      if (step.from == "CounterService.API" && step.to == "Viewer") continue;  // The 202 above, back along its edge.
      EXPECT_GT(crossed(step.from, step.to), 0U) << step.from << " -> " << step.to;
    }
  }
  EXPECT_EQ(crossed("CounterService.API", "CounterService.Cache"), 1U);
  EXPECT_EQ(crossed("Viewer", "CounterService.API"), 2U);
}

}  // namespace
}  // namespace quipu
