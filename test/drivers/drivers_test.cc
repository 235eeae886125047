#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <quipu_cassandra.h>

#include <string>

namespace quipu {
namespace {

TEST(Drivers, AreTheVersionsThatTheHeadersAndTheDocsSay) {
  EXPECT_EQ(rd_kafka_version(), RD_KAFKA_VERSION);
  EXPECT_EQ(RD_KAFKA_VERSION >> 16, 0x020c) << rd_kafka_version_str();
  EXPECT_STREQ(quipu_cassandra_driver(), "scylla 1.9.0");
}

TEST(Drivers, KafkasKnowsTlsAndTheCompressionsThatTopicsUse) {
  char error[256];
  for (const char* codec : {"none", "gzip", "snappy", "lz4", "zstd"}) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    EXPECT_EQ(rd_kafka_conf_set(conf, "compression.codec", codec, error, sizeof error), RD_KAFKA_CONF_OK) << error;
    rd_kafka_conf_destroy(conf);
  }
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  EXPECT_EQ(rd_kafka_conf_set(conf, "security.protocol", "sasl_ssl", error, sizeof error), RD_KAFKA_CONF_OK) << error;
  EXPECT_EQ(rd_kafka_conf_set(conf, "sasl.mechanism", "SCRAM-SHA-512", error, sizeof error), RD_KAFKA_CONF_OK) << error;
  rd_kafka_conf_set(conf, "sasl.username", "somebody", error, sizeof error);
  rd_kafka_conf_set(conf, "sasl.password", "something", error, sizeof error);
  rd_kafka_t* producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
  ASSERT_NE(producer, nullptr) << error;
  rd_kafka_destroy(producer);
}

}  // namespace
}  // namespace quipu
