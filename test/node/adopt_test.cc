#include "node/adopt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "log/segment_format.h"
#include "node/data_directory.h"
#include "node/process.h"

/// A data directory of this machine, brought in disorder, and taken over again.
namespace quipu {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class AdoptTest : public testing::Test {
 protected:
  AdoptTest() {
    std::string pattern = (fs::temp_directory_path() / "quipu-adopt-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    config_.data_dir = data();
    config_.log_segment_bytes = std::size_t{64} << 10;
    config_.log_partitions = 3;
    config_.flush_interval_ms = 1'000'000'000;  // Only a stop flushes.
    config_.log_level = "off";
  }
  ~AdoptTest() override { fs::remove_all(root_); }

  std::string data() const { return root_ / "data"; }
  std::string segment(int number) const { return data() + "/log/segment-000000000" + std::to_string(number); }

  /// One commit an event: a block of the log each, so that 15 fill a segment.
  void write(Process& process, int count) {
    for (int i = 0; i < count; ++i) {
      const auto offset = process.add("a", next_).offset;
      written_.emplace_back(offset.value, next_);
      ++next_;
    }
  }
  /// The sum of all that was written at offsets up to `last`.
  std::int64_t sum(Offset last = Offset{kOffsetMax}) const {
    std::int64_t sum = 0;
    for (const auto& [offset, delta] : written_) sum += offset <= last.value ? delta : 0;
    return sum;
  }
  /// Alters a byte of the frames of a segment's group at `block`.
  void flip(const std::string& path, int block) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    const auto at = static_cast<std::streamoff>(kBlockBytes * static_cast<std::size_t>(block) + kGroupHeaderBytes + 40);
    file.seekg(at);
    const auto byte = static_cast<char>(file.get());
    file.seekp(at);
    file.put(static_cast<char>(byte ^ 1));
    ASSERT_TRUE(file.good());
  }
  /// That it does not serve, and why.
  std::string refusal() {
    const Process process(config_);
    EXPECT_NE(process.error, "");
    return process.error;
  }
  void expect_serves(Generation generation, std::int64_t a) {
    Process process(config_);
    ASSERT_EQ(process.error, "");
    EXPECT_EQ(process.parts->directory().log_identity().generation, generation);
    EXPECT_EQ(process.value("a"), a);
  }
  /// It counts on top, over a kill and over a stop.
  void expect_goes_on(Generation generation, std::int64_t a) {
    for (int i = 0; i < 2; ++i) {
      Process process(config_);
      ASSERT_EQ(process.error, "");
      EXPECT_EQ(process.parts->directory().log_identity().generation, generation);
      ASSERT_EQ(process.value("a"), a);
      process.add("a", 1'000'000);
      process.add("fresh", 1);
      a += 1'000'000;
      EXPECT_EQ(process.value("a"), a);
      EXPECT_EQ(process.value("fresh"), i + 1);
      if (i == 0) process.stop();
    }
    expect_serves(generation, a);
  }

  fs::path root_;
  Config config_;
  std::int64_t next_ = 1;
  std::vector<std::pair<std::uint64_t, std::int64_t>> written_;
};

TEST_F(AdoptTest, CountsWhatIsReadableBeforeTheDamage) {
  {
    Process process(config_);
    write(process, 60);
  }
  flip(segment(2), 8);
  EXPECT_THAT(refusal(), HasSubstr("segment-0000000002, byte 32768"));
  const auto report = begin_new_generation(config_);
  ASSERT_TRUE(report) << report.error().what;
  EXPECT_EQ(report->generation, Generation{2});
  EXPECT_EQ(report->counted, Offset{15 + 7});
  ASSERT_TRUE(report->lost);
  EXPECT_EQ(report->lost->from, Offset{15 + 8});
  EXPECT_EQ(report->lost->to, Offset{60});
  EXPECT_THAT(report->lost->reason, HasSubstr("segment-0000000002, byte 32768"));
  EXPECT_EQ(report->old_log, data() + "/log.generation-1");
  EXPECT_TRUE(fs::exists(report->old_log + "/segment-0000000002"));
  ASSERT_LT(sum(report->counted), sum());
  expect_goes_on(Generation{2}, sum(report->counted));
}

TEST_F(AdoptTest, KeepsWhatIsInTheStoreAndWhatStandsBehindTheDamage) {
  {
    Process process(config_);
    write(process, 40);
    process.stop();
  }
  {
    Process process(config_);
    write(process, 20);
  }
  flip(segment(1), 8);
  EXPECT_THAT(refusal(), HasSubstr("segment-0000000001"));
  const auto report = begin_new_generation(config_);
  ASSERT_TRUE(report) << report.error().what;
  EXPECT_FALSE(report->lost);
  ASSERT_TRUE(report->passed_over);
  EXPECT_EQ(report->passed_over->from, Offset{8});
  EXPECT_EQ(report->counted, Offset{60});
  expect_goes_on(Generation{2}, sum());
}

TEST_F(AdoptTest, ALostLogLeavesWhatIsInTheStore) {
  {
    Process process(config_);
    write(process, 20);
    process.stop();
  }
  fs::remove_all(data() + "/log");
  EXPECT_THAT(refusal(), HasSubstr("quipu log adopt --new-generation --data " + data()));
  const auto report = begin_new_generation(config_);
  ASSERT_TRUE(report) << report.error().what;
  EXPECT_EQ(report->counted, Offset{20});
  EXPECT_EQ(report->old_log, "");
  EXPECT_TRUE(report->lost);
  expect_goes_on(Generation{2}, sum());
}

TEST_F(AdoptTest, AnEmptyLogAndOneOfAnotherDirectoryLeaveWhatIsInTheStore) {
  {
    Process process(config_);
    write(process, 20);
    process.stop();
  }
  fs::remove_all(data() + "/log");
  fs::create_directory(data() + "/log");
  refusal();
  auto other = config_;
  other.data_dir = root_ / "other";
  {
    Process process(other);
    process.add("a", 5);
    process.stop();
  }
  for (int round = 0; round < 2; ++round) {
    const auto report = begin_new_generation(config_);
    ASSERT_TRUE(report) << report.error().what;
    EXPECT_EQ(report->generation.value, 2u + static_cast<unsigned>(round));
    expect_serves(report->generation, sum());
    fs::remove_all(data() + "/log");
    fs::copy(other.data_dir + "/log", data() + "/log", fs::copy_options::recursive);
    EXPECT_THAT(refusal(), HasSubstr("belongs to another log"));
  }
}

TEST_F(AdoptTest, ASoundLogLosesNothing) {
  {
    Process process(config_);
    write(process, 20);
  }
  EXPECT_EQ(adopt_log(config_, true), 0);
  expect_goes_on(Generation{2}, sum());
}

TEST_F(AdoptTest, MayBeDoneAgainAndAgain) {
  {
    Process process(config_);
    write(process, 20);
  }
  for (std::uint32_t generation = 2; generation < 5; ++generation) {
    const auto report = begin_new_generation(config_);
    ASSERT_TRUE(report) << report.error().what;
    EXPECT_EQ(report->generation, Generation{generation});
    EXPECT_FALSE(report->lost && report->lost->certain());
    if (generation == 3) continue;  // Once with nothing in between.
    Process process(config_);
    ASSERT_EQ(process.error, "");
    EXPECT_EQ(process.value("a"), sum());
    write(process, 20);
    EXPECT_EQ(process.value("a"), sum());
  }
  expect_serves(Generation{4}, sum());
}

TEST_F(AdoptTest, ResetsHoldBeyondTheNewGeneration) {
  {
    Process process(config_);
    process.add("a", 100);
    process.add_with_id("a", "spread over partitions");
    process.run(process.operation(OperationKind::kReset, "a"));
    process.add("a", 7);
    process.add("gone", 3);
    process.run(process.operation(OperationKind::kReset, "gone"));
  }
  ASSERT_TRUE(begin_new_generation(config_));
  {
    Process process(config_);
    EXPECT_EQ(process.value("a"), 7);
    EXPECT_FALSE(process.run(process.operation(OperationKind::kRead, "gone")).exists);
    process.add("a", 1);
    EXPECT_EQ(process.add_with_id("a", "another").value, 9);
    process.run(process.operation(OperationKind::kReset, "a"));
    EXPECT_EQ(process.add("a", 4).value, 4);
  }
  expect_serves(Generation{2}, 4);
}

TEST_F(AdoptTest, SequencesAreKnownAfterwardsAndIdsAreNot) {
  {
    Process process(config_);
    process.add_with_id("a", "x");
    process.add_of_source("a", "s", 1);
    process.add_of_source("a", "s", 2);
    EXPECT_TRUE(process.add_with_id("a", "x").duplicate);
  }
  ASSERT_TRUE(begin_new_generation(config_));
  Process process(config_);
  EXPECT_EQ(process.value("a"), 3) << "the repeat in the old log was one";
  EXPECT_TRUE(process.add_of_source("a", "s", 2).duplicate);
  EXPECT_FALSE(process.add_of_source("a", "s", 3).duplicate);
  // docs/operations/adopt.md says so.
  EXPECT_FALSE(process.add_with_id("a", "x").duplicate);
}

TEST_F(AdoptTest, ACrashBeforeTheNewIdentityIsRefusedUntilItIsCompleted) {
  {
    Process process(config_);
    write(process, 20);
  }
  for (const bool made : {true, false}) {
    const auto before = DataDirectory::hold(data()).value().log_identity().generation;
    // What is left when it ends behind the renaming, and when it ends behind the new directory.
    const auto aside = data() + "/log.generation-" + std::to_string(before.value);
    fs::rename(data() + "/log", aside);
    if (made) fs::create_directory(data() + "/log");
    EXPECT_THAT(refusal(), HasSubstr("quipu log adopt --new-generation --data " + data()));
    EXPECT_EQ(adopt_log(config_, false), 1) << "its place is not what is wrong";
    const auto report = begin_new_generation(config_);
    ASSERT_TRUE(report) << report.error().what;
    EXPECT_EQ(report->generation.value, before.value + 1);
    EXPECT_FALSE(report->lost);
    EXPECT_EQ(report->old_log, aside);
    Process process(config_);
    ASSERT_EQ(process.error, "");
    EXPECT_EQ(process.value("a"), sum());
    write(process, 5);
  }
}

TEST_F(AdoptTest, ACopyCountsOnWhenItIsAdopted) {
  {
    Process process(config_);
    write(process, 20);
    process.add_with_id("ids", "x");
  }
  fs::rename(data(), root_ / "original");
  fs::copy(root_ / "original", data(), fs::copy_options::recursive);
  EXPECT_THAT(refusal(), HasSubstr("quipu log adopt --data " + data()));
  EXPECT_EQ(adopt_log(config_, false), 0);
  EXPECT_EQ(adopt_log(config_, false), 0) << "again";
  {
    Process process(config_);
    EXPECT_TRUE(process.add_with_id("ids", "x").duplicate);
  }
  expect_goes_on(Generation{1}, sum());
}

TEST_F(AdoptTest, ACopyWithADamagedLogNeedsOneCommandOnly) {
  {
    Process process(config_);
    write(process, 20);
    process.stop();
  }
  fs::rename(data(), root_ / "original");
  fs::copy(root_ / "original", data(), fs::copy_options::recursive);
  flip(segment(1), 3);
  EXPECT_EQ(adopt_log(config_, true), 0);
  expect_goes_on(Generation{2}, sum());
}

TEST_F(AdoptTest, RefusesADirectoryThatIsServedAndOneThatIsNone) {
  EXPECT_EQ(adopt_log(config_, true), 1);
  EXPECT_EQ(adopt_log(config_, false), 1);
  EXPECT_EQ(begin_new_generation(config_).error().code, Code::kNotFound);
  EXPECT_FALSE(fs::exists(data()));
  Process process(config_);
  write(process, 3);
  for (const bool new_generation : {false, true}) EXPECT_EQ(adopt_log(config_, new_generation), 1);
  EXPECT_THAT(begin_new_generation(config_).error().what, HasSubstr("in use"));
  write(process, 3);
  EXPECT_EQ(process.value("a"), sum());
}

TEST_F(AdoptTest, RefusesALogOfANewerVersionAndChangesNothing) {
  {
    Process process(config_);
    write(process, 20);
  }
  // The header of a group with another version and a right checksum.
  const auto identity = DataDirectory::hold(data()).value().log_identity();
  const auto seed = segment_seed(identity, SegmentNumber{1});
  std::array<std::byte, kGroupHeaderBytes> bytes;
  std::fstream file(segment(1), std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(2 * kBlockBytes);
  file.read(reinterpret_cast<char*>(bytes.data()), bytes.size());
  ASSERT_TRUE(decode_group_header(bytes, seed));
  bytes[8] = std::byte{2};
  const auto checksum = hash64(ByteView(bytes).first(72), seed);
  std::memcpy(bytes.data() + 72, &checksum, 8);
  file.seekp(2 * kBlockBytes);
  file.write(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  file.close();
  const auto report = begin_new_generation(config_);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kRefused);
  EXPECT_THAT(report.error().what, HasSubstr("version 2"));
  EXPECT_TRUE(fs::exists(segment(1)));
  EXPECT_EQ(DataDirectory::hold(data()).value().log_identity(), identity);
}

}  // namespace
}  // namespace quipu
