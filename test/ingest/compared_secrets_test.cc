// That secrets are compared in constant time, by what is compared: OpenSSL's comparison, whose time depends on the
// length alone, is replaced in this program by one that writes down its calls.

#include <gtest/gtest.h>
#include <openssl/crypto.h>

#include <string>
#include <vector>

#include "ingest/api_keys.h"

namespace {

struct Compared {
  std::string left;
  std::string right;
};
std::vector<Compared>& compared() {
  static std::vector<Compared> calls;
  return calls;
}

}  // namespace

extern "C" int CRYPTO_memcmp(const void* a, const void* b, std::size_t size) {
  const auto* left = static_cast<const char*>(a);
  const auto* right = static_cast<const char*>(b);
  compared().push_back({{left, size}, {right, size}});
  return std::string_view(left, size) == std::string_view(right, size) ? 0 : 1;
}

namespace quipu {
namespace {

constexpr std::size_t kKeys = 5;
constexpr std::size_t kDigestBytes = 32;

std::string key(std::size_t number) { return std::string(24, 'k') + std::to_string(number); }

ApiKeys five_keys() {
  ApiKeys keys(ApiKeys::Secret{1, 2, 3});
  for (std::size_t i = 0; i < kKeys; ++i) EXPECT_TRUE(keys.add("read " + key(i), "keys"));
  return keys;
}

TEST(ComparedSecrets, EveryKeyIsComparedWithEveryDigestWhole) {
  const auto keys = five_keys();
  const auto first = key(0);
  // The first and the last, one that differs in its first or last letter, a prefix, one that is longer, another length.
  for (const std::string& asked : {first, key(kKeys - 1), "x" + first.substr(1), first.substr(0, 24) + "x",
                                   first.substr(0, 24), first + "0", std::string(256, 'z')}) {
    compared().clear();
    keys.rights_of(asked);
    ASSERT_EQ(compared().size(), kKeys) << asked;
    for (const Compared& one : compared()) {
      EXPECT_EQ(one.left.size(), kDigestBytes) << asked;
      EXPECT_EQ(one.right, compared().front().right) << asked;  // The same digest each time, that of what was asked.
      EXPECT_NE(one.right, asked.substr(0, kDigestBytes));      // And not the key itself.
    }
  }
}

TEST(ComparedSecrets, ANearGuessHasADigestThatIsNotNear) {
  const auto keys = five_keys();
  compared().clear();
  keys.rights_of(key(0).substr(0, 24) + "x");
  ASSERT_EQ(compared().size(), kKeys);
  std::size_t same = 0;
  for (std::size_t i = 0; i < kDigestBytes; ++i) same += compared()[0].left[i] == compared()[0].right[i] ? 1 : 0;
  EXPECT_LT(same, kDigestBytes / 4);
}

TEST(ComparedSecrets, WhatCannotBeAKeyIsComparedWithNone) {
  const auto keys = five_keys();
  compared().clear();
  EXPECT_FALSE(keys.rights_of(key(0).substr(0, kApiKeyBytesMin - 1)));
  EXPECT_FALSE(keys.rights_of(std::string(kApiKeyBytesMax + 1, 'z')));
  EXPECT_TRUE(compared().empty());
}

TEST(ComparedSecrets, TwoOfOneLengthAreComparedWhole) {
  for (const char* other : {"abcdef", "xbcdef", "abcdex"}) {
    compared().clear();
    EXPECT_EQ(same_secret("abcdef", other), std::string_view(other) == "abcdef");
    ASSERT_EQ(compared().size(), 1U);
    EXPECT_EQ(compared()[0].left.size(), 6U);
  }
  compared().clear();
  EXPECT_FALSE(same_secret("abcdef", "abcde"));
  EXPECT_FALSE(same_secret("", "a"));
  EXPECT_TRUE(compared().empty());
}

}  // namespace
}  // namespace quipu
