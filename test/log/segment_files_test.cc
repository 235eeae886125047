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

/// The system's own calls, with a word on each that changes or syncs names, and each of which can fail.
class RecordingFileSystem final : public FileSystem {
 public:
  std::vector<std::string> calls;
  bool fail_directory = false;
  std::string failing;  ///< The function that fails.
  bool full = false;
  bool refuse_direct = false;  ///< Direct writes fail, as on file systems that take the flag and not the write.

  int open(const std::string& path, FileUse use, bool direct) override {
    const int fd = system_.open(path, use, direct);
    if (use == FileUse::kDirectory) directory_ = fd;
    direct_ = direct;
    return fd;
  }
  void close(int fd) override { system_.close(fd); }
  std::int64_t read(int fd, std::uint64_t at, std::span<std::byte> out) override { return system_.read(fd, at, out); }
  std::int64_t write(int fd, std::uint64_t at, ByteView bytes) override {
    if (refuse_direct && direct_) return -EINVAL;
    return system_.write(fd, at, bytes);
  }
  int sync_data(int fd) override {
    calls.emplace_back("sync data");
    return system_.sync_data(fd);
  }
  int sync(int fd) override {
    if (fd != directory_) {
      calls.emplace_back("sync");
      return system_.sync(fd);
    }
    calls.emplace_back(fail_directory ? "fail" : "sync directory");
    return fail_directory ? -EIO : system_.sync(fd);
  }
  int reserve(int fd, std::uint64_t bytes) override { return failing == "reserve" ? -EIO : system_.reserve(fd, bytes); }
  int rename(const std::string& from, const std::string& to) override {
    calls.emplace_back("rename");
    return failing == "rename" ? -EIO : system_.rename(from, to);
  }
  int remove(const std::string& path) override {
    calls.emplace_back("remove");
    return failing == "remove" ? -EIO : system_.remove(path);
  }
  int make_directory(const std::string& path) override {
    return failing == "make_directory" ? -EIO : system_.make_directory(path);
  }
  int list(const std::string& directory, std::vector<Entry>& out) override {
    return failing == "list" ? -EIO : system_.list(directory, out);
  }
  int free_bytes(const std::string& directory, std::uint64_t& out) override {
    if (failing == "free_bytes") return -EIO;
    const int asked = system_.free_bytes(directory, out);
    if (full) out = kBytes - 1;
    return asked;
  }

 private:
  FileSystem& system_ = posix_file_system();
  int directory_ = -1;
  bool direct_ = false;
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

TEST_F(SegmentFilesTest, WhatFailsIsNamedWithItsFile) {
  const SegmentFiles files(system_, root_, 0);
  const auto segment = files.name(SegmentNumber(1));
  const auto expect_named = [&](const std::string& failing, const auto& call, const std::string& what) {
    system_.failing = failing;
    const auto done = call();
    system_.failing.clear();
    ASSERT_FALSE(done) << failing;
    EXPECT_EQ(done.error().what, what + ": Input/output error");
  };
  expect_named("make_directory", [&] { return files.make_directory(); }, "making " + root_);
  expect_named("list", [&] { return files.list(); }, "reading " + root_);
  const auto create = [&] { return files.create(SegmentNumber(1), kBytes); };
  expect_named("free_bytes", create, "asking for the room in " + root_);
  expect_named("reserve", create, "reserving 65536 bytes for " + segment + ".new");
  expect_named("rename", create, "renaming " + segment + ".new");
  EXPECT_TRUE(std::filesystem::is_empty(root_)) << "what could not be named is gone";
  ASSERT_TRUE(create());
  expect_named("remove", [&] { return files.remove(SegmentNumber(1)); }, "removing " + segment);
  std::filesystem::rename(segment, segment + ".new");
  expect_named("remove", [&] { return files.list(); }, "removing the unfinished " + segment + ".new");
  EXPECT_TRUE(files.list()->empty());
}

TEST_F(SegmentFilesTest, ADiskWithoutRoomForASegmentIsBusyAndLeftAsItIs) {
  const SegmentFiles files(system_, root_, 1'000);
  system_.full = true;
  const auto made = files.create(SegmentNumber(1), kBytes);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::kBusy);
  EXPECT_GT(made.error().retry_after_ms, 0);
  EXPECT_TRUE(std::filesystem::is_empty(root_));
}

TEST_F(SegmentFilesTest, WhereDirectWritesAreRefusedEachPieceIsSyncedAlone) {
  const SegmentFiles files(system_, root_, 0);
  system_.refuse_direct = true;
  ASSERT_TRUE(files.create(SegmentNumber(1), kBytes));
  EXPECT_EQ(std::filesystem::file_size(files.name(SegmentNumber(1))), kBytes);
  EXPECT_EQ(system_.calls, (Calls{"sync data", "sync", "rename", "sync directory"}));
}

}  // namespace
}  // namespace quipu
