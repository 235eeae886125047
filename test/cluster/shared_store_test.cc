#include "cluster/shared_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>

namespace quipu {
namespace {

using testing::HasSubstr;

class PasswordFile : public testing::Test {
 protected:
  std::string with(const std::string& text) {
    std::ofstream(path_) << text;
    return path_;
  }
  ~PasswordFile() override { std::remove(path_.c_str()); }

  std::string path_ = testing::TempDir() + "quipu-password-" + std::to_string(::getpid());
};

TEST_F(PasswordFile, ItsFirstLineIsThePassword) {
  EXPECT_EQ(read_password("redis.password_file", "").value(), "");
  EXPECT_EQ(read_password("redis.password_file", with("secret\nnot this\n")).value(), "secret");
  EXPECT_EQ(read_password("redis.password_file", with("no end of line")).value(), "no end of line");
  const std::string longest(kPasswordBytesMax, 'x');
  EXPECT_EQ(read_password("redis.password_file", with(longest + "\n")).value(), longest);
}

TEST_F(PasswordFile, WhatHasNoneIsRefusedByKeyAndName) {
  const auto refusal = [](const std::string& file) {
    const auto read = read_password("cassandra.password_file", file);
    EXPECT_FALSE(read);
    return read ? "" : read.error().what;
  };
  EXPECT_THAT(refusal("/nonexistent/password"), HasSubstr("cassandra.password_file: /nonexistent/password"));
  EXPECT_THAT(refusal(with("")), HasSubstr("no first line"));
  EXPECT_THAT(refusal(with("\nsecret\n")), HasSubstr("no first line"));
  EXPECT_THAT(refusal(with(std::string(kPasswordBytesMax + 1, 'x') + "\n")), HasSubstr("of 1 to 1024 bytes"));
  EXPECT_THAT(refusal("/dev/zero"), HasSubstr("of 1 to 1024 bytes"));
}

}  // namespace
}  // namespace quipu
