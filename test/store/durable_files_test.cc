#include "store/durable_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

namespace quipu {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class DurableFiles : public testing::Test {
 protected:
  DurableFiles() {
    std::string pattern = (fs::temp_directory_path() / "quipu-durable-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
  }
  ~DurableFiles() override { fs::remove_all(root_); }

  std::string path(const std::string& name) const { return root_ / name; }
  std::string content(const std::string& name) const {
    const auto bytes = read_file(path(name), 1'000);
    EXPECT_TRUE(bytes) << bytes.error().what;
    return bytes ? std::string(as_text(*bytes)) : "";
  }
  void fill_directory(const std::string& name, const std::string& file) const {
    fs::create_directories(path(name));
    std::ofstream(path(name) + "/" + file) << file;
  }

  fs::path root_;
};

TEST_F(DurableFiles, AFileIsReplacedAsAWhole) {
  ASSERT_TRUE(replace_file(path("a"), as_bytes("one")));
  ASSERT_TRUE(replace_file(path("a"), as_bytes("two")));
  EXPECT_EQ(content("a"), "two");
  EXPECT_FALSE(fs::exists(path("a.tmp")));
}

TEST_F(DurableFiles, AFileThatCanNotBeReplacedStays) {
  ASSERT_TRUE(replace_file(path("a"), as_bytes("one")));
  fill_directory("a.tmp", "in the way");
  const auto refused = replace_file(path("a"), as_bytes("two"));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("cannot make " + path("a.tmp")));
  EXPECT_EQ(content("a"), "one");
  fill_directory("b", "in the way");
  EXPECT_THAT(replace_file(path("b"), as_bytes("two")).error().what, HasSubstr("cannot rename " + path("b.tmp")));
  EXPECT_TRUE(fs::exists(path("b/in the way")));
}

TEST_F(DurableFiles, AFileThatIsNoneOrTooLargeIsNotRead) {
  ASSERT_TRUE(replace_file(path("a"), as_bytes("12345")));
  EXPECT_TRUE(read_file(path("a"), 5));
  EXPECT_EQ(read_file(path("a"), 4).error().code, Code::kTooLarge);
  EXPECT_THAT(read_file(path("a"), 4).error().what, HasSubstr("has 5 bytes, more than 4"));
  EXPECT_EQ(read_file(path("b"), 5).error().code, Code::kNotFound);
  EXPECT_THAT(read_file(root_, 5).error().what, HasSubstr("is not a file"));
  EXPECT_THAT(read_file(path("a/b"), 5).error().what, HasSubstr("cannot open"));
}

TEST_F(DurableFiles, ADirectoryIsMadeOnceForItsOwnerAlone) {
  ASSERT_TRUE(make_directory(path("a")));
  ASSERT_TRUE(make_directory(path("a")));
  struct stat status{};
  ASSERT_EQ(::stat(path("a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  EXPECT_THAT(make_directory(path("b/c")).error().what, HasSubstr("cannot make the directory"));
  ASSERT_TRUE(replace_file(path("d"), as_bytes("a file")));
  EXPECT_THAT(make_directory(path("d")).error().what, HasSubstr("cannot make the directory"));
}

TEST_F(DurableFiles, ADirectoryTakesThePlaceOfAnotherAsAWhole) {
  fill_directory("old", "1");
  fill_directory("new", "2");
  ASSERT_TRUE(replace_tree(path("new"), path("old")));
  EXPECT_TRUE(fs::exists(path("old/2")));
  EXPECT_FALSE(fs::exists(path("old/1")));
  EXPECT_FALSE(fs::exists(path("new")));
  ASSERT_TRUE(replace_tree(path("old"), path("free")));
  EXPECT_TRUE(fs::exists(path("free/2")));
  EXPECT_THAT(replace_tree(path("none"), path("free")).error().what, HasSubstr("cannot rename " + path("none")));
  EXPECT_TRUE(fs::exists(path("free/2")));
}

TEST_F(DurableFiles, WhatIsNotThereIsNotSyncedAndRemovedAlready) {
  EXPECT_THAT(sync_path(path("none")).error().what, HasSubstr("cannot open"));
  EXPECT_THAT(sync_tree(path("none")).error().what, HasSubstr("cannot list"));
  EXPECT_TRUE(remove_tree(path("none")));
  fill_directory("a/b", "c");
  EXPECT_TRUE(sync_tree(path("a")));
  EXPECT_TRUE(remove_tree(path("a")));
  EXPECT_FALSE(fs::exists(path("a")));
}

TEST(SystemFailure, AFullDiskIsBusyAndAnythingElseRefused) {
  for (const int error : {ENOSPC, EDQUOT}) {
    EXPECT_EQ(system_failure("writing", error).error().code, Code::kBusy);
    EXPECT_GT(system_failure("writing", error).error().retry_after_ms, 0);
  }
  EXPECT_EQ(system_failure("writing", EIO).error().code, Code::kRefused);
  EXPECT_EQ(system_failure("writing", EIO).error().what, "writing: Input/output error");
}

TEST(ParentOf, IsTheDirectoryThatAPathStandsIn) {
  EXPECT_EQ(parent_of("a"), ".");
  EXPECT_EQ(parent_of("/a"), "/");
  EXPECT_EQ(parent_of("/a/b//"), "/a");
}

}  // namespace
}  // namespace quipu
