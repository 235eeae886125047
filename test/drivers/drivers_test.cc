#include <gtest/gtest.h>
#include <librdkafka/rdkafka.h>
#include <quipu_cassandra.h>

#include <array>
#include <cstdint>
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

/// Opening with these options; the error's text in `error`.
std::int32_t open_cassandra(const quipu_cassandra_options& options, std::string& error) {
  quipu_cassandra_session* session = nullptr;
  std::array<char, 512> text{};
  const auto code = quipu_cassandra_open(&options, &session, text.data(), text.size());
  EXPECT_EQ(session, nullptr);
  error = text.data();
  return code;
}

/// Nothing listens there: the port is reserved, and never handed out.
quipu_cassandra_options to_nowhere() {
  quipu_cassandra_options options{};
  options.contact_points = "127.0.0.1:1";
  options.threads = options.connections = options.requests_in_flight = 1;
  options.connect_ms = options.request_ms = options.retry_ms = 2'000;
  return options;
}

TEST(Drivers, CassandrasSaysWhenNobodyAnswers) {
  std::string error;
  EXPECT_EQ(open_cassandra(to_nowhere(), error), QUIPU_CASSANDRA_UNAVAILABLE) << error;
  EXPECT_FALSE(error.empty());
}

TEST(Drivers, CassandrasNamesWhatIsWrongInTheConfiguration) {
  std::string error;
  auto options = to_nowhere();
  options.contact_points = "";
  EXPECT_EQ(open_cassandra(options, error), QUIPU_CASSANDRA_CONFIG) << error;
  options = to_nowhere();
  options.user = "\xff";
  EXPECT_EQ(open_cassandra(options, error), QUIPU_CASSANDRA_CONFIG);
  EXPECT_EQ(error, "the user is not UTF-8");
  options = to_nowhere();
  options.tls = 1;
  options.tls_ca = "/nowhere/ca.pem";
  EXPECT_EQ(open_cassandra(options, error), QUIPU_CASSANDRA_CONFIG);
  EXPECT_NE(error.find("/nowhere/ca.pem"), std::string::npos) << error;
}

TEST(Drivers, CassandrasErrorsAreCutToTheirPlace) {
  auto options = to_nowhere();
  options.contact_points = "";
  quipu_cassandra_session* session = nullptr;
  std::array<char, 8> text{};
  text.fill('x');
  EXPECT_EQ(quipu_cassandra_open(&options, &session, text.data(), 4), QUIPU_CASSANDRA_CONFIG);
  EXPECT_EQ(text[3], '\0');
  EXPECT_EQ(text[4], 'x');
  EXPECT_EQ(quipu_cassandra_open(&options, &session, nullptr, 0), QUIPU_CASSANDRA_CONFIG);
  quipu_cassandra_close(nullptr);
}

}  // namespace
}  // namespace quipu
