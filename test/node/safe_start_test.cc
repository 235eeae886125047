#include "node/safe_start.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace quipu {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr const char* kKey = "Zx8w-fH2qP0rT5nB7mK3vL9d";

/// A directory that is gone with the test, and a file of keys in it.
class SafeStart : public testing::Test {
 public:
  SafeStart() {
    std::string pattern = testing::TempDir() + "quipu-keys-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    path = directory_ + "/keys";
    config.auth_keys_file = path;
  }
  ~SafeStart() override { std::filesystem::remove_all(directory_); }

  void write(const std::string& text, mode_t mode = 0600) const {
    std::ofstream(path, std::ios::trunc) << text;
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
  }
  std::string wrong() const {
    const auto keys = load_api_keys(config);
    return keys ? "nothing" : keys.error().what;
  }

  std::string path;
  Config config;

 private:
  std::string directory_;
};

TEST(Loopback, IsWhatOnlyThisMachineReaches) {
  for (const char* near : {"127.0.0.1:80", "127.255.0.9:80", "[::1]:80", "localhost:80", "[::ffff:127.0.0.1]:80"}) {
    EXPECT_TRUE(is_loopback(near)) << near;
  }
  for (const char* far :
       {":80", "0.0.0.0:80", "[::]:80", "10.0.0.1:80", "128.0.0.1:80", "126.255.255.255:80", "[::2]:80", "[fe80::1]:80",
        "[::ffff:10.0.0.1]:80", "localhost.example:80", "127.1:80", "counter.example:80"}) {
    EXPECT_FALSE(is_loopback(far)) << far;
  }
}

TEST_F(SafeStart, ReadsKeysFromTheFileAndTheEnvironment) {
  write(std::string("read ") + kKey + "\n");
  config.auth_keys = std::string("admin other-") + kKey;
  const auto keys = load_api_keys(config);
  ASSERT_TRUE(keys) << keys.error().what;
  EXPECT_EQ(keys->size(), 2U);
  EXPECT_TRUE(keys->rights_of(kKey)->has(Right::kRead));
  EXPECT_TRUE(keys->rights_of(std::string("other-") + kKey)->has(Right::kAdmin));
}

TEST_F(SafeStart, WithoutASourceThereAreNoKeys) {
  const auto keys = load_api_keys(Config{});
  ASSERT_TRUE(keys);
  EXPECT_TRUE(keys->empty());
}

TEST_F(SafeStart, SaysWhereAKeyIsWrong) {
  write(std::string("read ") + kKey + "\n\nwrite " + kKey + "x\n");
  EXPECT_THAT(wrong(), StartsWith(path + ":3: unknown right 'write'"));
  write(std::string("read ") + kKey + "\n");
  config.auth_keys = std::string("read ") + kKey;
  EXPECT_EQ(wrong(), "QUIPU_AUTH_KEYS:1: the key stands at " + path + ":1 already");
  config.auth_keys = "";
  EXPECT_EQ(wrong(), "QUIPU_AUTH_KEYS: holds no key");
  EXPECT_THAT(wrong(), Not(HasSubstr(kKey)));
}

TEST_F(SafeStart, RefusesAFileThatOthersReadOrChange) {
  const std::string good = std::string("read ") + kKey + "\n";
  for (const mode_t mode : {0600U, 0400U, 0640U, 0440U}) {
    write(good, mode);
    EXPECT_EQ(wrong(), "nothing") << mode;
  }
  for (const mode_t mode : {0604U, 0644U, 0602U, 0620U, 0660U, 0666U}) {
    write(good, mode);
    EXPECT_THAT(wrong(), HasSubstr("chmod 600 " + path)) << mode;
  }
}

TEST_F(SafeStart, RefusesWhatIsNoFileOfKeys) {
  EXPECT_THAT(wrong(), HasSubstr("cannot be read: No such file"));
  write("# none\n");
  EXPECT_EQ(wrong(), path + ": holds no key");
  write(std::string(70'000, '#'));
  EXPECT_EQ(wrong(), path + ": has more than 64 KiB");
  config.auth_keys_file = std::filesystem::path(path).parent_path();
  EXPECT_THAT(wrong(), HasSubstr("is no regular file"));
}

TEST_F(SafeStart, ServesOtherAddressesOnlyWithKeysOrWhenTold) {
  Config open;
  EXPECT_TRUE(check_exposure(open, false));
  EXPECT_THAT(exposure_warnings(open, false), IsEmpty());
  open.resp_listen = ":6380";
  const auto refused = check_exposure(open, false);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, StartsWith("resp.listen = :6380: others than this machine reach it"));
  EXPECT_THAT(refused.error().what, HasSubstr("--insecure"));
  EXPECT_TRUE(check_exposure(open, true));
  EXPECT_THAT(exposure_warnings(open, true), ElementsAre(HasSubstr("no TLS")));
  open.auth_insecure = true;
  EXPECT_TRUE(check_exposure(open, false));
  EXPECT_THAT(exposure_warnings(open, false), ElementsAre(HasSubstr("INSECURE")));
  open.resp_listen = "";
  EXPECT_THAT(exposure_warnings(open, false), IsEmpty());
  open.http_listen = "10.0.0.1:80";
  open.auth_insecure = false;
  EXPECT_FALSE(check_exposure(open, false));
}

}  // namespace
}  // namespace quipu
