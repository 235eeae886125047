#include "log/decoding_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "log/log_samples.h"

namespace quipu {
namespace {

using testing::HasSubstr;

/// Gives stretches that were made before, then the end. Counts what is given back.
class PreparedScan final : public LogScan {
 public:
  PreparedScan(std::vector<LogRead> stretches, int& given_back)
      : stretches_(std::move(stretches)), given_back_(given_back) {}

  Result<LogRead> next() override {
    if (at_ == stretches_.size()) return LogRead{};
    return std::move(stretches_[at_++]);
  }
  void give_back(LogRead&&) override { ++given_back_; }

 private:
  std::vector<LogRead> stretches_;
  int& given_back_;
  std::size_t at_ = 0;
};

void add(LogRead& stretch, std::uint64_t offset, ByteView frame) {
  stretch.frames.push_back({PartitionId(0), Offset(offset), stretch.bytes.size(), frame.size()});
  put(stretch.bytes, frame);
}

TEST(DecodingScan, GivesEachFrameDecodedBesideItsBytes) {
  std::vector<LogRead> stretches(2);
  add(stretches[0], 1, testing_log::sample_frame(0, 7));
  add(stretches[0], 2, testing_log::sample_frame(0, 8));
  add(stretches[1], 3, testing_log::sample_frame(0, 9));
  int given_back = 0;
  DecodingScan scan(std::make_unique<PreparedScan>(std::move(stretches), given_back));
  std::vector<std::uint64_t> numbers;
  for (auto read = scan.next(); read && !read->frames.empty(); read = scan.next()) {
    ASSERT_EQ(read->decoded.size(), read->frames.size());
    LogRead moved = std::move(*read);
    for (const Frame& frame : moved.decoded) {
      numbers.push_back(frame.header().number);
      auto entries = frame.entries();
      EXPECT_TRUE(entries.next());
    }
    scan.give_back(std::move(moved));
  }
  EXPECT_THAT(numbers, testing::ElementsAre(7, 8, 9));
  EXPECT_EQ(given_back, 2);
}

TEST(DecodingScan, NamesTheOffsetOfAFrameThatIsNone) {
  std::vector<LogRead> stretches(1);
  add(stretches[0], 41, testing_log::sample_frame(0, 7));
  Bytes bad = testing_log::sample_frame(0, 8);
  bad.pop_back();
  add(stretches[0], 42, bad);
  int given_back = 0;
  DecodingScan scan(std::make_unique<PreparedScan>(std::move(stretches), given_back));
  const auto read = scan.next();
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kDamaged);
  EXPECT_THAT(read.error().what, HasSubstr("offset 42: "));
}

}  // namespace
}  // namespace quipu
