#include "cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string_view>

#include "base/build_info.h"
#include "cli/bench_command.h"
#include "cli/config_load.h"
#include "cli/config_page.h"
#include "cli/config_value.h"
#include "cli/exit_code.h"

namespace quipu {
namespace {

/// The flags by which a verb is told its configuration.
class ConfigFlags {
 public:
  void add_to(CLI::App& verb) {
    verb_ = &verb;
    verb.add_option("--config", file_, "Read settings from this TOML file")->type_name("FILE");
    add(verb, "--data", "data.dir", "DIR", "Where the data is kept");
    add(verb, "--http", "http.listen", "HOST:PORT", "Where HTTP is served; '' turns it off");
    add(verb, "--resp", "resp.listen", "HOST:PORT", "Where the Redis protocol is served; '' turns it off");
    add(verb, "--partitions", "log.partitions", "N", "Partitions of a log that is made anew");
    add(verb, "--keys", "auth.keys_file", "FILE", "The API keys that clients must have; see docs/operations/keys.md");
    shortcuts_.push_back(std::make_unique<Shortcut>(Shortcut{"--insecure", "auth.insecure", ""}));
    verb.add_flag("--insecure", shortcuts_.back()->value, "Serve other addresses than the loopback without API keys");
    verb.add_option("--set", settings_, "Set any key; see docs/configuration.md")->type_name("KEY=VALUE");
  }

  /// Loads the configuration and passes warnings on; on an error says it and answers nothing.
  std::optional<LoadedConfig> load(const Surroundings& surroundings) const {
    ConfigSources sources;
    if (verb_->count("--config") > 0) sources.file = file_;
    sources.environment = surroundings.environment;
    for (const auto& shortcut : shortcuts_) {
      if (verb_->count(shortcut->flag) > 0) sources.flags.push_back({shortcut->key, shortcut->value, shortcut->flag});
    }
    for (const auto& setting : settings_) {
      const auto equals = setting.find('=');
      if (equals == std::string::npos) {
        surroundings.err << "quipu: --set " << setting << ": is not KEY=VALUE\n";
        return std::nullopt;
      }
      sources.flags.push_back({setting.substr(0, equals), setting.substr(equals + 1), "--set"});
    }
    auto loaded = load_config(sources);
    if (!loaded) {
      surroundings.err << "quipu: " << loaded.error().what << "\n";
      return std::nullopt;
    }
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
    shortcuts_.push_back(std::make_unique<Shortcut>(Shortcut{flag, key, ""}));
    verb.add_option(flag, shortcuts_.back()->value, what)->type_name(type);
  }

  CLI::App* verb_ = nullptr;
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
      return near.empty() ? "" : fmt::format("Did you mean '{}'?\n", near);
    }
    if (next != nullptr) {
      level = next;
    } else if (!names.empty()) {
      const auto near = nearest(word, names);
      return near.empty() ? "" : fmt::format("Did you mean '{}'?\n", near);
    }
  }
  return "";
}

constexpr const char* kFooter =
    "\nExit codes: 0 ok, 1 failure, 2 usage, 3 not found, 4 server unreachable, 5 not ready, 130 interrupted.";

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

  auto& log = *app.add_subcommand("log", "Look after the event log");
  log.require_subcommand(1);
  auto& adopt = *log.add_subcommand(
      "adopt", "Accept a data directory that was copied or moved here; the original must not serve any more");
  ConfigFlags adopt_flags;
  adopt_flags.add_to(adopt);
  bool new_generation = false;
  adopt.add_flag("--new-generation", new_generation,
                 "Set the log aside and begin a new one: the way out where it is damaged; flushed totals stay");

  auto& config = *app.add_subcommand("config", "Look at the configuration");
  config.require_subcommand(1);
  auto& print = *config.add_subcommand("print", "Print every setting in effect and where it comes from");
  ConfigFlags print_flags;
  print_flags.add_to(print);
  bool print_json = false;
  bool print_markdown = false;
  bool print_bounds = false;
  print.add_flag("--json", print_json, "As one JSON object");
  print.add_flag("--markdown", print_markdown, "Print docs/configuration.md instead")->excludes("--json");
  print.add_flag("--bounds", print_bounds, "Print everything that has a bound, and what happens beyond it, as JSON")
      ->excludes("--json")
      ->excludes("--markdown");

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
    const int code = app.exit(error, surroundings.out, surroundings.err);
    if (code == 0) return kExitOk;
    surroundings.err << suggestion(app, arguments);
    return kExitUsage;
  }

  if (version) return print_version(version_json, surroundings.out);
  if (load) return bench_command.run(surroundings, verbs.interrupted);
  if (print && print_markdown) {
    surroundings.out << config_markdown();
    return kExitOk;
  }
  const auto& flags = serve ? serve_flags : adopt ? adopt_flags : print_flags;
  const auto loaded = flags.load(surroundings);
  if (!loaded) return kExitUsage;
  if (print) {
    surroundings.out << (print_bounds ? bounds_json(*loaded)
                         : print_json ? config_json(*loaded)
                                      : config_toml(*loaded));
    return kExitOk;
  }
  return adopt ? verbs.adopt_log(loaded->config, new_generation) : verbs.serve(loaded->config);
}

}  // namespace quipu
