#include "kafka/topic_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "event/frame.h"

namespace quipu {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class TopicSettingsTest : public testing::Test {
 protected:
  TopicSettingsTest() {
    options_.topic = "events";
    topic_.partitions = 16;
    topic_.replication = 3;
    topic_.settings = settings_of_new_topic(options_);
  }
  std::vector<std::string> found(KafkaFinding::Kind kind) {
    std::vector<std::string> all;
    for (const auto& finding : judge_topic(options_, topic_)) {
      if (finding.kind == kind) all.push_back(finding.what);
    }
    return all;
  }
  std::vector<std::string> weak() { return found(KafkaFinding::Kind::kWeak); }
  std::vector<std::string> unsafe() { return found(KafkaFinding::Kind::kUnsafe); }

  KafkaOptions options_;
  KafkaTopicState topic_;
};

TEST_F(TopicSettingsTest, FindsNothingInATopicAsItIsMade) { EXPECT_THAT(judge_topic(options_, topic_), IsEmpty()); }

TEST_F(TopicSettingsTest, CallsWhatCouldLoseEventsUnsafeByName) {
  topic_.settings["cleanup.policy"] = "compact,delete";
  topic_.settings["retention.ms"] = "604800000";
  topic_.settings["retention.bytes"] = "1073741824";
  topic_.settings["unclean.leader.election.enable"] = "true";
  EXPECT_THAT(unsafe(), ElementsAre(HasSubstr("topic events: cleanup.policy = compact,delete"),
                                    HasSubstr("retention.ms = 604800000"), HasSubstr("retention.bytes = 1073741824"),
                                    HasSubstr("unclean.leader.election.enable = true")));
  EXPECT_THAT(weak(), IsEmpty());
}

TEST_F(TopicSettingsTest, CallsAMinimumThatNoWriteCanReachUnsafe) {
  topic_.settings["min.insync.replicas"] = "4";
  EXPECT_THAT(unsafe(), ElementsAre(HasSubstr("min.insync.replicas = 4 and only 3 replicas")));
}

TEST_F(TopicSettingsTest, WarnsOfWhatSurvivesFewerFaults) {
  topic_.settings["min.insync.replicas"] = "1";
  EXPECT_THAT(weak(), ElementsAre(HasSubstr("min.insync.replicas = 1 with 3 replicas")));
  topic_.settings["min.insync.replicas"] = "3";
  EXPECT_THAT(weak(), ElementsAre(HasSubstr("one broker that is down stops all writes")));
  topic_.replication = 1;
  topic_.settings["min.insync.replicas"] = "1";
  EXPECT_THAT(weak(), ElementsAre(HasSubstr("1 replica")));
  EXPECT_THAT(unsafe(), IsEmpty());
}

TEST_F(TopicSettingsTest, WarnsOfATopicThatDoesNotTakeTheLargestFrame) {
  EXPECT_EQ(frame_bytes_max(topic_), kFrameBytesMax);
  topic_.settings["max.message.bytes"] = "1048588";
  EXPECT_THAT(weak(), ElementsAre(HasSubstr("max.message.bytes = 1048588")));
  EXPECT_LT(frame_bytes_max(topic_), 1'048'588u);
  EXPECT_GT(frame_bytes_max(topic_), 1'040'000u);
  topic_.settings["max.message.bytes"] = "100";
  EXPECT_EQ(frame_bytes_max(topic_), 0u);
}

TEST_F(TopicSettingsTest, WarnsOfATopicThatTrustsTheClocksOfNodes) {
  topic_.settings["message.timestamp.type"] = "CreateTime";
  EXPECT_THAT(weak(), ElementsAre(HasSubstr("set message.timestamp.type = LogAppendTime")));
  EXPECT_THAT(unsafe(), IsEmpty());
}

TEST_F(TopicSettingsTest, JudgesNothingThatItCanNotSeeOrRead) {
  topic_.settings.clear();
  EXPECT_THAT(judge_topic(options_, topic_), IsEmpty());
  topic_.settings["retention.ms"] = "a week";
  topic_.settings["max.message.bytes"] = "";
  EXPECT_THAT(judge_topic(options_, topic_), IsEmpty());
  EXPECT_EQ(frame_bytes_max(topic_), kFrameBytesMax);
}

}  // namespace
}  // namespace quipu
