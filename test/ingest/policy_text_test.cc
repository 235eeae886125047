#include "ingest/policy_text.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace quipu {
namespace {

TEST(PolicyText, ComesBackAsWhatItWas) {
  const auto most = std::numeric_limits<std::int64_t>::max();
  for (const AckMode ack : {AckMode::kDurable, AckMode::kMemory}) {
    for (const bool memory : {false, true}) {
      for (const std::int64_t time : {std::int64_t{0}, std::int64_t{86'400'000}, most}) {
        const NamespacePolicy policy{ack, memory, time, most - time};
        const auto back = parse_policy(policy_text(policy));
        ASSERT_TRUE(back.has_value()) << policy_text(policy);
        EXPECT_EQ(*back, policy);
      }
    }
  }
}

TEST(PolicyText, IsWrittenForGood) {
  EXPECT_EQ(policy_text({}), "ack=durable memory=1 viewer_window=0 id_promise=0");
  EXPECT_EQ(policy_text({AckMode::kMemory, false, 60'000, 5}), "ack=memory memory=0 viewer_window=60000 id_promise=5");
  EXPECT_EQ(namespace_setting("views"), "namespace/views");
}

TEST(PolicyText, LeavesOutWordsThatAreAsByDefault) {
  const auto policy = parse_policy("viewer_window=7");
  ASSERT_TRUE(policy.has_value());
  EXPECT_EQ(*policy, (NamespacePolicy{AckMode::kDurable, true, 7, 0}));
}

TEST(PolicyText, IsRefusedWhereAWordIsNotKnownWhole) {
  for (const std::string_view text : {"ack=perhaps", "ack", "ack=", "memory=2", "viewer_window=-1", "viewer_window=1x",
                                      "viewer_window=", "id_promise=9223372036854775808", "colour=red",
                                      "ack=durable  memory=1", "=", "ack=durable memory"}) {
    const auto policy = parse_policy(text);
    ASSERT_FALSE(policy.has_value()) << text;
    EXPECT_EQ(policy.error().code, Code::kDamaged);
  }
}

TEST(PolicyText, TellsTheNamespaceOfASetting) {
  EXPECT_EQ(namespace_of_setting(namespace_setting("views")), "views");
  EXPECT_EQ(namespace_of_setting("other/views"), "");
  EXPECT_EQ(namespace_of_setting("namespace/"), "");
}

}  // namespace
}  // namespace quipu
