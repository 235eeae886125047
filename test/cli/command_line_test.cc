#include "cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
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
    const auto note = [this](std::optional<Config>& into, int code) {
      return [&into, code](const Config& config) {
        into = config;
        return code;
      };
    };
    Verbs verbs;
    verbs.serve = note(served_, 42);
    if (distributed_) {
      verbs.api = note(api_, 44);
      verbs.worker = note(worker_, 45);
      verbs.serve_cluster = note(both_, 46);
      verbs.adopt_topic = [this](const Config& config) {
        adopted_ = config;
        return begun_;
      };
      verbs.migrate_store = [this](const Config& config) {
        migrated_ = config;
        return begun_;
      };
      verbs.log_status = [this](const Config&) { return status_; };
      verbs.audit_cluster = [this](const Config&, const auto&, const auto&) { return audited_cluster_; };
      verbs.grow_log = [this](const Config& config, std::uint16_t partitions, const auto&) {
        grown_config_ = config;
        grown_to_ = partitions;
        return grown_;
      };
    }
    verbs.adopt_log = [this](const Config& config, bool new_generation) {
      adopted_ = config;
      new_generation_ = new_generation;
      return 43;
    };
    verbs.interrupted = [] { return false; };
    verbs.audit = [this](const Config&, const auto&, const auto&) { return audited_; };
    return run_command_line(arguments, {environment_, out_, err_}, verbs);
  }

  std::vector<std::pair<std::string, std::string>> environment_;
  std::ostringstream out_;
  std::ostringstream err_;
  std::optional<Config> served_;
  std::optional<Config> api_;
  std::optional<Config> worker_;
  std::optional<Config> both_;
  bool distributed_ = true;
  Result<LogStatus> status_ = LogStatus{};
  std::optional<Config> grown_config_;
  std::uint16_t grown_to_ = 0;
  Result<GrownLog> grown_ = GrownLog{};
  Result<AuditReport> audited_cluster_ = AuditReport{};
  Result<BegunLog> begun_ = BegunLog{};
  std::optional<Config> migrated_;
  std::optional<Config> adopted_;
  bool new_generation_ = false;
  Result<AuditReport> audited_ = AuditReport{};
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

TEST_F(CommandLine, PartitionsAreThoseOfTheLogThatIsMeant) {
  environment_ = {{"QUIPU_STORE_KIND", "postgres"}, {"QUIPU_POSTGRES_URL", "dbname=x"}, {"QUIPU_KAFKA_BROKERS", "k:1"}};
  EXPECT_EQ(run({"serve", "--partitions", "32", "--set", "log.kind=kafka"}), 46) << err_.str();
  EXPECT_EQ(both_->cluster.kafka_partitions, 32);
  EXPECT_EQ(both_->log_partitions, Config{}.log_partitions);
  environment_.clear();
  EXPECT_EQ(run({"serve", "--partitions", "32"}), 42) << err_.str();
  EXPECT_EQ(served_->log_partitions, 32);
  EXPECT_EQ(served_->cluster.kafka_partitions, Config{}.cluster.kafka_partitions);
}

TEST_F(CommandLine, WhatServesNobodyHasNoAddresses) {
  for (const char* verb : {"audit", "log adopt"}) {
    std::vector<std::string> line{verb};
    if (line[0] == "log adopt") line = {"log", "adopt"};
    line.insert(line.end(), {"--http", "127.0.0.1:1"});
    EXPECT_EQ(run(line), kExitUsage) << verb;
    EXPECT_THAT(err_.str(), HasSubstr("--http")) << verb;
    err_.str("");
  }
}

TEST_F(CommandLine, TheRolesOfTheDistributedFormCanOnlyStandOnKafka) {
  environment_ = {{"QUIPU_STORE_KIND", "postgres"}, {"QUIPU_POSTGRES_URL", "dbname=x"}, {"QUIPU_KAFKA_BROKERS", "k:1"}};
  EXPECT_EQ(run({"api", "--http", "127.0.0.1:1"}), 44) << err_.str();
  EXPECT_EQ(api_->cluster.log_kind, "kafka");
  EXPECT_EQ(api_->http_listen, "127.0.0.1:1");
  EXPECT_EQ(api_->flush_interval_ms, 5'000) << "no default of files";
  EXPECT_EQ(api_->cluster.commit_delay_ms, 0) << "PostgreSQL acknowledges what is on disk";
  EXPECT_EQ(run({"worker", "--workers", "3", "--listen", "127.0.0.1:2"}), 45) << err_.str();
  EXPECT_EQ(worker_->cluster.workers, 3);
  EXPECT_EQ(worker_->cluster.worker_listen, "127.0.0.1:2");
  EXPECT_EQ(run({"serve", "--set", "log.kind=kafka"}), 46) << err_.str();
  EXPECT_TRUE(both_);
  EXPECT_FALSE(served_);
}

TEST_F(CommandLine, WithoutWhatTheyStandOnTheRolesAreNotStarted) {
  EXPECT_EQ(run({"api"}), kExitUsage);
  EXPECT_THAT(err_.str(), HasSubstr("kafka.brokers is empty"));
  environment_ = {{"QUIPU_KAFKA_BROKERS", "k:1"}};
  EXPECT_EQ(run({"worker"}), kExitUsage);
  EXPECT_THAT(err_.str(), HasSubstr("store.kind = \"rocksdb\": is of one process"));
  environment_.insert(environment_.end(), {{"QUIPU_STORE_KIND", "postgres"}, {"QUIPU_POSTGRES_URL", "dbname=x"}});
  distributed_ = false;
  err_.str("");
  EXPECT_EQ(run({"worker"}), kExitFailure);
  EXPECT_THAT(err_.str(), HasSubstr("QUIPU_DISTRIBUTED"));
}

TEST_F(CommandLine, LogStatusSaysHowFarEachPartitionIs) {
  environment_ = {{"QUIPU_STORE_KIND", "postgres"}, {"QUIPU_POSTGRES_URL", "dbname=x"}, {"QUIPU_KAFKA_BROKERS", "k:1"}};
  status_->topic = "events";
  status_->open_partitions = 1;
  status_->partitions = {{PartitionId{0}, Offset{1}, Offset{101}, Offset{90}, Offset{80}, 10, 5'000, true, 2'500},
                         {PartitionId{1}, Offset{1}, Offset{1}, Offset{}, Offset{}, 3, 70, false, -1}};
  EXPECT_EQ(run({"log", "status", "--topic", "events"}), kExitOk) << err_.str();
  EXPECT_THAT(out_.str(),
              HasSubstr("0            1          101           90           80         10         5000       2.5\n"));
  EXPECT_THAT(out_.str(), HasSubstr("          3          >70         ?\n"));
  EXPECT_THAT(out_.str(), HasSubstr("13 frames, of >5070 events, are not in the store yet"));
  out_.str("");
  EXPECT_EQ(run({"log", "status", "--json"}), kExitOk);
  const auto object = nlohmann::json::parse(out_.str());
  EXPECT_EQ(object["partitions"][0]["applied"], 90);
  EXPECT_EQ(object["partitions"][0]["lag_ms"], 2'500);
  EXPECT_EQ(object["partitions"][0]["lag_events"], 5'000);
  EXPECT_EQ(object["partitions"][0]["lag_events_complete"], true);
  EXPECT_EQ(object["partitions"][1]["lag_events_complete"], false);
  EXPECT_TRUE(object["partitions"][1]["lag_ms"].is_null());
}

TEST_F(CommandLine, AdoptingATopicAndMigratingSayWhatTheyCameTo) {
  environment_ = {{"QUIPU_STORE_KIND", "postgres"}, {"QUIPU_POSTGRES_URL", "dbname=x"}, {"QUIPU_KAFKA_BROKERS", "k:1"}};
  begun_->before.log.generation = Generation{4};
  begun_->after.log.generation = Generation{5};
  begun_->counters = 7;
  begun_->rows = 9;
  EXPECT_EQ(run({"store", "migrate", "--data", "d"}), kExitOk) << err_.str();
  EXPECT_EQ(migrated_->data_dir, "d");
  const auto file = testing::TempDir() + "quipu_migrate_to.toml";
  std::ofstream(file) << "[cassandra]\nkeyspace = \"there\"\n";
  EXPECT_EQ(run({"store", "migrate", "--from", "e", "--to", file}), kExitOk) << err_.str();
  EXPECT_EQ(migrated_->data_dir, "e");
  EXPECT_EQ(migrated_->cluster.cassandra_keyspace, "there");
  std::filesystem::remove(file);
  EXPECT_THAT(out_.str(), HasSubstr("7 counters in 9 rows are in the store now, as generation 4"));
  out_.str("");
  EXPECT_EQ(run({"log", "adopt", "--set", "log.kind=kafka", "--json"}), kExitOk) << err_.str();
  EXPECT_TRUE(adopted_);
  EXPECT_EQ(nlohmann::json::parse(out_.str())["generation"], 5);
  begun_ = failure(Code::kRefused, "it is in use");
  EXPECT_EQ(run({"store", "migrate"}), kExitFailure);
  EXPECT_THAT(err_.str(), HasSubstr("it is in use"));
}

TEST_F(CommandLine, AuditOfTheDistributedFormSaysWhatItCouldNotCompare) {
  environment_ = {{"QUIPU_STORE_KIND", "postgres"}, {"QUIPU_POSTGRES_URL", "dbname=x"}, {"QUIPU_KAFKA_BROKERS", "k:1"}};
  const std::vector<std::string> line{"audit", "--set", "log.kind=kafka"};
  audited_cluster_->rows = 7;
  audited_cluster_->base = Offset{100};
  audited_cluster_->log_end = Offset{500};
  audited_cluster_->partial_rows = 3;
  audited_cluster_->later_entries = 2;
  EXPECT_EQ(run(line), kExitOk) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("0 differences in 7 rows"));
  EXPECT_THAT(out_.str(), HasSubstr("of 500 that there ever were; 100 are not kept any more\n"));
  EXPECT_THAT(out_.str(), HasSubstr("2 entries of the log are not due in the store yet: workers bring them in\n"));
  EXPECT_THAT(out_.str(), HasSubstr("3 rows began before what the log keeps"));
  audited_cluster_->differences = 1;
  EXPECT_EQ(run(line), kExitNotReady);
  audited_cluster_ = failure(Code::kTimeout, "no answer");
  EXPECT_EQ(run(line), kExitUnreachable);
  audited_cluster_ = failure(Code::kNotFound, "nothing was started");
  EXPECT_EQ(run(line), kExitNotFound);
  distributed_ = false;
  EXPECT_EQ(run(line), kExitFailure);
  EXPECT_THAT(err_.str(), HasSubstr("built without what Kafka needs"));
}

TEST_F(CommandLine, LogGrowSaysHowManyPartitionsTakeEvents) {
  environment_ = {{"QUIPU_STORE_KIND", "postgres"}, {"QUIPU_POSTGRES_URL", "dbname=x"}, {"QUIPU_KAFKA_BROKERS", "k:1"}};
  const std::vector<std::string> line{"log",     "grow",   "--partitions", "32",
                                      "--topic", "events", "--set",        "log.kind=kafka"};
  grown_ = GrownLog{"events", Generation{2}, 16, 32, 7};
  EXPECT_EQ(run(line), kExitOk) << err_.str();
  EXPECT_EQ(grown_to_, 32);
  EXPECT_EQ(grown_config_->cluster.kafka_topic, "events");
  EXPECT_THAT(out_.str(), HasSubstr("topic events: 32 partitions take events, 16 did before"));
  out_.str("");
  auto json = line;
  json.emplace_back("--json");
  EXPECT_EQ(run(json), kExitOk);
  const auto object = nlohmann::json::parse(out_.str());
  EXPECT_EQ(object.at("partitions"), 32);
  EXPECT_EQ(object.at("partitions_before"), 16);
  EXPECT_EQ(object.at("counters_reset"), 7);
  for (const auto& [error, exit_code] : {std::pair(Code::kRefused, kExitFailure),
                                         {Code::kNotFound, kExitNotFound},
                                         {Code::kTimeout, kExitUnreachable},
                                         {Code::kDamaged, kExitNotReady},
                                         {Code::kConflict, kExitNotReady}}) {
    grown_ = failure(error, "the reason");
    EXPECT_EQ(run(line), exit_code);
    EXPECT_THAT(err_.str(), HasSubstr("the reason"));
  }
}

TEST_F(CommandLine, LogGrowRefusesADirectoryAndWhatIsNoNumber) {
  EXPECT_EQ(run({"log", "grow", "--partitions", "32"}), kExitFailure);
  EXPECT_THAT(err_.str(), HasSubstr("keeps the partitions that it was made with"));
  for (const char* number : {"x", "-1", "70000"}) {
    EXPECT_EQ(run({"log", "grow", "--partitions", number}), kExitUsage) << number;
    EXPECT_THAT(err_.str(), HasSubstr("--partitions")) << number;
  }
  EXPECT_EQ(run({"log", "grow"}), kExitUsage);
  EXPECT_THAT(err_.str(), HasSubstr("--partitions is required"));
  EXPECT_FALSE(grown_config_);
}

TEST_F(CommandLine, LogStatusThatCanNotAskSaysSoByItsExitCode) {
  environment_ = {{"QUIPU_STORE_KIND", "postgres"}, {"QUIPU_POSTGRES_URL", "dbname=x"}, {"QUIPU_KAFKA_BROKERS", "k:1"}};
  for (const auto& [error, exit_code] :
       {std::pair(Code::kNotFound, kExitNotFound), std::pair(Code::kBusy, kExitUnreachable),
        std::pair(Code::kTimeout, kExitUnreachable), std::pair(Code::kDamaged, kExitNotReady)}) {
    status_ = failure(error, "the reason");
    out_.str("");
    EXPECT_EQ(run({"log", "status", "--json"}), exit_code);
    EXPECT_THAT(nlohmann::json::parse(out_.str()).dump(), HasSubstr("the reason"));
  }
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
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"serve", "--partitions", "0"},
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
           {"bench", "load", "--batch", "10"},
           {"bench", "load", "--http", "127.0.0.1:1", "--batch", "0"},
           {"bench", "load", "--http", "127.0.0.1:1", "--batch", "10", "--events", "15"},
           {"bench", "load", "--http", "127.0.0.1:1", "--batch", "10", "--keys", "15", "--distribution", "each"},
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
  EXPECT_EQ(object.at("log.partitions").at("value"), 8);
  EXPECT_EQ(object.at("log.partitions").at("origin"), "default");
  EXPECT_EQ(object.at("log.segment_bytes").at("value"), 64 << 20);
  EXPECT_EQ(object.at("resp.namespaces").at("value"), nlohmann::json({"views"}));
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

TEST_F(CommandLine, ConfigPrintJsonSaysWhereAValueComesFrom) {
  environment_ = {{"QUIPU_LOG_PARTITIONS", "4"}};
  EXPECT_EQ(run({"config", "print", "--json", "--set", "flush.interval=2s"}), kExitOk);
  const auto object = nlohmann::json::parse(out_.str());
  EXPECT_EQ(object.at("log.partitions").at("origin"), "QUIPU_LOG_PARTITIONS");
  EXPECT_EQ(object.at("flush.interval").at("origin"), "--set");
}

/// Every block of the page that begins with `$ quipu ... --help` is what the program prints then.
TEST_F(CommandLine, ThePageOfTheCommandsHoldsTheHelpOfEachOfThem) {
  std::ifstream in(std::string(QUIPU_SOURCE_DIR) + "/docs/cli.md");
  std::stringstream whole;
  whole << in.rdbuf();
  const auto page = whole.str();
  for (const std::string verb : {"", "serve", "api", "worker", "log status", "incr", "get", "top", "import", "audit",
                                 "config print", "log adopt", "log grow", "store migrate", "bench load", "version"}) {
    std::vector<std::string> arguments;
    std::stringstream words(verb);
    for (std::string word; words >> word;) arguments.push_back(word);
    arguments.emplace_back("--help");
    out_.str("");
    EXPECT_EQ(run(arguments), kExitOk);
    const auto block = "```text\n$ quipu " + verb + (verb.empty() ? "" : " ") + "--help\n" + out_.str() + "```\n";
    EXPECT_NE(page.find(block), std::string::npos) << "write it anew: tools/write_cli_page\n" << block;
    EXPECT_THAT(out_.str(), HasSubstr("Exit codes: 0 ok, 1 failure, 2 usage, 3 not found"));
  }
}

TEST_F(CommandLine, ErrorsAreOneJsonObjectWhereJsonIsAskedFor) {
  for (const auto& [arguments, code] : std::vector<std::pair<std::vector<std::string>, int>>{
           {{"srve", "--json"}, kExitUsage},
           {{"incr", "likes", "--json"}, kExitUsage},
           {{"incr", "Not A Name", "c", "--json"}, kExitUsage},
           {{"incr", "likes", "c", "--by", "x", "--json"}, kExitUsage},
           {{"incr", "likes", "c", "--id", std::string(65, 'x'), "--json"}, kExitUsage},
           {{"get", "likes", std::string(1'025, 'x'), "--json"}, kExitUsage},
           {{"get", "likes", "c", "--server", "ftp://x", "--json"}, kExitUsage},
           {{"get", "likes", "c", "--server", "127.0.0.1:0", "--json"}, kExitUsage},
           {{"get", "likes", "c", "--key-file", "/nonexistent/key", "--json"}, kExitUsage},
           {{"get", "likes", "c", "--server", "127.0.0.1:1", "--json"}, kExitUnreachable},
           {{"incr", "likes", "c", "--server", "127.0.0.1:1", "--json"}, kExitUnreachable},
           {{"top", "likes", "--server", "127.0.0.1:1", "--json"}, kExitUnreachable},
           {{"top", "likes", "--limit", "0", "--json"}, kExitUsage},
           {{"import", "f", "--source", "a b", "--state-dir", "d", "--json"}, kExitUsage},
           {{"import", "f", "--json"}, kExitUsage},
           {{"audit", "--set", "no.such=1", "--json"}, kExitUsage},
           {{"config", "print", "--set", "no.such=1", "--json"}, kExitUsage},
           {{"serve", "--set", "no.such=1", "--json"}, kExitUsage},
           {{"log", "adopt", "--set", "no.such=1", "--json"}, kExitUsage},
           {{"bench", "load", "--namespace", "Not A Name", "--json"}, kExitUsage},
           {{"bench", "load", "--resp", "127.0.0.1:1", "--events", "1", "--json"}, kExitUnreachable}}) {
    out_.str("");
    err_.str("");
    EXPECT_EQ(run(arguments), code) << testing::PrintToString(arguments);
    const auto object = nlohmann::json::parse(out_.str(), nullptr, false);
    ASSERT_TRUE(object.is_object()) << testing::PrintToString(arguments) << out_.str();
    EXPECT_EQ(object.at("error").at("exit_code"), code);
    EXPECT_THAT(err_.str(), HasSubstr(object.at("error").at("message").get<std::string>()));
  }
}

TEST_F(CommandLine, AnAuditWithADifferenceNamesItAndIsACheckThatFailed) {
  EXPECT_EQ(run({"audit"}), kExitOk);
  EXPECT_THAT(out_.str(), HasSubstr("0 differences"));
  AuditDifference difference;
  difference.space = "likes";
  difference.counter = "cat";
  difference.partition = PartitionId{3};
  difference.in_store = true;
  difference.store.total = 7;
  difference.log.total = 8;
  audited_->differences = 1;
  audited_->first_differences.push_back(difference);
  EXPECT_EQ(run({"audit"}), kExitNotReady);
  EXPECT_THAT(out_.str(), HasSubstr("likes/cat, partition 3: 7 (of 0 events) in the store, 8"));
  out_.str("");
  EXPECT_EQ(run({"audit", "--json"}), kExitNotReady);
  EXPECT_EQ(nlohmann::json::parse(out_.str()).at("first_differences").at(0).at("log_total"), 8);
  audited_ = failure(Code::kRefused, "d is in use by another process");
  EXPECT_EQ(run({"audit"}), kExitFailure);
  EXPECT_THAT(err_.str(), HasSubstr("stop the service first"));
}

TEST_F(CommandLine, NamesThatClientsReadAreNoWarningToAService) {
  environment_ = {{"QUIPU_SERVER", "x"}, {"QUIPU_KEY", "k"}, {"QUIPU_STATE_DIR", "d"}};
  EXPECT_EQ(run({"serve"}), 42);
  EXPECT_EQ(err_.str(), "");
}

TEST_F(CommandLine, ALoadWithoutAServerIsUnreachable) {
  // Port 1 of the loopback: nothing listens there, and connecting is refused at once.
  EXPECT_EQ(run({"bench", "load", "--resp", "127.0.0.1:1", "--events", "1"}), kExitUnreachable);
  EXPECT_THAT(err_.str(), HasSubstr("127.0.0.1:1"));
}

}  // namespace
}  // namespace quipu
