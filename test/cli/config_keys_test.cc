#include "cli/config_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "cli/config_value.h"

namespace quipu {
namespace {

using testing::HasSubstr;

bool is_number(const KeySpec& spec) {
  return spec.kind == KeyKind::kInteger || spec.kind == KeyKind::kBytes || spec.kind == KeyKind::kDuration;
}

std::string written(const KeySpec& spec, std::int64_t value) {
  return spec.kind == KeyKind::kDuration ? std::to_string(value) + "ms" : std::to_string(value);
}

TEST(ConfigKeys, EachHasANameOfItsOwnAndASentence) {
  std::set<std::string> names;
  for (const auto& key : config_keys()) {
    EXPECT_TRUE(names.insert(key.spec.name).second) << key.spec.name;
    EXPECT_THAT(key.spec.name, testing::MatchesRegex("[a-z]+\\.[a-z_]+"));
    EXPECT_THAT(key.spec.what, testing::EndsWith(".")) << key.spec.name;
  }
}

TEST(ConfigKeys, EachTakesBothOfItsBoundsAndRefusesOnePastEither) {
  for (const auto& key : config_keys()) {
    if (!is_number(key.spec)) continue;
    SCOPED_TRACE(key.spec.name);
    Config config;
    for (const auto bound : {key.spec.low, key.spec.high}) {
      ASSERT_TRUE(set_key(config, key.spec.name, written(key.spec, bound)));
      EXPECT_EQ(std::get<std::int64_t>(key.get(config)), bound) << "the field must hold the whole range";
    }
    for (const auto beyond : {key.spec.low - 1, key.spec.high + 1}) {
      const auto refused = set_key(config, key.spec.name, written(key.spec, beyond));
      ASSERT_FALSE(refused);
      EXPECT_THAT(refused.error().what, HasSubstr(key.spec.name));
      EXPECT_THAT(refused.error().what, HasSubstr(written(key.spec, beyond)));
      EXPECT_THAT(refused.error().what, HasSubstr(format_allowed(key.spec)));
      EXPECT_EQ(std::get<std::int64_t>(key.get(config)), key.spec.high) << "a refused value changes nothing";
    }
  }
}

TEST(ConfigKeys, EveryDefaultIsAllowedAndReadsBackFromItsOwnText) {
  for (const auto& key : config_keys()) {
    SCOPED_TRACE(key.spec.name);
    const auto value = key.get(Config{});
    Config config;
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      EXPECT_TRUE(set_key(config, key.spec.name, written(key.spec, *number)));
    } else {
      EXPECT_TRUE(set_key(config, key.spec.name, value));
    }
    EXPECT_EQ(key.get(config), value);
  }
  EXPECT_TRUE(validate(Config{}));
}

TEST(ConfigKeys, EachSetsAFieldOfItsOwn) {
  for (const auto& key : config_keys()) {
    if (!is_number(key.spec)) continue;
    Config config;
    const auto other = std::get<std::int64_t>(key.get(config)) == key.spec.high ? key.spec.low : key.spec.high;
    ASSERT_TRUE(set_key(config, key.spec.name, written(key.spec, other)));
    for (const auto& another : config_keys()) {
      if (&another != &key) {
        EXPECT_EQ(another.get(config), another.get(Config{})) << key.spec.name << " sets " << another.spec.name;
      }
    }
  }
}

TEST(ConfigKeys, AnUnknownKeyIsToldWhichWasPerhapsMeant) {
  Config config;
  const auto refused = set_key(config, "log.partitons", std::string("8"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kNotFound);
  EXPECT_EQ(refused.error().what, "log.partitons: unknown key; did you mean log.partitions?");
  EXPECT_THAT(set_key(config, "color.scheme", std::string("x")).error().what, HasSubstr("quipu config print"));
}

TEST(ConfigKeys, AValueOfAnotherKindIsRefused) {
  Config config;
  EXPECT_FALSE(set_key(config, "log.partitions", std::string("many")));
  EXPECT_FALSE(set_key(config, "log.partitions", true));
  EXPECT_FALSE(set_key(config, "namespaces.auto_create", std::int64_t{1}));
  EXPECT_FALSE(set_key(config, "http.listen", std::string("nowhere")));
  EXPECT_FALSE(set_key(config, "http.listen", std::int64_t{8080}));
  EXPECT_FALSE(set_key(config, "data.dir", std::string()));
  EXPECT_FALSE(set_key(config, "resp.namespaces", true));
  EXPECT_THAT(set_key(config, "flush.interval", std::int64_t{1000}).error().what, HasSubstr("no unit"));
  EXPECT_THAT(set_key(config, "diagnostics.log_level", std::string("loud")).error().what, HasSubstr("trace, debug"));
}

TEST(ConfigKeys, AListIsWrittenWithCommasOutsideAFile) {
  Config config;
  ASSERT_TRUE(set_key(config, "resp.namespaces", std::string("views,likes")));
  EXPECT_THAT(config.resp_namespaces, testing::ElementsAre("views", "likes"));
  ASSERT_TRUE(set_key(config, "resp.namespaces", std::string()));
  EXPECT_TRUE(config.resp_namespaces.empty());
}

TEST(ConfigKeys, ANamespaceHasItsOwnPolicy) {
  Config config;
  ASSERT_TRUE(set_key(config, "namespaces.videos.viewer_window", std::string("24h")));
  ASSERT_TRUE(set_key(config, "namespaces.videos.ack", std::string("memory")));
  const NamespacePolicy expected{AckMode::kMemory, true, 86'400'000, 0};
  EXPECT_EQ(config.namespaces.at("videos"), expected);

  EXPECT_THAT(set_key(config, "namespaces.videos.akc", std::string("memory")).error().what,
              HasSubstr("did you mean namespaces.videos.ack?"));
  EXPECT_FALSE(set_key(config, "namespaces.Videos.ack", std::string("memory"))) << "no name of a namespace";
  EXPECT_FALSE(set_key(config, "namespaces.likes.ack", std::string("maybe")));
  EXPECT_EQ(config.namespaces.size(), 1u) << "a refused policy makes no namespace";
}

TEST(ConfigKeys, KeysThatContradictEachOtherAreRefused) {
  const auto refuses = [](auto change) {
    Config config;
    change(config);
    return !validate(config);
  };
  EXPECT_TRUE(refuses([](Config& c) { c.http_listen = c.resp_listen = ""; }));
  EXPECT_TRUE(refuses([](Config& c) { c.limits.input_bytes_max = c.limits.body_bytes_max; }));
  EXPECT_TRUE(refuses([](Config& c) { c.limits.clients_bytes_max = c.limits.output_bytes_max; }));
  EXPECT_TRUE(refuses([](Config& c) { c.flush_dirty_bytes = c.memory_table_bytes + 1; }));
  EXPECT_TRUE(refuses([](Config& c) { c.log_segment_bytes = (8 << 20) + 1; }));
  EXPECT_TRUE(refuses([](Config& c) { c.resp_namespaces = {"Not-A-Name"}; }));
  EXPECT_TRUE(refuses([](Config& c) { c.namespaces["x"] = {AckMode::kMemory, false, 0, 0}; }));
  EXPECT_FALSE(refuses([](Config& c) { c.http_listen = ""; }));
}

TEST(ConfigKeys, WhatTheDistributedFormStandsOnMustBeNamedAndFit) {
  const auto refusal = [](auto change) {
    Config config;
    config.cluster.log_kind = "kafka";
    config.cluster.store_kind = "cassandra";
    config.cluster.kafka_brokers = "k:1";
    config.cluster.cassandra_contact_points = "c:1";
    change(config.cluster);
    const auto valid = validate(config);
    return valid ? "" : valid.error().what;
  };
  using testing::HasSubstr;
  EXPECT_EQ(refusal([](ClusterConfig&) {}), "");
  EXPECT_THAT(refusal([](ClusterConfig& c) { c.log_kind = "segments"; }), HasSubstr("needs log.kind = \"kafka\""));
  EXPECT_THAT(refusal([](ClusterConfig& c) { c.kafka_brokers = ""; }), HasSubstr("kafka.brokers is empty"));
  EXPECT_THAT(refusal([](ClusterConfig& c) { c.store_kind = "rocksdb"; }), HasSubstr("is of one process"));
  EXPECT_THAT(refusal([](ClusterConfig& c) { c.cassandra_contact_points = ""; }), HasSubstr("contact_points is empty"));
  EXPECT_THAT(refusal([](ClusterConfig& c) { c.store_kind = "postgres"; }), HasSubstr("postgres.url is empty"));
  EXPECT_THAT(refusal([](ClusterConfig& c) { c.cache_kind = "redis"; }), HasSubstr("redis.address is empty"));
  EXPECT_THAT(refusal([](ClusterConfig& c) { c.kafka_give_up_ms = c.kafka_delivery_timeout_ms - 1; }),
              HasSubstr("kafka.give_up"));
  EXPECT_THAT(refusal([](ClusterConfig& c) { c.kafka_client = {"sasl.username"}; }), HasSubstr("is not NAME=VALUE"));
}

TEST(ConfigKeys, TheEnvironmentNamesThemInCapitals) {
  EXPECT_EQ(environment_name("log.segment_bytes"), "QUIPU_LOG_SEGMENT_BYTES");
}

}  // namespace
}  // namespace quipu
