#include "cli/import_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <ostream>
#include <random>

#include "cli/config_load.h"
#include "cli/exit_code.h"
#include "cli/failure_report.h"
#include "cli/progress_line.h"
#include "ingest/names.h"

namespace quipu {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kBrokenShown = 10;
constexpr double kRedrawSeconds = 0.1;
constexpr double kPlainSeconds = 5;
constexpr double kWaitSecondsMax = 86'400;

double seconds_since(Clock::time_point moment) { return std::chrono::duration<double>(Clock::now() - moment).count(); }

/// What a run shows while it goes on: a line that moves on a terminal, else a line now and then.
class Display {
 public:
  Display(const Surroundings& surroundings, const std::string& file)
      : surroundings_(surroundings), file_(printable(file)), begun_(Clock::now()), drawn_(begun_) {}

  void progress(const ImportReport& report) {
    if (seconds_since(drawn_) < (surroundings_.progress ? kRedrawSeconds : kPlainSeconds)) return;
    drawn_ = Clock::now();
    const auto line = progress_line({file_, report.file_bytes_read, report.file_bytes, seconds()},
                                    surroundings_.columns > 1 ? surroundings_.columns - 1 : 79);
    surroundings_.err << (surroundings_.progress ? "\r\033[K" + line : line + "\n") << std::flush;
    moving_ = surroundings_.progress;
  }
  void broken(const ImportReport& report, const char* why) {
    if (report.broken > kBrokenShown) return;
    clear();
    surroundings_.err << fmt::format("{}:{}: not counted: {}\n", file_, report.lines, why);
  }
  void waiting(const std::string& what) {
    if (what == waited_for_) return;
    waited_for_ = what;
    clear();
    say(surroundings_, "waiting: " + printable(what));
  }
  /// Makes room for other lines.
  void clear() {
    if (moving_) surroundings_.err << "\r\033[K" << std::flush;
    moving_ = false;
  }
  double seconds() const { return seconds_since(begun_); }

 private:
  const Surroundings& surroundings_;
  std::string file_;
  Clock::time_point begun_;
  Clock::time_point drawn_;
  std::string waited_for_;
  bool moving_ = false;
};

void sum_up(const Surroundings& surroundings, const ImportReport& report, double seconds) {
  const auto file = printable(report.file);
  surroundings.out << fmt::format("{}: {} already counted, {} new, {} broken, of {} lines; {} in {:.2f} s ({}/s)\n",
                                  file, report.already_counted, report.new_lines, report.broken, report.lines,
                                  format_amount(static_cast<double>(report.text_bytes)), seconds,
                                  format_amount(static_cast<double>(report.text_bytes) / std::max(seconds, 1e-6)));
  if (report.broken > kBrokenShown) {
    say(surroundings, fmt::format("{}: {} more broken lines were not shown", file, report.broken - kBrokenShown));
  }
}

void warn(const Surroundings& surroundings, const ImportReport& report) {
  const auto file = printable(report.file);
  if (report.unfinished) {
    say(surroundings,
        fmt::format("warning: {}: the last line has no end yet and is not counted; it will be when it has "
                    "one, or with --last-line",
                    file));
  }
  if (report.new_lines > 0) return;
  say(surroundings, report.lines == 0 ? fmt::format("warning: {}: has no complete line", file)
                    : report.already_counted == 0
                        ? fmt::format("warning: {}: nothing is new: no line is readable", file)
                        : fmt::format("warning: {}: nothing is new: all of it was counted "
                                      "before",
                                      file));
}

nlohmann::ordered_json json_of(const ImportReport& report, double seconds) {
  return {{"file", report.file},
          {"source", report.source},
          {"lines", report.lines},
          {"already_counted", report.already_counted},
          {"new", report.new_lines},
          {"broken", report.broken},
          {"unfinished_line", report.unfinished},
          {"bytes", report.text_bytes},
          {"seconds", seconds}};
}

CommandFailure failure_of(const ImportFailure& failure) {
  CommandFailure out{kExitFailure, "failed", printable(failure.what), failure.remedy};
  switch (failure.kind) {
    case ImportFailure::Kind::kInterrupted:
      out.exit_code = kExitInterrupted;
      out.outcome = "interrupted";
      break;
    case ImportFailure::Kind::kOtherLog:
      out.outcome = "other_log";
      break;
    case ImportFailure::Kind::kNotes:
      out.outcome = "notes";
      break;
    case ImportFailure::Kind::kFile:
      out.outcome = "file";
      break;
    case ImportFailure::Kind::kService:
      out.exit_code = exit_code_of(failure.outcome);
      out.outcome = outcome_word(failure.outcome);
      break;
  }
  return out;
}

/// Where this user's notes are kept (XDG Base Directory Specification); "" where the environment names no place.
std::string default_state_directory(const Surroundings& surroundings) {
  if (auto named = environment_value(surroundings, kStateVariable); !named.empty()) return named;
  if (const auto state = environment_value(surroundings, "XDG_STATE_HOME"); state.starts_with('/')) {
    return state + "/quipu";
  }
  const auto home = environment_value(surroundings, "HOME");
  return home.empty() ? "" : home + "/.local/state/quipu";
}

/// A name that a header field carries as it is.
bool is_source(std::string_view name) {
  return !name.empty() && name.size() <= 64 &&
         std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\'; });
}

}  // namespace

void ImportCommand::add_to(CLI::App& verb) {
  verb.add_option("FILE", files_,
                  "Access logs in the format common or combined, or of JSON objects, also gzipped; - is standard input")
      ->required();
  verb.add_option("--namespace", options_.space, "Where the counters are, one for each path")->capture_default_str();
  verb.add_option("--source", options_.source,
                  "A name for the log, by which it is known when it comes again (default: made of its first line)")
      ->type_name("NAME");
  verb.add_option("--field", options_.field,
                  "Of JSON logs, the field of the request or its path, such as request.uri (default: the usual ones)")
      ->type_name("NAME");
  verb.add_flag("--last-line", options_.count_unfinished, "Count a last line that has no end, too");
  verb.add_flag("--unchecked", options_.unchecked,
                "Go on behind what the service has counted, though no notes here say what that was");
  verb.add_flag("--anew", options_.anew, "Count from the first line for a service whose data is new");
  verb.add_option("--wait", wait_seconds_, "Seconds to go on asking a service that is away or busy")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, kWaitSecondsMax))
      ->capture_default_str();
  verb.add_option("--state-dir", options_.state_directory,
                  "Where notes on what was counted are kept (default QUIPU_STATE_DIR, else ~/.local/state/quipu)")
      ->type_name("DIR");
  flags_.add_to(verb);
}

int ImportCommand::run(const Surroundings& surroundings, const std::function<bool()>& interrupted) {
  const auto usage = [&](std::string what, std::string remedy) {
    return report_failure(surroundings, flags_.json(), {kExitUsage, "usage", std::move(what), std::move(remedy)});
  };
  if (auto valid = validate_namespace(options_.space); !valid) return usage("--namespace: " + valid.error().what, "");
  if (!options_.source.empty() && !is_source(options_.source)) {
    return usage("--source: is not 1 to 64 visible ASCII characters without \" and \\", "");
  }
  if (!options_.source.empty() && files_.size() > 1) {
    return usage("--source names one log, but there are " + std::to_string(files_.size()),
                 "run the command once for each file");
  }
  if (options_.state_directory.empty()) options_.state_directory = default_state_directory(surroundings);
  if (options_.state_directory.empty()) {
    return usage("there is no place for notes on what was counted", "name one with --state-dir or QUIPU_STATE_DIR");
  }
  const auto service_options = flags_.options(surroundings);
  if (!service_options) return kExitUsage;
  options_.wait_ms_max = std::llround(wait_seconds_ * 1'000);
  std::random_device random;
  options_.hash_seed = (std::uint64_t{random()} << 32) | random();

  Service service(*service_options);
  nlohmann::ordered_json files = nlohmann::ordered_json::array();
  std::uint64_t already = 0;
  std::uint64_t fresh = 0;
  std::uint64_t broken = 0;
  std::optional<CommandFailure> failed;
  for (const auto& file : files_) {
    Display display(surroundings, file == "-" ? "standard input" : file);
    ImportObserver observer;
    observer.progress = [&](const ImportReport& report) { display.progress(report); };
    observer.broken_line = [&](const ImportReport& report, const char* why) { display.broken(report, why); };
    observer.waiting = [&](const std::string& what) { display.waiting(what); };
    observer.interrupted = interrupted;
    ImportReport report;
    const auto failure = import_log(file, options_, service, observer, report);
    display.clear();
    const auto seconds = display.seconds();
    already += report.already_counted;
    fresh += report.new_lines;
    broken += report.broken;
    files.push_back(json_of(report, seconds));
    if (!flags_.json() && (!failure || report.new_lines > 0)) sum_up(surroundings, report, seconds);
    if (failure) {
      failed = failure_of(*failure);
      break;
    }
    warn(surroundings, report);
    if (report.lines > 0 && report.broken == report.lines) {
      failed = CommandFailure{kExitFailure, "failed", printable(file) + ": no line of it is one of an access log",
                              "the formats are common, combined and JSON; --field names the field of a JSON log"};
      break;
    }
  }
  nlohmann::ordered_json object = {{"namespace", options_.space},
                                   {"already_counted", already},
                                   {"new", fresh},
                                   {"broken", broken},
                                   {"files", files}};
  if (failed) {
    say(surroundings, failed->what);
    if (!failed->remedy.empty()) surroundings.err << "       " << failed->remedy << "\n";
    object["error"] = {{"outcome", failed->outcome},
                       {"exit_code", failed->exit_code},
                       {"message", failed->what},
                       {"remedy", failed->remedy}};
  }
  if (flags_.json()) {
    surroundings.out << object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  }
  return failed ? failed->exit_code : kExitOk;
}

}  // namespace quipu
