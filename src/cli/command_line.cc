#include "cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string_view>

#include "base/build_info.h"
#include "cli/audit_command.h"
#include "cli/bench_command.h"
#include "cli/client_commands.h"
#include "cli/config_load.h"
#include "cli/config_page.h"
#include "cli/config_value.h"
#include "cli/exit_code.h"
#include "cli/failure_report.h"
#include "cli/grow_log_command.h"
#include "cli/import_command.h"
#include "cli/log_status_command.h"
#include "cli/new_log_command.h"

namespace quipu {
namespace {

/// Of the log that is meant: a topic's partitions have a key of their own.
constexpr const char* kPartitionsFlag = "--partitions";

/// The flags by which a verb is told its configuration.
class ConfigFlags {
 public:
  /// Which flags a verb has, beside those that all have.
  enum class Role : std::uint8_t { kOneProcess, kApi, kWorker, kLook, kGrow, kMigrate, kAdopt, kAudit };

  void add_to(CLI::App& verb, Role role = Role::kOneProcess) {
    verb_ = &verb;
    role_ = role;
    using enum Role;
    const auto one_of = [role](std::initializer_list<Role> roles) {
      return std::ranges::find(roles, role) != roles.end();
    };
    const bool moves = role == kMigrate;
    verb.add_option(moves ? "--config,--to" : "--config", file_,
                    moves ? "Read settings from this TOML file: those of the store to bring it to"
                          : "Read settings from this TOML file")
        ->type_name("FILE");
    if (moves) add(verb, "--data,--from", "data.dir", "DIR", "The data directory to bring");
    if (one_of({kOneProcess, kAdopt, kAudit})) add(verb, "--data", "data.dir", "DIR", "Where the data is kept");
    if (one_of({kLook, kGrow, kMigrate, kAdopt, kAudit})) {
      add(verb, "--topic", "kafka.topic", "TOPIC", "The topic that is the log");
    }
    if (role == kWorker) {
      add(verb, "--workers", "worker.count", "N", "How many workers; 5 where nothing is said");
      add(verb, "--listen", "worker.listen", "HOST:PORT", "Where /metrics, /livez and /readyz are served");
    }
    if (one_of({kOneProcess, kApi})) {
      add(verb, "--http", "http.listen", "HOST:PORT", "Where HTTP is served; '' turns it off");
      add(verb, "--resp", "resp.listen", "HOST:PORT", "Where the Redis protocol is served; '' turns it off");
    }
    if (one_of({kOneProcess, kAdopt})) {
      add(verb, kPartitionsFlag, "log.partitions", "N", "Partitions of a log, or of a topic, that is made anew");
    }
    if (one_of({kOneProcess, kApi, kWorker})) {
      add(verb, "--keys", "auth.keys_file", "FILE", "The API keys that clients must have; see docs/operations/keys.md");
      shortcuts_.push_back(std::make_unique<Shortcut>(Shortcut{"--insecure", "auth.insecure", ""}));
      verb.add_flag("--insecure", shortcuts_.back()->value, "Serve other addresses than the loopback without API keys");
    }
    verb.add_option("--set", settings_, "Set any key; see docs/configuration.md")->type_name("KEY=VALUE");
  }

  /// Loads the configuration and passes warnings on; on an error says it and answers nothing.
  std::optional<LoadedConfig> load(const Surroundings& surroundings, bool json) const {
    const auto refuse = [&](std::string what, std::string remedy) {
      report_failure(surroundings, json, {kExitUsage, "usage", std::move(what), std::move(remedy)});
      return std::nullopt;
    };
    ConfigSources sources;
    if (verb_->count("--config") > 0) sources.file = file_;
    sources.environment = surroundings.environment;
    // There is no other for these; one that grows says so of a log that can not.
    using enum Role;
    if (role_ == kApi || role_ == kWorker || role_ == kLook || role_ == kMigrate)
      sources.flags.push_back({"log.kind", "kafka", "quipu " + verb_->get_name()});
    for (const auto& shortcut : shortcuts_) {
      if (verb_->count(shortcut->flag) > 0) sources.flags.push_back({shortcut->key, shortcut->value, shortcut->flag});
    }
    for (const auto& setting : settings_) {
      const auto equals = setting.find('=');
      if (equals == std::string::npos) {
        return refuse("--set " + setting + ": is not KEY=VALUE", "such as --set log.partitions=16");
      }
      sources.flags.push_back({setting.substr(0, equals), setting.substr(equals + 1), "--set"});
    }
    auto loaded = load_config(sources);
    const auto partitions = std::ranges::find(sources.flags, kPartitionsFlag, &FlagSetting::flag);
    if (loaded && loaded->config.cluster.log_kind == "kafka" && partitions != sources.flags.end()) {
      partitions->key = "kafka.partitions";
      loaded = load_config(sources);
    }
    if (!loaded) return refuse(loaded.error().what, "docs/configuration.md has every key with what it allows");
    for (const auto& warning : loaded->warnings) surroundings.err << "quipu: warning: " << warning << "\n";
    return std::move(*loaded);
  }

 private:
  /// A flag that stands for one key.
  struct Shortcut {
    std::string flag;
    std::string key;
    std::string value;
  };

  void add(CLI::App& verb, const std::string& flag, const std::string& key, const char* type, const char* what) {
    shortcuts_.push_back(std::make_unique<Shortcut>(Shortcut{flag.substr(0, flag.find(',')), key, ""}));
    verb.add_option(flag, shortcuts_.back()->value, what)->type_name(type);
  }

  CLI::App* verb_ = nullptr;
  Role role_ = Role::kOneProcess;
  std::string file_;
  std::vector<std::unique_ptr<Shortcut>> shortcuts_;  // Behind pointers: the parser keeps references to the values.
  std::vector<std::string> settings_;
};

int print_version(bool json, std::ostream& out) {
  const auto& info = build_info();
  if (json) {
    nlohmann::ordered_json object = {
        {"version", info.version}, {"commit", info.commit}, {"compiler", info.compiler}, {"build", info.kind}};
    out << object.dump(2) << "\n";
  } else {
    out << fmt::format("quipu {} ({}, {}, {})\n", info.version, info.commit, info.compiler, info.kind);
  }
  return kExitOk;
}

/// The words of the line that name no verb are perhaps misspelt: says which was perhaps meant.
std::string suggestion(const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* level = &app;
  for (const auto& word : arguments) {
    std::vector<std::string> names;
    const CLI::App* next = nullptr;
    for (const auto* verb : level->get_subcommands([](const CLI::App*) { return true; })) {
      names.push_back(verb->get_name());
      if (verb->get_name() == word) next = verb;
    }
    if (word.starts_with("--")) {
      names.clear();
      for (const auto* option : level->get_options()) names.push_back(option->get_name());
      const auto flag = word.substr(0, word.find('='));
      if (std::ranges::find(names, flag) != names.end()) continue;
      const auto near = nearest(flag, names);
      return near.empty() ? "" : fmt::format("Did you mean '{}'?", near);
    }
    if (next != nullptr) {
      level = next;
    } else if (!names.empty()) {
      const auto near = nearest(word, names);
      return near.empty() ? "" : fmt::format("Did you mean '{}'?", near);
    }
  }
  return "";
}

constexpr const char* kFooter =
    "\nExit codes: 0 ok, 1 failure, 2 usage, 3 not found, 4 server unreachable, 5 not ready or a check failed, "
    "130 interrupted.";

/// When the total is exact that a write is answered with.
constexpr const char* kNewTotals =
    "\nA write is answered with the counter's new total. With log.kind = \"segments\" it is exact. With \"kafka\" it "
    "is the best "
    "that\nthe node knows: exact where this node alone writes the counter, and what was written before it started is "
    "flushed; else\nwithout what others wrote in the last seconds, and where the store does not answer, the node's own "
    "events alone.\n";

/// The words that name verbs, as far as they do: `log adopt`.
std::string verbs_of(const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* level = &app;
  std::string named;
  for (const auto& word : arguments) {
    const auto verbs = level->get_subcommands([&](const CLI::App* verb) { return verb->get_name() == word; });
    if (verbs.empty()) break;
    named += " " + word;
    level = verbs.front();
  }
  return named;
}

int refuse_line(const CLI::App& app, const std::vector<std::string>& arguments, const CLI::ParseError& error,
                const Surroundings& surroundings) {
  const bool json = std::ranges::find(arguments, "--json") != arguments.end();
  const auto near = suggestion(app, arguments);
  const auto help = fmt::format("quipu{} --help has what is allowed", verbs_of(app, arguments));
  return report_failure(surroundings, json,
                        {kExitUsage, "usage", printable(error.what()), near.empty() ? help : near + " " + help});
}

}  // namespace

int run_command_line(const std::vector<std::string>& arguments, const Surroundings& surroundings, const Verbs& verbs) {
  CLI::App app{"Quipu counts events and gives each total back exactly.", "quipu"};
  app.require_subcommand(1);
  app.footer(kFooter);
  app.set_help_flag("--help,-h", "Print this and exit");
  app.set_version_flag("--version", std::string("quipu ") + build_info().version);

  auto& serve = *app.add_subcommand("serve", "Run the service, every role in one process, until Ctrl-C or SIGTERM");
  ConfigFlags serve_flags;
  serve_flags.add_to(serve);
  serve.footer(std::string(kNewTotals) + kFooter);
  bool serve_json = false;
  serve.add_flag("--json", serve_json, "Write log lines as one JSON object each, errors too");

  auto& api = *app.add_subcommand("api", "Serve clients of a Kafka topic that workers count, until Ctrl-C or SIGTERM");
  ConfigFlags api_flags;
  api_flags.add_to(api, ConfigFlags::Role::kApi);
  api.footer(std::string(kNewTotals) + kFooter);
  bool api_json = false;
  api.add_flag("--json", api_json, "Write log lines as one JSON object each, errors too");
  auto& worker =
      *app.add_subcommand("worker", "Sum the events of a Kafka topic into a shared store, until Ctrl-C or SIGTERM");
  ConfigFlags worker_flags;
  worker_flags.add_to(worker, ConfigFlags::Role::kWorker);
  bool worker_json = false;
  worker.add_flag("--json", worker_json, "Write log lines as one JSON object each, errors too");

  auto& log = *app.add_subcommand("log", "Look after the event log");
  log.require_subcommand(1);
  auto& adopt = *log.add_subcommand(
      "adopt",
      "Accept a data directory that was copied or moved here; the original must not serve any more. With log.kind = "
      "\"kafka\": go on with a topic that was made anew, in the next generation");
  ConfigFlags adopt_flags;
  adopt_flags.add_to(adopt, ConfigFlags::Role::kAdopt);
  bool adopt_json = false;
  adopt.add_flag("--json", adopt_json, "Write what it does as one JSON object a line, errors too");
  auto& status = *log.add_subcommand(
      "status", "Print how far the log of the distributed form has come, and how far the store has counted it");
  ConfigFlags status_flags;
  status_flags.add_to(status, ConfigFlags::Role::kLook);
  bool status_json = false;
  status.add_flag("--json", status_json, "Answer as one JSON object, errors too");
  auto& grow = *log.add_subcommand(
      "grow", "Add partitions to the topic of the distributed form, while it runs, and have them take events");
  ConfigFlags grow_flags;
  grow_flags.add_to(grow, ConfigFlags::Role::kGrow);
  std::uint16_t grow_to = 0;
  grow.add_option("--partitions", grow_to, "How many the topic shall have; more than now")->type_name("N")->required();
  bool grow_json = false;
  grow.add_flag("--json", grow_json, "Answer as one JSON object, errors too");
  bool new_generation = false;
  adopt.add_flag("--new-generation", new_generation,
                 "Set the log aside and begin a new one: the way out where it is damaged; flushed totals stay");

  auto& store = *app.add_subcommand("store", "Look after the counter store");
  store.require_subcommand(1);
  auto& migrate = *store.add_subcommand(
      "migrate", "Bring the totals of a data directory, whose service is stopped, into a store that processes share");
  ConfigFlags migrate_flags;
  migrate_flags.add_to(migrate, ConfigFlags::Role::kMigrate);
  bool migrate_json = false;
  migrate.add_flag("--json", migrate_json, "Answer as one JSON object, errors too");

  auto& config = *app.add_subcommand("config", "Look at the configuration");
  config.require_subcommand(1);
  auto& print = *config.add_subcommand("print", "Print every setting in effect and where it comes from");
  ConfigFlags print_flags;
  print_flags.add_to(print);
  bool print_json = false;
  bool print_markdown = false;
  bool print_bounds = false;
  // Said here in words: CLI11 prints what an option excludes in the order of addresses, which differ between runs.
  print.add_flag("--json", print_json, "As one JSON object")->option_text("Excludes: --markdown --bounds");
  print.add_flag("--markdown", print_markdown, "Print docs/configuration.md instead")
      ->excludes("--json")
      ->option_text("Excludes: --json --bounds");
  print.add_flag("--bounds", print_bounds, "Print everything that has a bound, and what happens beyond it, as JSON")
      ->excludes("--json")
      ->excludes("--markdown")
      ->option_text("Excludes: --json --markdown");

  IncrCommand incr_command;
  auto& incr = *app.add_subcommand("incr", "Add to a counter; prints its new value");
  incr_command.add_to(incr);
  GetCommand get_command;
  auto& get = *app.add_subcommand("get", "Print the values of counters");
  get_command.add_to(get);
  TopCommand top_command;
  auto& top = *app.add_subcommand("top", "Print the largest counters of a namespace");
  top_command.add_to(top);
  ImportCommand import_command;
  auto& import =
      *app.add_subcommand("import", "Count the requests in a web server's access log, each line once for ever");
  import_command.add_to(import);

  auto& audit = *app.add_subcommand("audit",
                                    "Hold the store against the log: of a data directory while its service is "
                                    "stopped, of the distributed form while it runs");
  ConfigFlags audit_flags;
  audit_flags.add_to(audit, ConfigFlags::Role::kAudit);
  bool audit_json = false;
  audit.add_flag("--json", audit_json, "Answer as one JSON object, errors too");

  auto& bench = *app.add_subcommand("bench", "Measure a running service");
  bench.require_subcommand(1);
  auto& load = *bench.add_subcommand("load", "Send a load of events and count every reply");
  BenchCommand bench_command;
  bench_command.add_to(load);

  auto& version = *app.add_subcommand("version", "Print which program this is");
  bool version_json = false;
  version.add_flag("--json", version_json, "As one JSON object");

  try {
    // The parser takes the arguments from the back.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      app.exit(error, surroundings.out, surroundings.err);
      return kExitOk;
    }
    return refuse_line(app, arguments, error, surroundings);
  }

  if (version) return print_version(version_json, surroundings.out);
  if (load) return bench_command.run(surroundings, verbs.interrupted);
  if (incr) return incr_command.run(surroundings);
  if (get) return get_command.run(surroundings);
  if (top) return top_command.run(surroundings);
  if (import) return import_command.run(surroundings, verbs.interrupted);
  if (print && print_markdown) {
    surroundings.out << config_markdown();
    return kExitOk;
  }
  const auto& flags = serve     ? serve_flags
                      : api     ? api_flags
                      : worker  ? worker_flags
                      : status  ? status_flags
                      : grow    ? grow_flags
                      : migrate ? migrate_flags
                      : adopt   ? adopt_flags
                      : audit   ? audit_flags
                                : print_flags;
  const bool log_json = serve_json || api_json || worker_json || adopt_json;
  const bool json = print_json || audit_json || status_json || grow_json || migrate_json || log_json;
  auto loaded = flags.load(surroundings, json);
  if (!loaded) return kExitUsage;
  if (log_json) loaded->config.log_format = "json";
  const Config& settings = loaded->config;
  const bool distributed = settings.cluster.distributed();
  const auto left_out = [&] {
    return report_failure(surroundings, json,
                          {kExitFailure, "failure", "this program was built without what Kafka needs",
                           "build it where cargo is installed, with QUIPU_DISTRIBUTED on"});
  };
  const auto run = [&](const std::function<int(const Config&)>& role) { return role ? role(settings) : left_out(); };
  if (print) {
    surroundings.out << (print_bounds ? bounds_json(*loaded)
                         : print_json ? config_json(*loaded)
                                      : config_toml(*loaded));
    return kExitOk;
  }
  if (audit && distributed && !verbs.audit_cluster) return left_out();
  if (audit) return run_audit(settings, audit_json, surroundings, verbs);
  if (status) return verbs.log_status ? run_log_status(settings, status_json, surroundings, verbs) : left_out();
  if (grow) return verbs.grow_log ? run_grow_log(settings, grow_to, grow_json, surroundings, verbs) : left_out();
  if (migrate) return verbs.migrate_store ? run_migrate(settings, migrate_json, surroundings, verbs) : left_out();
  if (adopt && distributed) {
    return verbs.adopt_topic ? run_adopt_topic(settings, adopt_json, surroundings, verbs) : left_out();
  }
  if (adopt) return verbs.adopt_log(settings, new_generation);
  if (api) return run(verbs.api);
  if (worker) return run(verbs.worker);
  return run(distributed ? verbs.serve_cluster : verbs.serve);
}

}  // namespace quipu
