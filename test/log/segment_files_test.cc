#include "log/segment_files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "log/posix_file_system.h"

namespace quipu {
namespace {

constexpr std::uint64_t kBytes = 65'536;

/// The system's own calls, with a word on each that changes or syncs names, and a sync that can fail.
class RecordingFileSystem final : public FileSystem {
 public:
  std::vector<std::string> calls;
  bool fail_directory = false;

  int open(const std::string& path, FileUse use, bool direct) override {
    const int fd = system_.open(path, use, direct);
    if (use == FileUse::kDirectory) directory_ = fd;
    return fd;
  }
  void close(int fd) override { system_.close(fd); }
  std::int64_t read(int fd, std::uint64_t at, std::span<std::byte> out) override { return system_.read(fd, at, out); }
  std::int64_t write(int fd, std::uint64_t at, ByteView bytes) override { return system_.write(fd, at, bytes); }
  int sync_data(int fd) override { return system_.sync_data(fd); }
  int sync(int fd) override {
    if (fd != directory_) {
      calls.emplace_back("sync");
      return system_.sync(fd);
    }
    calls.emplace_back(fail_directory ? "fail" : "sync directory");
    return fail_directory ? -EIO : system_.sync(fd);
  }
  int reserve(int fd, std::uint64_t bytes) override { return system_.reserve(fd, bytes); }
  int rename(const std::string& from, const std::string& to) override {
    calls.emplace_back("rename");
    return system_.rename(from, to);
  }
  int remove(const std::string& path) override {
    calls.emplace_back("remove");
    return system_.remove(path);
  }
  int make_directory(const std::string& path) override { return system_.make_directory(path); }
  int list(const std::string& directory, std::vector<Entry>& out) override { return system_.list(directory, out); }
  int free_bytes(const std::string& directory, std::uint64_t& out) override {
    return system_.free_bytes(directory, out);
  }

 private:
  FileSystem& system_ = posix_file_system();
  int directory_ = -1;
};

class SegmentFilesTest : public testing::Test {
 protected:
  SegmentFilesTest() : root_(testing::TempDir() + "/quipu-files-XXXXXX") {
    EXPECT_NE(::mkdtemp(root_.data()), nullptr);
  }
  ~SegmentFilesTest() override { std::filesystem::remove_all(root_); }

  using Calls = std::vector<std::string>;
  RecordingFileSystem system_;
  std::string root_;
};

TEST_F(SegmentFilesTest, NamesASegmentWhenItsBytesAreDurableAndThenMakesTheNameDurable) {
  const SegmentFiles files(system_, root_, 0);
  ASSERT_TRUE(files.create(SegmentNumber(1), kBytes));
  EXPECT_EQ(system_.calls, (Calls{"sync", "rename", "sync directory"}));
}

TEST_F(SegmentFilesTest, WhatIsListedHasDurableNamesWhateverBecameOfTheProcessThatGaveThem) {
  const SegmentFiles files(system_, root_, 0);
  system_.fail_directory = true;
  EXPECT_FALSE(files.create(SegmentNumber(1), kBytes)) << "the name is there, and may go";
  EXPECT_FALSE(files.list()) << "as it may now";
  system_.fail_directory = false;
  system_.calls.clear();
  const auto listed = files.list();
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_EQ(listed->front().bytes, kBytes);
  EXPECT_EQ(system_.calls, (Calls{"sync directory"}));
}

TEST_F(SegmentFilesTest, LookingOnlyChangesAndSyncsNothing) {
  const SegmentFiles files(system_, root_, 0);
  ASSERT_TRUE(files.create(SegmentNumber(1), kBytes));
  system_.calls.clear();
  ASSERT_TRUE(files.list(UnfinishedFiles::kStay));
  EXPECT_TRUE(system_.calls.empty());
}

}  // namespace
}  // namespace quipu
