#include "node/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "node/metric_names.h"

namespace quipu {
namespace {

using testing::HasSubstr;

EngineStats stats_of_one_partition() {
  EngineStats stats;
  stats.partitions.emplace_back();
  return stats;
}

TEST(Metrics, ThePageNamesEachOfThemAndNoOther) {
  std::istringstream told(metrics_text(stats_of_one_partition(), {}));
  std::ifstream page(std::string(QUIPU_SOURCE_DIR) + "/docs/operations/metrics.md");
  ASSERT_TRUE(page.is_open());
  // Those of the distributed form have a test of their own.
  auto of_page = names_after(page, "| `quipu_");
  std::erase_if(of_page, is_distributed);
  EXPECT_EQ(of_page, names_after(told, "# HELP quipu_"));
}

TEST(Metrics, ConnectionsThatALimitEndedAreToldByProtocolAndCause) {
  ServerStats servers;
  servers.resp_ended.add(EndedBy::kIdle);
  servers.resp_ended.add(EndedBy::kIdle);
  servers.http_ended.add(EndedBy::kMemory);
  const auto text = metrics_text(stats_of_one_partition(), servers);
  EXPECT_THAT(text, HasSubstr("quipu_connections_ended_total{protocol=\"resp\",cause=\"idle\"} 2"));
  EXPECT_THAT(text, HasSubstr("quipu_connections_ended_total{protocol=\"http\",cause=\"memory\"} 1"));
  EXPECT_THAT(text, HasSubstr("quipu_connections_ended_total{protocol=\"http\",cause=\"too_many\"} 0"));
}

}  // namespace
}  // namespace quipu
