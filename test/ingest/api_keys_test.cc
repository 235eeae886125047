#include "ingest/api_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace quipu {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kCounts = "Zx8w-fH2qP0rT5nB7mK3vL9d";
constexpr const char* kReads = "reads.reads_reads~reads+/==";

ApiKeys keys() { return ApiKeys(ApiKeys::Secret{1, 2, 3}); }

/// What is wrong with a text.
std::string wrong(const std::string& text) {
  auto made = keys();
  const auto added = made.add(text, "keys");
  return added ? "nothing" : added.error().what;
}

TEST(ApiKeys, GivesEachKeyItsRights) {
  auto made = keys();
  EXPECT_TRUE(made.empty());
  const std::string text =
      std::string("# those who count; and more\n\n  ingest\t") + kCounts + "  \r\nread,admin " + kReads;
  ASSERT_TRUE(made.add(text, "keys"));
  EXPECT_EQ(made.size(), 2U);
  const auto counts = made.rights_of(kCounts);
  ASSERT_TRUE(counts);
  EXPECT_TRUE(counts->has(Right::kIngest));
  EXPECT_FALSE(counts->has(Right::kRead));
  EXPECT_FALSE(counts->has(Right::kAdmin));
  const auto reads = made.rights_of(kReads);
  ASSERT_TRUE(reads);
  EXPECT_FALSE(reads->has(Right::kIngest));
  EXPECT_TRUE(reads->has(Right::kRead));
  EXPECT_TRUE(reads->has(Right::kAdmin));
}

TEST(ApiKeys, KnowsNoOtherKey) {
  auto made = keys();
  ASSERT_TRUE(made.add(std::string("ingest,read,admin ") + kCounts, "keys"));
  const std::string key = kCounts;
  for (std::size_t i = 0; i < key.size(); ++i) {
    auto other = key;
    other[i] = other[i] == 'x' ? 'y' : 'x';
    EXPECT_FALSE(made.rights_of(other)) << i;
  }
  for (const std::string& other :
       {std::string(), key.substr(1), key + "x", " " + key, key + '\0', std::string(300, 'x')}) {
    EXPECT_FALSE(made.rights_of(other)) << other;
  }
  EXPECT_EQ(made.rights_of(key), Rights::all());
}

TEST(ApiKeys, TakesLinesThatEndInASemicolon) {
  auto made = keys();
  ASSERT_TRUE(made.add(std::string("ingest ") + kCounts + "; read " + kReads + ";", "QUIPU_AUTH_KEYS"));
  EXPECT_EQ(made.size(), 2U);
  EXPECT_TRUE(made.rights_of(kReads)->has(Right::kRead));
}

TEST(ApiKeys, SaysWhichLineIsWrongAndHow) {
  const std::string good = std::string("ingest ") + kCounts + "\n";
  EXPECT_EQ(wrong(good), "nothing");
  EXPECT_THAT(wrong(good + "write " + kReads), StartsWith("keys:2: unknown right 'write'; there are ingest, read and"));
  EXPECT_THAT(wrong("ingest, " + std::string(kReads)), StartsWith("keys:1: unknown right ''"));
  EXPECT_EQ(wrong("read,read " + std::string(kReads)), "keys:1: the right read stands twice");
  EXPECT_THAT(wrong("\n\n" + std::string(kReads)), StartsWith("keys:3: this is not RIGHTS KEY"));
  EXPECT_EQ(wrong("# one\n" + good + "read " + kCounts), "keys:3: the key stands at keys:2 already");
  EXPECT_EQ(wrong("read " + std::string(23, 'x')), "keys:1: the key has 23 letters, 24 to 256 are allowed");
  EXPECT_EQ(wrong("read " + std::string(24, 'x')), "nothing");
  EXPECT_EQ(wrong("read " + std::string(256, 'x')), "nothing");
  EXPECT_EQ(wrong("read " + std::string(257, 'x')), "keys:1: the key has 257 letters, 24 to 256 are allowed");
  for (const char* bad : {"xxxxxxxxxxxx xxxxxxxxxxxxx", "xxxxxxxxxxxx=xxxxxxxxxxxxx", "xxxxxxxxxxxx\"xxxxxxxxxxxxx",
                          "========================", "xxxxxxxxxxxx\xc3\xa4xxxxxxxxxxxxx"}) {
    EXPECT_THAT(wrong(std::string("read ") + bad), StartsWith("keys:1: the key may hold only")) << bad;
  }
  EXPECT_EQ(wrong("# nothing\n\n"), "keys: holds no key");
  EXPECT_EQ(wrong(""), "keys: holds no key");
}

TEST(ApiKeys, HasABoundOfKeys) {
  std::string text;
  for (std::size_t i = 0; i < kApiKeysMax; ++i) text += "read " + std::string(24, 'k') + std::to_string(i) + "\n";
  EXPECT_EQ(wrong(text), "nothing");
  EXPECT_EQ(wrong(text + "read " + kCounts), "keys:101: there are more than 100 keys");
}

TEST(ApiKeys, TellsNoKeyInItsErrors) {
  const std::string secret = "s3cr3ts3cr3ts3cr3ts3cr3t";
  for (const auto& text : {secret, secret + " read", "read " + secret + "\"", "read " + secret + "\nread " + secret,
                           "read " + secret.substr(1), "ingest read " + secret}) {
    EXPECT_THAT(wrong(text), Not(HasSubstr(secret.substr(1, 20)))) << text;
    EXPECT_THAT(wrong(text), Not(HasSubstr("nothing")));
  }
}

TEST(ApiKeys, ComparesSecretsToTheEnd) {
  EXPECT_TRUE(same_secret("abc", "abc"));
  EXPECT_FALSE(same_secret("abc", "abd"));
  EXPECT_FALSE(same_secret("abc", "ab"));
  EXPECT_TRUE(same_secret("", ""));
}

TEST(Rights, AreNoneUntilOneIsAdded) {
  Rights rights;
  EXPECT_TRUE(rights.empty());
  for (const auto right : {Right::kIngest, Right::kRead, Right::kAdmin}) EXPECT_FALSE(rights.has(right));
  rights.add(Right::kRead);
  EXPECT_TRUE(rights.has(Right::kRead));
  EXPECT_FALSE(rights.has(Right::kAdmin));
  EXPECT_NE(rights, Rights::all());
}

}  // namespace
}  // namespace quipu
