#include "ingest/namespaces.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace quipu {
namespace {

TEST(Namespaces, NumberInTheOrderTheyBecomeKnownAndKeepTheirNames) {
  NamespaceRegistry registry(1'000, true, 7);
  std::vector<std::string_view> names;
  for (std::uint32_t i = 0; i < 500; ++i) {
    const auto id = registry.find_or_create("n" + std::to_string(i));
    ASSERT_TRUE(id.has_value());
    ASSERT_EQ(*id, NamespaceId{i});
    names.push_back(registry.name(*id));
  }
  for (std::uint32_t i = 0; i < 500; ++i) {
    EXPECT_EQ(names[i], "n" + std::to_string(i)) << "a name that was handed out must stay";
    EXPECT_EQ(registry.find(names[i]), NamespaceId{i});
    EXPECT_EQ(*registry.find_or_create(names[i]), NamespaceId{i});
  }
  EXPECT_EQ(registry.size(), 500u);
  EXPECT_FALSE(registry.find("n500").has_value());
}

TEST(Namespaces, AreNotMadeByAWriteBeyondTheirBound) {
  NamespaceRegistry registry(2, true, 7);
  ASSERT_TRUE(registry.find_or_create("a"));
  ASSERT_TRUE(registry.find_or_create("b"));
  const auto third = registry.find_or_create("c");
  ASSERT_FALSE(third.has_value());
  EXPECT_EQ(third.error().code, Code::kTooLarge);
  EXPECT_FALSE(registry.find("c").has_value());
  EXPECT_TRUE(registry.find_or_create("a").has_value());
  registry.restore("c");
  EXPECT_TRUE(registry.find_or_create("c").has_value()) << "what the log has is there whatever the bound";
}

TEST(Namespaces, AreNotMadeByAWriteWhereThatIsOff) {
  NamespaceRegistry registry(2, false, 7);
  registry.restore("known");
  EXPECT_TRUE(registry.find_or_create("known").has_value());
  const auto unknown = registry.find_or_create("unknown");
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().code, Code::kNotFound);
  EXPECT_TRUE(registry.create("unknown").has_value()) << "an operator may";
  EXPECT_EQ(registry.create("third").error().code, Code::kTooLarge);
  EXPECT_EQ(registry.create("Third").error().code, Code::kRefused);
}

TEST(Namespaces, AreNotMadeWithAWrongName) {
  NamespaceRegistry registry(2, true, 7);
  for (const std::string_view name : {"", "A", "a b"}) {
    const auto made = registry.find_or_create(name);
    ASSERT_FALSE(made.has_value()) << name;
    EXPECT_EQ(made.error().code, Code::kRefused);
  }
  EXPECT_EQ(registry.size(), 0u);
}

TEST(Namespaces, HaveTheDefaultPolicyUntilTheyAreGivenAnother) {
  NamespaceRegistry registry(5, true, 7);
  const auto a = registry.restore("a");
  const auto b = registry.restore("b");
  EXPECT_EQ(registry.policy(a), NamespacePolicy{});
  registry.set_policy(a, {AckMode::kMemory, false, 5, 6});
  EXPECT_EQ(registry.policy(a), (NamespacePolicy{AckMode::kMemory, false, 5, 6}));
  EXPECT_EQ(registry.policy(b), NamespacePolicy{});
}

}  // namespace
}  // namespace quipu
