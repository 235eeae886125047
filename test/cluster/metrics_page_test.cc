#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <sstream>
#include <string>

#include "api/world.h"
#include "cluster/cluster_metrics.h"
#include "node/metric_names.h"

namespace quipu {
namespace {

TEST(ClusterMetrics, ThePageNamesEachOfThemAndNoOther) {
  ApiWorld world;
  world.start();
  MetricFamilies told;
  add_api_metrics(told, *world.node, {}, {});
  WorkerReport report;
  report.partitions.emplace_back();
  add_worker_metrics(told, {report});
  std::istringstream text(told.text());
  const auto of_program = names_after(text, "# HELP quipu_");
  std::ifstream page(std::string(QUIPU_SOURCE_DIR) + "/docs/operations/metrics.md");
  ASSERT_TRUE(page.is_open());
  auto of_page = names_after(page, "| `quipu_");
  std::erase_if(of_page, std::not_fn(is_distributed));
  EXPECT_EQ(of_page, of_program);
}

TEST(ClusterMetrics, SumOverTheWorkersOfAProcess) {
  WorkerReport one;
  one.stats.rows_flushed = 3;
  one.partitions.emplace_back().alarm = "the log ends before what was counted";
  WorkerReport other;
  other.stats.rows_flushed = 4;
  other.cache.reachable = false;
  other.partitions.emplace_back().partition = PartitionId{1};
  MetricFamilies told;
  add_worker_metrics(told, {one, other});
  const auto text = told.text();
  using testing::HasSubstr;
  EXPECT_THAT(text, HasSubstr("quipu_worker_rows_flushed_total 7"));
  EXPECT_THAT(text, HasSubstr("quipu_worker_cache_reachable 0"));
  EXPECT_THAT(text, HasSubstr("quipu_worker_stopped{partition=\"0\"} 1"));
  EXPECT_THAT(text, HasSubstr("quipu_worker_stopped{partition=\"1\"} 0"));
}

}  // namespace
}  // namespace quipu
