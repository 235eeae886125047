#include "cli/config_load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "cli/config_file.h"

namespace quipu {
namespace {

using testing::HasSubstr;

/// A file that is gone with the test.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text) {
    const int fd = mkstemp(path_.data());
    if (fd < 0 || write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) path_.clear();
    close(fd);
  }
  ~TemporaryFile() { std::remove(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_ = testing::TempDir() + "quipu-config-XXXXXX";
};

TEST(ConfigLoad, WithoutAnySourceEverythingHasItsDefault) {
  const auto loaded = load_config({});
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->config.http_listen, "127.0.0.1:8080");
  EXPECT_EQ(loaded->config.resp_listen, "127.0.0.1:6380");
  EXPECT_EQ(loaded->config.data_dir, "./quipu-data");
  EXPECT_EQ(loaded->config.log_partitions, 8);
  EXPECT_TRUE(loaded->origins.empty());
  EXPECT_TRUE(loaded->warnings.empty());
}

TEST(ConfigLoad, FlagsWinOverTheEnvironmentAndThatOverTheFile) {
  const TemporaryFile file("[log]\npartitions = 1\nretain_hours = 1\n[flush]\ninterval = \"1m\"\n");
  ConfigSources sources;
  sources.file = file.path();
  sources.environment = {{"QUIPU_LOG_PARTITIONS", "2"}, {"QUIPU_LOG_RETAIN_HOURS", "2"}, {"HOME", "/root"}};
  sources.flags = {{"log.partitions", "3", "--partitions"}};
  const auto loaded = load_config(sources);
  ASSERT_TRUE(loaded) << loaded.error().what;
  EXPECT_EQ(loaded->config.log_partitions, 3);
  EXPECT_EQ(loaded->config.log_retain_hours, 2);
  EXPECT_EQ(loaded->config.flush_interval_ms, 60'000);
  EXPECT_EQ(loaded->origins.at("log.partitions"), "--partitions");
  EXPECT_EQ(loaded->origins.at("log.retain_hours"), "QUIPU_LOG_RETAIN_HOURS");
  EXPECT_EQ(loaded->origins.at("flush.interval"), file.path() + ":5");
}

TEST(ConfigLoad, TheEnvironmentCanNameTheFileAndTheFlagWins) {
  const TemporaryFile one("[log]\npartitions = 1\n");
  const TemporaryFile two("[log]\npartitions = 2\n");
  ConfigSources sources;
  sources.environment = {{"QUIPU_CONFIG", one.path()}};
  EXPECT_EQ(load_config(sources).value().config.log_partitions, 1);
  sources.file = two.path();
  EXPECT_EQ(load_config(sources).value().config.log_partitions, 2);
}

TEST(ConfigLoad, AnUnknownKeyInTheFileIsAnErrorWithItsLine) {
  const TemporaryFile file("# ours\n[log]\npartitions = 8\npartitons = 9\n");
  ConfigSources sources;
  sources.file = file.path();
  const auto loaded = load_config(sources);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().what, file.path() + ":4: log.partitons: unknown key; did you mean log.partitions?");
}

TEST(ConfigLoad, AnUnknownKeyOnTheCommandLineIsAnError) {
  ConfigSources sources;
  sources.flags = {{"flush.intervall", "1s", "--set"}};
  const auto loaded = load_config(sources);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().what, "--set: flush.intervall: unknown key; did you mean flush.interval?");
}

TEST(ConfigLoad, AnUnknownNameInTheEnvironmentOnlyWarns) {
  ConfigSources sources;
  sources.environment = {{"QUIPU_SERVICE_PORT_METRICS", "1"}, {"QUIPU_LOG_PARTITON", "1"}, {"OTHER", "1"}};
  const auto loaded = load_config(sources);
  ASSERT_TRUE(loaded);
  ASSERT_EQ(loaded->warnings.size(), 2u);
  EXPECT_EQ(loaded->warnings[0], "QUIPU_SERVICE_PORT_METRICS in the environment is no setting; ignored");
  EXPECT_THAT(loaded->warnings[1], HasSubstr("did you mean QUIPU_LOG_PARTITIONS?"));
  EXPECT_EQ(loaded->config.log_partitions, 8);
}

TEST(ConfigLoad, AWrongValueInTheEnvironmentIsAnError) {
  ConfigSources sources;
  sources.environment = {{"QUIPU_LOG_PARTITIONS", "0"}};
  const auto loaded = load_config(sources);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().what, "QUIPU_LOG_PARTITIONS: log.partitions = \"0\": is out of range; allowed: 1 to 1024");
}

TEST(ConfigLoad, WhatIsNoTomlIsToldWithItsLine) {
  const auto parsed = parse_config_text("[log]\npartitions = = 8\n", "quipu.toml");
  ASSERT_FALSE(parsed);
  EXPECT_THAT(parsed.error().what, testing::StartsWith("quipu.toml:2: "));
}

TEST(ConfigLoad, AHeaderOrAKeyThatIsNoneIsToldWithItsLine) {
  using namespace std::string_view_literals;
  for (const auto text : {"[log]\n[\n"sv, "[log]\n[\n[flush"sv, "[log]\n[\0s]\n"sv, "[log]\n[[\n"sv, "[log]\n[.a]\n"sv,
                          "[log]\n\uFDBFa = 1\n"sv, "[log]\na \uFEFE= 1\n"sv}) {
    const auto parsed = parse_config_text(text, "quipu.toml");
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Code::kRefused);
    EXPECT_THAT(parsed.error().what, testing::StartsWith("quipu.toml:"));
  }
}

TEST(ConfigLoad, AKeyGivenTwiceIsAnError) {
  EXPECT_FALSE(parse_config_text("[log]\npartitions = 8\npartitions = 9\n", "quipu.toml"));
}

TEST(ConfigLoad, AKindThatNoKeyTakesIsRefused) {
  for (const auto* text : {"flush.interval = 1.5\n", "flush.interval = 2026-01-01\n", "resp.namespaces = [1]\n"}) {
    EXPECT_FALSE(parse_config_text(text, "quipu.toml")) << text;
  }
}

TEST(ConfigLoad, AFileThatIsNotThereIsNotFound) {
  ConfigSources sources;
  sources.file = testing::TempDir() + "quipu-no-such-file.toml";
  const auto loaded = load_config(sources);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Code::kNotFound);
  sources.file = testing::TempDir();
  EXPECT_FALSE(load_config(sources)) << "a directory is no file";
}

TEST(ConfigLoad, AnEmptyFileIsFine) {
  const TemporaryFile file("");
  ConfigSources sources;
  sources.file = file.path();
  const auto loaded = load_config(sources);
  EXPECT_TRUE(loaded) << loaded.error().what;
}

TEST(ConfigLoad, ANamespaceWithoutAKeyExistsWithItsDefaults) {
  const TemporaryFile file("[namespaces.videos]\n[namespaces.likes]\nack = \"memory\"\n[log]\n");
  ConfigSources sources;
  sources.file = file.path();
  const auto loaded = load_config(sources);
  ASSERT_TRUE(loaded) << loaded.error().what;
  ASSERT_EQ(loaded->config.namespaces.size(), 2u);
  EXPECT_EQ(loaded->config.namespaces.at("videos"), NamespacePolicy{});
  EXPECT_EQ(loaded->config.namespaces.at("likes").ack, AckMode::kMemory);
}

TEST(ConfigLoad, ALowerTableLowersWhatMayBeDirtyInItUnlessThatWasSet) {
  ConfigSources sources;
  sources.flags = {{"memory.table_bytes", "16MiB", "--set"}};
  EXPECT_EQ(load_config(sources).value().config.flush_dirty_bytes, 8u << 20);
  sources.flags.push_back({"flush.dirty_bytes", "12MiB", "--set"});
  EXPECT_EQ(load_config(sources).value().config.flush_dirty_bytes, 12u << 20);
  sources.flags.push_back({"flush.dirty_bytes", "17MiB", "--set"});
  EXPECT_FALSE(load_config(sources));
}

TEST(ConfigLoad, KeysThatContradictEachOtherAreRefusedAtTheEnd) {
  ConfigSources sources;
  sources.flags = {{"http.listen", "", "--http"}, {"resp.listen", "", "--resp"}};
  EXPECT_FALSE(load_config(sources));
}

}  // namespace
}  // namespace quipu
