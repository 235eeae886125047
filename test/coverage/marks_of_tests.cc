#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "base/planted.h"

/// Part of each test program of the build that has marks: says in the file that QUIPU_MARKS_OF_TESTS names which test
/// passed which mark, a line `mark<tab>Suite.Test` each.
namespace quipu {
namespace {

class MarksOfTests final : public testing::EmptyTestEventListener {
 public:
  explicit MarksOfTests(const std::string& path) : out_(path, std::ios::app) {}

  void OnTestStart(const testing::TestInfo& /*test*/) override { before_ = mark_counts(); }
  void OnTestEnd(const testing::TestInfo& test) override {
    const auto names = mark_names();
    const auto after = mark_counts();
    for (std::size_t at = 0; at < names.size(); ++at) {
      if (after[at] == before_[at]) continue;
      out_ << names[at] << '\t' << test.test_suite_name() << '.' << test.name() << std::endl;
    }
  }

 private:
  std::ofstream out_;
  std::vector<std::uint64_t> before_;
};

const bool kListens = [] {
  const char* const path = std::getenv("QUIPU_MARKS_OF_TESTS");
  if (path == nullptr) return false;
  testing::UnitTest::GetInstance()->listeners().Append(new MarksOfTests(path));  // GoogleTest owns it.
  return true;
}();

}  // namespace
}  // namespace quipu
