#include "cluster/cluster_identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace quipu {
namespace {

using testing::HasSubstr;

ClusterIdentity identity() {
  ClusterIdentity identity;
  for (std::size_t at = 0; at < identity.log.random.size(); ++at) identity.log.random[at] = std::byte(at);
  identity.log.generation = Generation{3};
  identity.secret = {1, 2};
  identity.id_partitions = 16;
  identity.resp_namespaces = {"videos", "views"};
  return identity;
}

constexpr const char* kText =
    "version=1\n"
    "log.random=000102030405060708090a0b0c0d0e0f\n"
    "log.generation=3\n"
    "secret=00000000000000010000000000000002\n"
    "partitions.first=16\n"
    "resp.namespaces=videos,views\n";

TEST(ClusterIdentityText, IsWhatTheStoreHasHadSinceItsFirstVersion) {
  EXPECT_EQ(cluster_text(identity()), kText);
  const auto read = read_cluster_text(kText);
  ASSERT_TRUE(read) << read.error().what;
  EXPECT_EQ(*read, identity());
}

TEST(ClusterIdentityText, WithoutNamespacesReadsBack) {
  auto none = identity();
  none.resp_namespaces.clear();
  EXPECT_EQ(read_cluster_text(cluster_text(none)).value(), none);
}

TEST(ClusterIdentityText, RefusesANewerVersionAndNamesBoth) {
  const auto read = read_cluster_text("version=2\nsomething=else\n");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kRefused);
  EXPECT_THAT(read.error().what, HasSubstr("version 2, this program reads version 1"));
}

TEST(ClusterIdentityText, NothingStartsWhileAStoreIsFilled) {
  const auto read = read_cluster_text(migrating_text(identity()));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::kRefused);
  EXPECT_THAT(read.error().what, HasSubstr("quipu store migrate"));
  auto other = identity();
  other.log.random[0] = std::byte{99};
  EXPECT_NE(migrating_text(other), migrating_text(identity())) << "another directory is told apart";
}

TEST(ClusterIdentityText, NamesTheLineThatIsWrong) {
  const std::string text = kText;
  const auto wrong = [&](const std::string& line, const std::string& instead) {
    auto altered = text;
    altered.replace(altered.find(line), line.size(), instead);
    const auto read = read_cluster_text(altered);
    EXPECT_FALSE(read) << altered;
    return read ? "" : read.error().what;
  };
  EXPECT_THAT(wrong("generation=3", "generation=0"), HasSubstr("the line log.generation"));
  EXPECT_THAT(wrong("log.random=00", "log.random="), HasSubstr("the line log.random"));
  EXPECT_THAT(wrong("first=16", "first=0"), HasSubstr("the line partitions.first"));
  EXPECT_THAT(wrong("first=16", "first=1025"), HasSubstr("the line partitions.first"));
  EXPECT_THAT(wrong("secret=", "secrets="), HasSubstr("the line secret"));
  EXPECT_THAT(wrong("views\n", "views\nmore=1\n"), HasSubstr("behind the last"));
  EXPECT_FALSE(read_cluster_text(""));
}

TEST(ClusterIdentityOfAStore, IsWhatItsSettingsSayOrNone) {
  using Settings = std::vector<std::pair<std::string, std::string>>;
  const auto none = cluster_identity_in(Settings{{"flushed.0", "text"}});
  ASSERT_TRUE(none) << none.error().what;
  EXPECT_FALSE(*none);
  const auto found = cluster_identity_in(Settings{{"a", "b"}, {std::string(kClusterSetting), kText}});
  ASSERT_TRUE(found) << found.error().what;
  EXPECT_EQ(*found, identity());
  EXPECT_EQ(cluster_identity_in(Settings{{std::string(kClusterSetting), "nonsense"}}).error().code, Code::kDamaged);
}

TEST(ClusterIdentityOfAnotherLog, KeepsAllButTheLogAndItsPartitions) {
  LogIdentity other;
  other.random.fill(std::byte{9});
  other.generation = Generation{4};
  const auto after = counting_from(identity(), other, 7);
  EXPECT_EQ(after.log, other);
  EXPECT_EQ(after.id_partitions, 7);
  EXPECT_EQ(after.secret, identity().secret);
  EXPECT_EQ(after.resp_namespaces, identity().resp_namespaces);
}

TEST(ClusterIdentityOfAnotherLog, IsTheSameOfTheSameTopic) {
  auto next = identity().log;
  ++next.generation.value;
  EXPECT_EQ(counting_from(identity(), next, 7), identity());
}

}  // namespace
}  // namespace quipu
