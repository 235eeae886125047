#include "store/cassandra_nodes.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace quipu {
namespace {

constexpr std::optional<std::int64_t> kSilent = std::nullopt;

TEST(CassandraNodes, TheFirstLookNotesWhatThereIs) {
  CassandraNodes nodes;
  EXPECT_FALSE(nodes.observe({{"a", 1}, {"b", kSilent}}));
  EXPECT_FALSE(nodes.observe({{"a", 1}, {"b", kSilent}}));
  EXPECT_EQ(nodes.size(), 2u);
}

TEST(CassandraNodes, ANodeThatStartedAnewHasForgotten) {
  CassandraNodes nodes;
  nodes.observe({{"a", 1}, {"b", 1}});
  EXPECT_TRUE(nodes.observe({{"a", 2}, {"b", 1}}));
  EXPECT_FALSE(nodes.observe({{"a", 2}, {"b", 1}})) << "it is told once";
}

TEST(CassandraNodes, GoingDownAndComingBackAnewAreToldEach) {
  CassandraNodes nodes;
  nodes.observe({{"a", 1}});
  EXPECT_TRUE(nodes.observe({{"a", kSilent}})) << "what it had is at fewer nodes than a quorum";
  EXPECT_FALSE(nodes.observe({{"a", kSilent}}));
  EXPECT_TRUE(nodes.observe({{"a", 2}})) << "and it answers without it";
}

TEST(CassandraNodes, ANodeThatWasOnlyOutOfReachIsNotToldAgain) {
  CassandraNodes nodes;
  nodes.observe({{"a", 1}});
  nodes.observe({{"a", kSilent}});
  EXPECT_FALSE(nodes.observe({{"a", 1}}));
}

TEST(CassandraNodes, NewNodesHaveNothingToForgetAndLostOnesDo) {
  CassandraNodes nodes;
  nodes.observe({{"a", 1}});
  EXPECT_FALSE(nodes.observe({{"a", 1}, {"b", 7}}));
  EXPECT_TRUE(nodes.observe({{"a", 1}})) << "it left while it was up";
  nodes.observe({{"a", 1}, {"c", 3}});
  EXPECT_TRUE(nodes.observe({{"a", 1}, {"c", kSilent}}));
  EXPECT_FALSE(nodes.observe({{"a", 1}})) << "that it was gone was told";
}

TEST(CassandraNodes, OneThatWasDownWhenFirstSeenHadNothingOfOurs) {
  CassandraNodes nodes;
  nodes.observe({{"a", kSilent}});
  EXPECT_FALSE(nodes.observe({{"a", 5}}));
  EXPECT_TRUE(nodes.observe({{"a", 6}}));
}

TEST(CassandraNodes, AsksAgainOnlyForOneThatAnsweredBefore) {
  CassandraNodes nodes;
  nodes.observe({{"a", 1}, {"b", kSilent}});
  EXPECT_FALSE(nodes.misses_one({{"a", 1}, {"b", kSilent}, {"c", kSilent}}));
  EXPECT_TRUE(nodes.misses_one({{"a", kSilent}, {"b", kSilent}}));
}

}  // namespace
}  // namespace quipu
