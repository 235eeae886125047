#include "store/base_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace quipu {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class BaseFilesTest : public testing::Test {
 protected:
  BaseFilesTest() {
    std::string pattern = (fs::temp_directory_path() / "quipu-bases-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
  }
  ~BaseFilesTest() override { fs::remove_all(root_); }

  static Base base(std::uint64_t offset) {
    Base made{Offset{offset}, {}};
    put(made.windows, as_bytes("windows as of " + std::to_string(offset)));
    return made;
  }
  /// Makes a base as the store does, with something that looks like a checkpoint.
  static void make(BaseFiles& files, std::uint64_t offset) {
    const auto place = files.begin(Offset{offset});
    ASSERT_TRUE(place) << place.error().what;
    fs::create_directory(*place);
    std::ofstream(*place + "/CURRENT") << "MANIFEST-000001\n";
    const auto finished = files.finish(base(offset));
    ASSERT_TRUE(finished) << finished.error().what;
  }
  BaseFiles open() { return BaseFiles::open(directory()).value(); }
  std::string directory() const { return root_ / "bases"; }
  std::string windows(const std::string& offset) const { return directory() + "/" + offset + "/windows"; }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : fs::directory_iterator(directory())) all.push_back(entry.path().filename());
    std::sort(all.begin(), all.end());
    return all;
  }

  fs::path root_;
};

TEST_F(BaseFilesTest, HaveTheirOffsetAsNameOnceTheyAreWhole) {
  auto files = open();
  ASSERT_TRUE(files.begin(Offset{42}));
  EXPECT_THAT(names(), ElementsAre("0000000000042.tmp"));
  EXPECT_EQ(files.oldest(), kNoOffset);
  EXPECT_FALSE(files.newest(Offset{42}).value());
  make(files, 42);
  make(files, kOffsetMax);
  EXPECT_THAT(names(), ElementsAre("0000000000042", "1099511627774"));
}

TEST_F(BaseFilesTest, WhatACrashLeftHalfDoneIsRemovedAtTheNextStart) {
  {
    auto files = open();
    make(files, 10);
    fs::create_directory(files.begin(Offset{20}).value());
    fs::create_directories(directory() + "/0000000000005.tmp/store");
  }
  auto files = open();
  EXPECT_THAT(names(), ElementsAre("0000000000010"));
  EXPECT_THAT(files.offsets(), ElementsAre(Offset{10}));
}

TEST_F(BaseFilesTest, AnAbandonedOneLeavesNothing) {
  auto files = open();
  fs::create_directory(files.begin(Offset{20}).value());
  files.abandon(Offset{20});
  EXPECT_THAT(names(), ElementsAre());
  make(files, 20);
  EXPECT_EQ(files.newest(Offset{20}).value()->offset, Offset{20});
}

TEST_F(BaseFilesTest, OpenedToReadTheyAreFoundAndNothingIsMadeOrRemoved) {
  EXPECT_TRUE(BaseFiles::open_to_read(directory()).value().offsets().empty());
  EXPECT_FALSE(fs::exists(directory()));
  auto files = open();
  make(files, 10);
  fs::create_directory(files.begin(Offset{20}).value());
  fs::create_directory(directory() + "/notes");
  fs::create_directory(directory() + "/0000000000000");
  fs::create_directory(directory() + "/000000000001x");
  EXPECT_THAT(BaseFiles::open_to_read(directory()).value().offsets(), ElementsAre(Offset{10}));
  EXPECT_TRUE(fs::exists(directory() + "/0000000000020.tmp"));
}

TEST_F(BaseFilesTest, ABrokenOneIsPassedOverForAnOlderOne) {
  auto files = open();
  make(files, 10);
  make(files, 20);
  fs::resize_file(windows("0000000000020"), 40);
  EXPECT_EQ(files.newest(Offset{30}).value()->offset, Offset{10});
  fs::remove(windows("0000000000020"));
  EXPECT_EQ(files.newest(Offset{30}).value()->offset, Offset{10});
  make(files, 20);
  EXPECT_EQ(files.newest(Offset{30}).value()->offset, Offset{20});
  fs::remove(directory() + "/0000000000020/store/CURRENT");
  EXPECT_EQ(files.newest(Offset{30}).value()->offset, Offset{10});
}

TEST_F(BaseFilesTest, WhereOnlyBrokenOnesAreTheNewestIsNamed) {
  auto files = open();
  make(files, 10);
  make(files, 20);
  fs::resize_file(windows("0000000000010"), 3);
  fs::resize_file(windows("0000000000020"), 40);
  const auto found = files.newest(Offset{30});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Code::kDamaged);
  EXPECT_THAT(found.error().what, HasSubstr("0000000000020/windows"));
  EXPECT_FALSE(files.newest(Offset{9}).value()) << "below both there is none";
}

TEST_F(BaseFilesTest, ARenamedOneIsNotTakenForAnother) {
  auto files = open();
  make(files, 10);
  fs::rename(directory() + "/0000000000010", directory() + "/0000000000011");
  EXPECT_EQ(open().newest(Offset{30}).error().code, Code::kDamaged);
}

TEST(WindowsFile, RefusesAnyAlteredByteAndAnyCut) {
  const auto bytes = windows_file({Offset{7}, Bytes(20, std::byte{3})});
  ASSERT_TRUE(read_windows_file(bytes));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const int bit : {1, 128}) {
      auto altered = bytes;
      altered[i] ^= static_cast<std::byte>(bit);
      EXPECT_FALSE(read_windows_file(altered)) << "byte " << i;
    }
    EXPECT_FALSE(read_windows_file(ByteView(bytes).first(i))) << "cut at " << i;
  }
}

}  // namespace
}  // namespace quipu
