#include "kafka/kafka_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kafka/kafka_log.h"

namespace quipu {
namespace {

using testing::HasSubstr;

TEST(KafkaClient, TakesTlsAndLoginFromTheOperatorAndNothingElse) {
  for (const auto* name : {"security.protocol", "sasl.mechanism", "ssl.ca.location",
                           "enable.ssl.certificate.verification", "client.rack", "broker.address.family"}) {
    EXPECT_TRUE(may_be_set(name)) << name;
  }
  for (const auto* name : {"acks", "enable.idempotence", "group.id", "ssl.engine.location", "ssl.providers",
                           "oauthbearer_token_refresh_cb", "debug", ""}) {
    EXPECT_FALSE(may_be_set(name)) << name;
  }
}

TEST(KafkaClient, NamesTheSettingThatIsWrong) {
  KafkaOptions options;
  options.brokers = "127.0.0.1:1";
  options.client = {{"acks", "0"}};
  auto made = make_kafka_client(RD_KAFKA_PRODUCER, options, {}, 0);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::kRefused);
  EXPECT_THAT(made.error().what, HasSubstr("Kafka setting acks can not be set"));
  options.client = {{"security.protocol", "carrier-pigeon"}};
  made = make_kafka_client(RD_KAFKA_PRODUCER, options, {}, 0);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().what, HasSubstr("security.protocol"));
}

TEST(KafkaClient, OffsetsOfKafkaBeginWithZeroAndOursWithOne) {
  EXPECT_EQ(from_kafka(0), Offset(1));
  EXPECT_EQ(to_kafka(Offset(1)), 0);
}

TEST(KafkaLogOptions, OutOfTheirBoundsAreRefusedByName) {
  const auto refused = [](auto change, const char* what) {
    KafkaOptions options;
    options.brokers = "127.0.0.1:1";
    change(options);
    const auto opened = KafkaLog::open(options);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Code::kRefused);
    EXPECT_THAT(opened.error().what, HasSubstr(what));
  };
  refused([](auto& options) { options.brokers.clear(); }, "no Kafka brokers");
  refused([](auto& options) { options.topic.assign(250, 'x'); }, "not 250");
  refused([](auto& options) { options.partitions = 0; }, "1 to 1024 partitions, not 0");
  refused([](auto& options) { options.replication = 0; }, "1 to 1000 replicas");
  refused([](auto& options) { options.pending_bytes = 0; }, "pending_bytes is 1 to");
  refused([](auto& options) { options.fetch_ahead_bytes = 1; }, "fetch_ahead_bytes is 1024 to");
  refused([](auto& options) { options.refresh_ms = 0; }, "1 ms to 1 hour, not 0 ms");
  refused([](auto& options) { options.linger_ms = 1'001; }, "linger_ms is 0 to 1000");
}

}  // namespace
}  // namespace quipu
