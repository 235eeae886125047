#include "cli/progress_line.h"

#include <gtest/gtest.h>

#include <string>

namespace quipu {
namespace {

FileProgress half_way(std::string_view name) {
  FileProgress progress;
  progress.name = name;
  progress.done_bytes = 500'000'000;
  progress.all_bytes = 1'000'000'000;
  progress.seconds = 2;
  return progress;
}

TEST(ProgressLine, ShowsTheBarThePartTheRateAndTheTimeLeft) {
  EXPECT_EQ(progress_line(half_way("access.log"), 100), "access.log [" + std::string(15, '#') + std::string(15, ' ') +
                                                            "]  50% 500.0 MB of 1.0 GB, 250.0 MB/s, 2 s left");
}

TEST(ProgressLine, FitsIntoEveryWidth) {
  for (const std::string_view name : {"a", "access.log", "/var/log/nginx/www.example.com/access.log.2026-11-24"}) {
    for (std::size_t columns = 1; columns <= 200; ++columns) {
      EXPECT_LE(progress_line(half_way(name), columns).size(), columns);
    }
  }
}

TEST(ProgressLine, KeepsTheBarInATerminalOf80ColumnsByShorteningTheName) {
  const auto line = progress_line(half_way("/var/log/nginx/www.example.com/access.log.2026-11-24"), 80);
  EXPECT_NE(line.find("[####    ]"), std::string::npos) << line;
  EXPECT_TRUE(line.starts_with("...")) << line;
  EXPECT_NE(line.find("2026-11-24 ["), std::string::npos) << line;
}

TEST(ProgressLine, SaysWhatCameWhereTheSizeIsNotKnown) {
  auto progress = half_way("-");
  progress.all_bytes.reset();
  EXPECT_EQ(progress_line(progress, 80), "- 500.0 MB, 250.0 MB/s");
}

TEST(ProgressLine, BeginsWithoutARate) {
  auto progress = half_way("access.log");
  progress.done_bytes = 0;
  progress.seconds = 0;
  EXPECT_EQ(progress_line(progress, 60).find("left"), std::string::npos);
}

}  // namespace
}  // namespace quipu
