#include "node/engine_setup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace quipu {
namespace {

TEST(EngineSetup, DrawsTheSeedOfTheTablesAnewAtEachStart) {
  std::set<std::uint64_t> seeds;
  std::uint64_t ever = 0;
  constexpr int kStarts = 64;
  for (int i = 0; i < kStarts; ++i) {
    const auto seed = engine_options({}, HashSecret{}, NodeIdentity{}, 8).table_hash_seed;
    seeds.insert(seed);
    ever |= seed;
  }
  EXPECT_EQ(seeds.size(), kStarts);
  EXPECT_EQ(ever, ~std::uint64_t{0}) << "a bit that is never set is not random";
}

TEST(EngineSetup, HasTheNamespacesThatKeysOfRespName) {
  Config config;
  config.resp_namespaces = {"likes", "plays"};
  const auto present = engine_options(config, HashSecret{}, NodeIdentity{}, 8).namespaces_present;
  EXPECT_THAT(present, testing::IsSupersetOf({"default", "views", "likes", "plays"}));
}

}  // namespace
}  // namespace quipu
