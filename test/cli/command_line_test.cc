#include "cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "base/build_info.h"
#include "cli/config_page.h"
#include "cli/exit_code.h"

namespace quipu {
namespace {

using testing::HasSubstr;

/// Runs command lines with verbs that only note what they were given.
class CommandLine : public testing::Test {
 protected:
  int run(const std::vector<std::string>& arguments) {
    const Verbs verbs{[this](const Config& config) {
                        served_ = config;
                        return 42;
                      },
                      [this](const Config& config, bool new_generation) {
                        adopted_ = config;
                        new_generation_ = new_generation;
                        return 43;
                      },
                      [] { return false; }};
    return run_command_line(arguments, {environment_, out_, err_}, verbs);
  }

  std::vector<std::pair<std::string, std::string>> environment_;
  std::ostringstream out_;
  std::ostringstream err_;
  std::optional<Config> served_;
  std::optional<Config> adopted_;
  bool new_generation_ = false;
};

TEST_F(CommandLine, ServeAloneServesWithDefaultsAndAnswersItsExitCode) {
  EXPECT_EQ(run({"serve"}), 42);
  ASSERT_TRUE(served_);
  EXPECT_EQ(served_->http_listen, Config{}.http_listen);
  EXPECT_EQ(err_.str(), "");
}

TEST_F(CommandLine, FlagsOfServeSetTheirKeys) {
  EXPECT_EQ(run({"serve", "--data", "d", "--http", "127.0.0.1:1", "--resp", "127.0.0.1:2", "--partitions", "3", "--set",
                 "flush.interval=2s", "--set", "namespaces.likes.ack=memory"}),
            42);
  ASSERT_TRUE(served_);
  EXPECT_EQ(served_->data_dir, "d");
  EXPECT_EQ(served_->http_listen, "127.0.0.1:1");
  EXPECT_EQ(served_->resp_listen, "127.0.0.1:2");
  EXPECT_EQ(served_->log_partitions, 3);
  EXPECT_EQ(served_->flush_interval_ms, 2'000);
  EXPECT_EQ(served_->namespaces.at("likes").ack, AckMode::kMemory);
}

TEST_F(CommandLine, AnEmptyAddressTurnsAListenerOff) {
  EXPECT_EQ(run({"serve", "--http", ""}), 42);
  EXPECT_EQ(served_->http_listen, "");
}

TEST_F(CommandLine, TheEnvironmentIsRead) {
  environment_ = {{"QUIPU_HTTP_LISTEN", "127.0.0.1:7"}, {"QUIPU_NO_SUCH", "1"}};
  EXPECT_EQ(run({"serve"}), 42);
  EXPECT_EQ(served_->http_listen, "127.0.0.1:7");
  EXPECT_THAT(err_.str(), HasSubstr("warning: QUIPU_NO_SUCH"));
}

TEST_F(CommandLine, WrongSettingsAreUsageErrorsAndNothingIsStarted) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"serve", "--partitions", "0"},
                                             {"serve", "--set", "flush.interval"},
                                             {"serve", "--set", "no.such=1"},
                                             {"serve", "--config", "/nonexistent/quipu.toml"},
                                             {"serve", "--http", "nowhere"},
                                             {"serve", "extra"},
                                             {"serve", "--no-such-flag"},
                                             {"log"},
                                             {"log", "rotate"},
                                             {"bench", "load", "--connections", "0"},
                                             {"bench", "load", "--distribution", "normal"},
                                             {"bench", "load", "--resp", "127.0.0.1:1", "--http", "127.0.0.1:1"},
                                             {"bench", "load", "--events", "5", "--seconds", "5"},
                                             {"bench", "load", "--namespace", "Not A Name"},
                                             {"config", "print", "--json", "--markdown"},
                                             {"config", "print", "--json", "--bounds"},
                                             {"no-such-verb"},
                                             {}}) {
    err_.str("");
    EXPECT_EQ(run(arguments), kExitUsage) << testing::PrintToString(arguments);
    EXPECT_NE(err_.str(), "") << testing::PrintToString(arguments);
  }
  EXPECT_FALSE(served_);
  EXPECT_FALSE(adopted_);
}

TEST_F(CommandLine, AMisspeltVerbOrFlagIsToldWhichWasPerhapsMeant) {
  EXPECT_EQ(run({"srve"}), kExitUsage);
  EXPECT_THAT(err_.str(), HasSubstr("Did you mean 'serve'?"));
  EXPECT_EQ(run({"log", "adpot"}), kExitUsage);
  EXPECT_THAT(err_.str(), HasSubstr("Did you mean 'adopt'?"));
  EXPECT_EQ(run({"serve", "--dta", "x"}), kExitUsage);
  EXPECT_THAT(err_.str(), HasSubstr("Did you mean '--data'?"));
}

TEST_F(CommandLine, LogAdoptGetsTheConfiguration) {
  EXPECT_EQ(run({"log", "adopt", "--data", "d"}), 43);
  ASSERT_TRUE(adopted_);
  EXPECT_EQ(adopted_->data_dir, "d");
  EXPECT_FALSE(new_generation_);
  EXPECT_EQ(run({"log", "adopt", "--new-generation"}), 43);
  EXPECT_TRUE(new_generation_);
  EXPECT_FALSE(served_);
}

TEST_F(CommandLine, HelpIsNoError) {
  EXPECT_EQ(run({"--help"}), kExitOk);
  EXPECT_THAT(out_.str(), HasSubstr("serve"));
  EXPECT_EQ(run({"serve", "--help"}), kExitOk);
  EXPECT_THAT(out_.str(), HasSubstr("--partitions"));
}

TEST_F(CommandLine, VersionSaysWhichProgramThisIs) {
  EXPECT_EQ(run({"version"}), kExitOk);
  EXPECT_THAT(out_.str(), testing::StartsWith(std::string("quipu ") + build_info().version + " ("));
  out_.str("");
  EXPECT_EQ(run({"version", "--json"}), kExitOk);
  const auto object = nlohmann::json::parse(out_.str());
  EXPECT_EQ(object.at("version"), build_info().version);
  EXPECT_TRUE(object.contains("commit"));
}

TEST_F(CommandLine, ConfigPrintShowsEverySettingAndItsOrigin) {
  EXPECT_EQ(run({"config", "print", "--set", "log.partitions=16"}), kExitOk);
  EXPECT_THAT(out_.str(), testing::ContainsRegex("log.partitions = 16 +# --set\n"));
  EXPECT_THAT(out_.str(), testing::ContainsRegex("flush.interval = \"3s\" +# default\n"));
  EXPECT_THAT(out_.str(), HasSubstr("16000000 ids are remembered"));
}

TEST_F(CommandLine, WhatConfigPrintWritesIsReadAsTheSameConfiguration) {
  EXPECT_EQ(run({"config", "print", "--set", "log.partitions=16", "--set", "namespaces.likes.viewer_window=1h"}),
            kExitOk);
  const auto path = testing::TempDir() + "quipu-config-print.toml";
  std::ofstream(path) << out_.str();
  EXPECT_EQ(run({"serve", "--config", path}), 42) << err_.str();
  EXPECT_EQ(served_->log_partitions, 16);
  EXPECT_EQ(served_->namespaces.at("likes").viewer_window_ms, 3'600'000);
  std::remove(path.c_str());
}

TEST_F(CommandLine, ConfigPrintJsonHoldsEveryKey) {
  EXPECT_EQ(run({"config", "print", "--json"}), kExitOk);
  const auto object = nlohmann::json::parse(out_.str());
  EXPECT_EQ(object.at("log.partitions"), 8);
  EXPECT_EQ(object.at("log.segment_bytes"), 64 << 20);
  EXPECT_EQ(object.at("resp.namespaces"), nlohmann::json({"views"}));
}

TEST_F(CommandLine, ConfigPrintBoundsHoldsWhatIsInEffectAndWhatIsFixed) {
  EXPECT_EQ(run({"config", "print", "--bounds", "--set", "limits.connections=7"}), kExitOk);
  std::map<std::string, nlohmann::json> rows;
  for (const auto& row : nlohmann::json::parse(out_.str())) {
    EXPECT_NE(row.at("beyond"), "") << row;
    EXPECT_TRUE(rows.emplace(row.at("name"), row).second) << row;
  }
  EXPECT_EQ(rows.at("limits.connections").at("value"), 7);
  EXPECT_EQ(rows.at("limits.connections").at("fixed"), false);
  EXPECT_EQ(rows.at("counter_bytes").at("value"), 1'024);
  EXPECT_EQ(rows.at("counter_bytes").at("fixed"), true);
  EXPECT_EQ(rows.count("namespaces.NAME.viewer_window"), 1);
  EXPECT_EQ(rows.count("data.dir"), 0);
}

TEST_F(CommandLine, ThePageOfTheConfigurationIsWhatTheProgramPrints) {
  std::ifstream in(std::string(QUIPU_SOURCE_DIR) + "/docs/configuration.md");
  std::ostringstream page;
  page << in.rdbuf();
  EXPECT_EQ(page.str(), config_markdown())
      << "write it anew: build/release/quipu config print --markdown > docs/configuration.md";
}

TEST_F(CommandLine, ALoadWithoutAServerIsUnreachable) {
  // Port 1 of the loopback: nothing listens there, and connecting is refused at once.
  EXPECT_EQ(run({"bench", "load", "--resp", "127.0.0.1:1", "--events", "1"}), kExitUnreachable);
  EXPECT_THAT(err_.str(), HasSubstr("127.0.0.1:1"));
}

}  // namespace
}  // namespace quipu
