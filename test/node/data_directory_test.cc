#include "node/data_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

namespace quipu {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class DataDirectoryTest : public testing::Test {
 protected:
  DataDirectoryTest() {
    std::string pattern = (fs::temp_directory_path() / "quipu-directory-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    write(root_ / "machine", "0123456789abcdef0123456789abcdef\n");
    options_.machine_id_file = root_ / "machine";
  }
  ~DataDirectoryTest() override { fs::remove_all(root_); }

  static void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }
  static std::string read(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  Result<DataDirectory> open() { return DataDirectory::open(data(), options_); }
  std::string data() const { return root_ / "data"; }

  /// What is said about the directory as it is now. Fails when nothing is.
  Error refusal() {
    const auto opened = open();
    EXPECT_FALSE(opened);
    const auto error = opened ? Error{} : opened.error();
    EXPECT_THAT(error.what, HasSubstr(data()));
    return error;
  }

  fs::path root_;
  DirectoryOptions options_;
};

TEST_F(DataDirectoryTest, IsMadeWithAnIdentityThatEachOpenFindsAgain) {
  options_.partitions = 4;
  const auto before = open().value();
  EXPECT_EQ(before.partitions(), 4);
  EXPECT_EQ(before.id_partitions(), 4);
  EXPECT_EQ(before.log_identity().generation, Generation{1});
  EXPECT_NE(before.log_identity().random, LogIdentity{}.random);
  EXPECT_NE(before.secret(), HashSecret{});
  EXPECT_NE(before.node().node, 0u);
  EXPECT_EQ(before.node().boot, 1u);
  EXPECT_EQ(before.log_dir(), data() + "/log");
  for (const auto& folder : {before.log_dir(), before.store_dir(), before.bases_dir()}) {
    EXPECT_TRUE(fs::is_directory(folder)) << folder;
  }
}

TEST_F(DataDirectoryTest, CountsEachOpenAndKeepsEverythingElse) {
  const auto open_once = [this] {
    const auto opened = open();
    EXPECT_TRUE(opened) << opened.error().what;
    return std::tuple(opened->log_identity(), opened->secret(), opened->node());
  };
  const auto [log, secret, node] = open_once();
  for (std::uint32_t boot = 2; boot < 5; ++boot) {
    const auto [log_now, secret_now, node_now] = open_once();
    EXPECT_EQ(log_now, log);
    EXPECT_EQ(secret_now, secret);
    EXPECT_EQ(node_now, (NodeIdentity{node.node, boot}));
  }
}

TEST_F(DataDirectoryTest, NoTwoAreAlike) {
  std::set<std::tuple<LogIdentity, HashSecret, std::uint64_t>> seen;
  for (int i = 0; i < 3; ++i) {
    const auto opened = DataDirectory::open(root_ / std::to_string(i), options_);
    ASSERT_TRUE(opened);
    EXPECT_TRUE(seen.insert({opened->log_identity(), opened->secret(), opened->node().node}).second);
  }
}

TEST_F(DataDirectoryTest, IsForItsOwnerOnlyWhateverTheUmask) {
  for (const mode_t mask : {0000, 0777}) {
    const auto path = root_ / std::to_string(mask);
    const auto before = ::umask(mask);
    const auto opened = DataDirectory::open(path, options_);
    ::umask(before);
    ASSERT_TRUE(opened) << opened.error().what;
    for (const auto& directory : {path.string(), opened->log_dir(), opened->store_dir()}) {
      struct stat status{};
      ASSERT_EQ(::stat(directory.c_str(), &status), 0);
      EXPECT_EQ(status.st_mode & 07777, 0700u) << directory;
    }
  }
}

TEST_F(DataDirectoryTest, ClosesADirectoryThatSomebodyOpenedToOthers) {
  ASSERT_TRUE(open());
  fs::permissions(data(), fs::perms::all);
  ASSERT_TRUE(open());
  struct stat status{};
  ASSERT_EQ(::stat(data().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700u);
}

TEST_F(DataDirectoryTest, TakesAnEmptyDirectoryThatIsThere) {
  fs::create_directory(data());
  fs::permissions(data(), fs::perms::all);
  EXPECT_TRUE(open());
  EXPECT_EQ(fs::status(data()).permissions(), fs::perms::owner_all);
}

TEST_F(DataDirectoryTest, RefusesTheSecondOpenAndNamesTheProcess) {
  const auto first = open();
  ASSERT_TRUE(first);
  const auto error = refusal();
  EXPECT_EQ(error.code, Code::kRefused);
  EXPECT_THAT(error.what, HasSubstr("in use"));
  EXPECT_THAT(error.what, HasSubstr("pid " + std::to_string(::getpid())));
  EXPECT_EQ(DataDirectory::adopt(data(), DataDirectory::Log::kSame).error().code, Code::kRefused);
  EXPECT_EQ(DataDirectory::set_aside_log(data()).error().code, Code::kRefused);
}

TEST_F(DataDirectoryTest, RefusesOtherPartitionsAndNamesBoth) {
  ASSERT_TRUE(open());
  options_.partitions = 16;
  const auto error = refusal();
  EXPECT_EQ(error.code, Code::kRefused);
  EXPECT_THAT(error.what, HasSubstr("made with 8 partitions"));
  EXPECT_THAT(error.what, HasSubstr("is 16"));
}

TEST_F(DataDirectoryTest, RefusesAnotherListOfNamespacesAndNamesBoth) {
  options_.resp_namespaces = {"views", "likes"};
  ASSERT_TRUE(open());
  options_.resp_namespaces = {"likes", "views"};
  ASSERT_TRUE(open()) << "only the order differs";
  options_.resp_namespaces = {"views"};
  EXPECT_THAT(refusal().what, HasSubstr("[likes,views], but it is [views]"));
  options_.resp_namespaces = {};
  EXPECT_THAT(refusal().what, HasSubstr("[likes,views], but it is []"));
}

TEST_F(DataDirectoryTest, ChangesNothingWhenItRefuses) {
  ASSERT_TRUE(open());
  const auto before = read(data() + "/identity");
  options_.partitions = 3;
  refusal();
  EXPECT_EQ(read(data() + "/identity"), before);
}

TEST_F(DataDirectoryTest, RefusesACopyAndSaysHowToAdoptIt) {
  ASSERT_TRUE(open());
  fs::rename(data(), root_ / "original");
  fs::copy(root_ / "original", data(), fs::copy_options::recursive);
  const auto error = refusal();
  EXPECT_EQ(error.code, Code::kRefused);
  EXPECT_THAT(error.what, HasSubstr("copied"));
  EXPECT_THAT(error.what, HasSubstr("inode"));
  EXPECT_THAT(error.what, HasSubstr("quipu log adopt --data " + data()));
}

TEST_F(DataDirectoryTest, MayBeRenamed) {
  ASSERT_TRUE(open());
  fs::rename(data(), root_ / "elsewhere");
  EXPECT_TRUE(DataDirectory::open(root_ / "elsewhere", options_));
}

TEST_F(DataDirectoryTest, RefusesAnotherMachine) {
  ASSERT_TRUE(open());
  write(options_.machine_id_file, "fedcba9876543210fedcba9876543210\n");
  const auto error = refusal();
  EXPECT_THAT(error.what, HasSubstr("machine id"));
  EXPECT_THAT(error.what, HasSubstr("quipu log adopt"));
  write(options_.machine_id_file, "uninitialized\n");
  EXPECT_TRUE(open()) << "a machine without an id cannot be told from any";
  write(options_.machine_id_file, "fedcba9876543210fedcba9876543210\n");
  refusal();  // What was known is not forgotten.
}

TEST_F(DataDirectoryTest, CompletesWhatACrashLeftHalfMade) {
  fs::create_directories(data() + "/log");
  for (const auto* left : {"LOCK", "identity.tmp"}) write(data() + "/" + left, "half");
  const auto opened = open();
  ASSERT_TRUE(opened) << opened.error().what;
  EXPECT_TRUE(fs::is_directory(opened->store_dir()));
  EXPECT_FALSE(fs::exists(data() + "/identity.tmp"));
}

TEST_F(DataDirectoryTest, RefusesWhatIsSomebodyElses) {
  fs::create_directory(data());
  write(data() + "/thesis.tex", "");
  const auto error = refusal();
  EXPECT_EQ(error.code, Code::kRefused);
  EXPECT_THAT(error.what, HasSubstr("thesis.tex"));
  EXPECT_FALSE(fs::exists(data() + "/LOCK"));
  fs::remove_all(data());
  write(data(), "a file");
  refusal();
}

TEST_F(DataDirectoryTest, DoesNotMakeAnIdentityBesideALog) {
  ASSERT_TRUE(open());
  write(data() + "/log/segment", "frames");
  fs::remove(data() + "/identity");
  const auto error = refusal();
  EXPECT_EQ(error.code, Code::kDamaged);
  EXPECT_THAT(error.what, HasSubstr("identity"));
}

TEST_F(DataDirectoryTest, RefusesAnIdentityWithAnyByteAltered) {
  ASSERT_TRUE(open());
  const auto text = read(data() + "/identity");
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto altered = text;
    altered[i] ^= 1;
    EXPECT_FALSE(read_identity_text(altered)) << "byte " << i;
    EXPECT_FALSE(read_identity_text(text.substr(0, i))) << "cut at " << i;
  }
  write(data() + "/identity", text.substr(1));
  EXPECT_EQ(refusal().code, Code::kDamaged);
}

TEST_F(DataDirectoryTest, RefusesOneThatWasLeftUntilTheNoteIsRemoved) {
  ASSERT_TRUE(open());
  {
    const auto held = DataDirectory::hold(data());
    ASSERT_TRUE(held) << held.error().what;
    EXPECT_EQ(held->left(), false);
    ASSERT_TRUE(held->leave("topic events and keyspace quipu"));
    ASSERT_TRUE(held->leave("topic events and keyspace quipu")) << "it may be noted again";
    EXPECT_EQ(held->left(), true);
  }
  const auto error = refusal();
  EXPECT_EQ(error.code, Code::kRefused);
  EXPECT_THAT(error.what, HasSubstr("topic events and keyspace quipu"));
  EXPECT_THAT(error.what, HasSubstr(data() + "/left"));
  fs::remove(data() + "/left");
  EXPECT_TRUE(open());
}

TEST_F(DataDirectoryTest, RefusesADirectoryWithoutItsLog) {
  ASSERT_TRUE(open());
  fs::remove(data() + "/log");
  const auto error = refusal();
  EXPECT_EQ(error.code, Code::kDamaged);
  EXPECT_THAT(error.what, HasSubstr("log/"));
}

TEST_F(DataDirectoryTest, AnAdoptedCopyIsAnotherNodeOfTheSameLog) {
  auto original = open().value();
  fs::copy(data(), root_ / "copy", fs::copy_options::recursive);
  const auto adopted = DataDirectory::adopt(root_ / "copy", DataDirectory::Log::kSame, options_);
  ASSERT_TRUE(adopted) << adopted.error().what;
  EXPECT_EQ(adopted->before.node, original.node());
  EXPECT_EQ(adopted->after.node.boot, 0u);
  const auto copy = DataDirectory::open(root_ / "copy", options_);
  ASSERT_TRUE(copy) << copy.error().what;
  EXPECT_EQ(copy->log_identity(), original.log_identity());
  EXPECT_EQ(copy->secret(), original.secret());
  EXPECT_NE(copy->node().node, original.node().node);
  EXPECT_EQ(copy->node().boot, 1u);
}

TEST_F(DataDirectoryTest, ANewLogIsTheNextGenerationAndTheOldOneStandsBesideIt) {
  const auto before = open().value().log_identity();
  write(data() + "/log/segment", "frames");
  EXPECT_FALSE(DataDirectory::adopt(data(), DataDirectory::Log::kNew, options_)) << "the old log is still there";
  const auto aside = DataDirectory::set_aside_log(data());
  ASSERT_TRUE(aside) << aside.error().what;
  EXPECT_EQ(*aside, data() + "/log.generation-1");
  EXPECT_EQ(read(*aside + "/segment"), "frames");
  EXPECT_EQ(DataDirectory::set_aside_log(data()).value(), *aside) << "after a crash it may be repeated";
  ASSERT_TRUE(DataDirectory::adopt(data(), DataDirectory::Log::kNew, options_));
  const auto after = open();
  ASSERT_TRUE(after) << after.error().what;
  EXPECT_EQ(after->log_identity().generation, Generation{2});
  EXPECT_NE(after->log_identity().random, before.random);
}

TEST_F(DataDirectoryTest, ASetAsideThatACrashCutInHalfIsCompleted) {
  ASSERT_TRUE(open());
  write(data() + "/log/segment", "frames");
  fs::rename(data() + "/log", data() + "/log.generation-1");
  ASSERT_TRUE(DataDirectory::set_aside_log(data()));
  EXPECT_TRUE(fs::is_empty(data() + "/log"));
  EXPECT_EQ(read(data() + "/log.generation-1/segment"), "frames");
}

TEST_F(DataDirectoryTest, ALostLogIsAdoptedWithoutOne) {
  ASSERT_TRUE(open());
  fs::remove(data() + "/log");
  EXPECT_EQ(DataDirectory::set_aside_log(data()).error().code, Code::kNotFound);
  ASSERT_TRUE(DataDirectory::adopt(data(), DataDirectory::Log::kNew, options_));
  EXPECT_TRUE(open());
}

TEST_F(DataDirectoryTest, AdoptsNothingWhereNothingIs) {
  EXPECT_EQ(DataDirectory::adopt(data(), DataDirectory::Log::kSame).error().code, Code::kNotFound);
  EXPECT_FALSE(fs::exists(data()));
}

TEST(DirectoryPlace, OfAnotherMountIsTheSameUnlessNothingBetterIsKnown) {
  const DirectoryPlace was{"m", 12, 34, 56, 78, 254};
  auto is = was;
  EXPECT_EQ(differences(was, is), "");
  is.device = 7;
  EXPECT_EQ(differences(was, is), "");
  is.inode_version = 35;
  EXPECT_THAT(differences(was, is), HasSubstr("inode version 35, was 34"));
  is = was;
  is.born_ns = 57;
  EXPECT_NE(differences(was, is), "");
  is = was;
  is.filesystem = 79;
  EXPECT_NE(differences(was, is), "");
  is = was;
  is.inode = 13;
  EXPECT_NE(differences(was, is), "");
  const DirectoryPlace poor{"", 12, {}, {}, {}, 254};
  is = poor;
  is.device = 7;
  EXPECT_EQ(differences(poor, is), "device 7, was 254");
}

/// The bytes of version 1, for good: the worked example of docs/formats/identity.md.
TEST(DirectoryIdentity, TheWorkedExampleOfThePage) {
  DirectoryIdentity identity;
  for (int i = 0; i < 16; ++i) identity.log.random[static_cast<std::size_t>(i)] = static_cast<std::byte>(0xa0 + i);
  identity.log.generation = Generation{2};
  identity.node = {1234605616436508552, 7};
  identity.secret = {0x0123456789abcdef, 0xfedcba9876543210};
  identity.partitions = 16;
  identity.id_partitions = 8;
  identity.resp_namespaces = {"likes", "views"};
  identity.place = {"00112233445566778899aabbccddeeff", 1703937, 3141592653, 1700000000123456789, {}, 65024};
  const std::string text =
      "quipu data directory\n"
      "version=1\n"
      "log.random=a0a1a2a3a4a5a6a7a8a9aaabacadaeaf\n"
      "log.generation=2\n"
      "node=1234605616436508552\n"
      "boot=7\n"
      "secret=0123456789abcdeffedcba9876543210\n"
      "partitions=16\n"
      "partitions.first=8\n"
      "resp.namespaces=likes,views\n"
      "place.machine=00112233445566778899aabbccddeeff\n"
      "place.inode=1703937\n"
      "place.inode_version=3141592653\n"
      "place.born=1700000000123456789\n"
      "place.filesystem=\n"
      "place.device=65024\n"
      "checksum=cb607c5af122c8d9\n";
  EXPECT_EQ(identity_text(identity), text);
  const auto read = read_identity_text(text);
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(*read, identity);
}

TEST(DirectoryIdentity, OfANewerVersionIsRefusedByName) {
  std::string text = identity_text({{}, {}, {}, 1, 1, {}, {}});
  text.replace(text.find("version=1"), 9, "version=2");
  text.resize(text.rfind("checksum="));
  text += "checksum=" + hex_digits(hash64(as_bytes(text), 0)) + "\n";
  const auto read = read_identity_text(text);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kRefused);
  EXPECT_THAT(read.error().what, HasSubstr("version 2"));
}

}  // namespace
}  // namespace quipu
