#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

#include "base/planted.h"
#include "cli/exit_code.h"
#include "sim/forms.h"
#include "sim/runner.h"

namespace quipu::sim {
namespace {

constexpr std::size_t kTraceLines = 40;
/// Without options.
constexpr std::uint64_t kSeeds = 1'000;
/// In so many seeds of the embedded form, and so many of the distributed one, every kind of fault and every mark must
/// occur. By turns both are met in any kSeeds.
constexpr std::uint64_t kSeedsForAll = 500;
constexpr std::uint64_t kDistributedSeedsForAll = 300;
static_assert(kFaultsMin == 20);  // As --help says.
static_assert(kSeedsForAll * 2 <= kSeeds && kDistributedSeedsForAll * 2 <= kSeeds);

struct Arguments {
  std::string seeds;
  std::uint64_t seed = 0;
  std::uint64_t steps = UINT64_MAX;
  std::uint64_t first = 1;
  std::uint64_t least_faults = kFaultsMin;
  std::uint64_t all_in = 0;  // 0: as kSeedsForAll and kDistributedSeedsForAll say.
  std::int64_t minutes = 0;
  unsigned jobs = std::max(1U, std::thread::hardware_concurrency());
  bool trace = false;
  bool list = false;
  bool brief = false;
  std::string bug;
  std::string form = "both";
};

FormChoice form_choice(const std::string& form) {
  if (form == "both") return std::nullopt;
  return form == "embedded" ? Form::kEmbedded : Form::kDistributed;
}

bool parse_span(const std::string& text, RunSpan& span) {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  const char* const end = text.data() + text.size();
  const auto begin = std::from_chars(text.data(), end, first);
  if (begin.ec != std::errc{} || !std::string_view(begin.ptr, end).starts_with("..")) return false;
  const auto rest = std::from_chars(begin.ptr + 2, end, last);
  if (rest.ec != std::errc{} || rest.ptr != end || first < 1 || last < first) return false;
  span.first = first;
  span.last = last;
  return true;
}

void print_sum(const Sum& sum) {
  std::printf("%llu seeds, %.1f simulated hours, %llu events, %llu faults injected\n",
              static_cast<unsigned long long>(sum.seeds), static_cast<double>(sum.ms) / 3'600'000.0,
              static_cast<unsigned long long>(sum.events), static_cast<unsigned long long>(sum.faults_all));
}

void print_counts(const Sum& sum) {
  if (sum.seeds > 0) {
    std::printf("  fewest in a seed: %llu events, %llu faults\n", static_cast<unsigned long long>(sum.events_fewest),
                static_cast<unsigned long long>(sum.faults_fewest));
  }
  for (std::size_t i = 0; i < kFaults; ++i) {
    std::printf("  %-24s %llu\n", std::string(name_of(static_cast<Fault>(i))).c_str(),
                static_cast<unsigned long long>(sum.faults[i]));
  }
  for (std::size_t i = 0; i < sum.marks.size(); ++i) {
    std::printf("  mark %-40s %llu\n", std::string(mark_names()[i]).c_str(),
                static_cast<unsigned long long>(sum.marks[i]));
  }
}

/// Whether so many seeds of the form have run that everything must have occurred. `all_in`: in so many; 0: as drawn up.
bool enough(const Sum& sum, Form form, std::uint64_t all_in) {
  const auto as_drawn_up = form == Form::kEmbedded ? kSeedsForAll : kDistributedSeedsForAll;
  return sum.seeds_of[static_cast<std::size_t>(form)] >= (all_in > 0 ? all_in : as_drawn_up);
}

/// Whether each planted bug is looked for in the forms in which its place is passed, and in no other; names what is
/// not.
bool bugs_have_their_forms(const Sum& sum, std::uint64_t all_in) {
  bool all = true;
  for (const Form form : {Form::kEmbedded, Form::kDistributed}) {
    if (!enough(sum, form, all_in)) continue;
    const auto& passed = sum.passed[static_cast<std::size_t>(form)];
    for (std::size_t i = 0; i < passed.size(); ++i) {
      const PlantedBug& bug = planted_bugs()[i];
      if (passed[i] == passes(bug, form)) continue;
      std::printf("the place of the bug %s is %s in the %s form\n", std::string(bug.name).c_str(),
                  passed[i] ? "passed, and it is not looked for," : "never passed", std::string(name_of(form)).c_str());
      all = false;
    }
  }
  return all;
}

/// Whether everything occurred that must occur in so many seeds; names what did not.
bool all_occurred(const Sum& sum, std::uint64_t all_in) {
  bool all = true;
  for (std::size_t i = 0; i < kFaults; ++i) {
    const auto fault = static_cast<Fault>(i);
    const auto must_in = [&](Form form) { return enough(sum, form, all_in) && occurs_in(fault, form); };
    const bool must = must_in(Form::kEmbedded) || must_in(Form::kDistributed);
    if (sum.faults[i] > 0 || !must) continue;
    std::printf("never occurred: %s\n", std::string(name_of(static_cast<Fault>(i))).c_str());
    all = false;
  }
  for (std::size_t i = 0; i < sum.marks.size(); ++i) {
    if (sum.marks[i] > 0 || !enough(sum, form_of_mark(mark_names()[i]), all_in)) continue;
    std::printf("never passed: mark %s\n", std::string(mark_names()[i]).c_str());
    all = false;
  }
  return all;
}

/// The options that run it once more.
std::string replay_of(const Failure& failure, std::uint64_t steps, const RunSpan& span) {
  auto text = "--seed " + std::to_string(failure.seed);
  if (steps != kWhole) text += " --steps " + std::to_string(steps);
  text += " --trace --form " + std::string(name_of(form_of(failure.seed, span.form)));
  if (!span.bug.empty()) text += " --bug " + span.bug;
  if (span.faults_min != kFaultsMin) text += " --least-faults " + std::to_string(span.faults_min);
  if (abort_at != 0) text += " --abort-at " + std::to_string(abort_at);
  return text;
}

void explain(const Failure& failure, const RunSpan& span, bool brief) {
  std::printf("seed %llu: %s%s\n", static_cast<unsigned long long>(failure.seed),
              failure.by_checker ? "" : "the process ended: ", failure.what.c_str());
  if (brief) return;
  const auto steps = shortest_prefix(failure, span);
  if (steps == 0) {
    std::printf("it does not fail again alone\n");
    return;
  }
  if (steps == kWhole) {
    std::printf("it fails as a whole, and in none of its prefixes; the end of its trace:\n");
  } else {
    std::printf("it fails in its first %llu steps; the end of their trace:\n", static_cast<unsigned long long>(steps));
  }
  for (const auto& line : last_lines(failure.seed, steps, span, kTraceLines)) std::printf("  %s\n", line.c_str());
  std::printf("all of it: quipu-sim %s\n", replay_of(failure, steps, span).c_str());
}

int run_one(const Arguments& arguments) {
  plant(arguments.bug);
  const auto report = run_seed(arguments.seed, form_choice(arguments.form), arguments.steps,
                               arguments.trace ? stdout : nullptr, arguments.least_faults);
  if (!report.violation.empty()) std::printf("VIOLATION %s\n", report.violation.c_str());
  std::printf("seed %llu: %llu steps, %.1f simulated hours, %llu events, %llu faults injected, trace %016llx\n",
              static_cast<unsigned long long>(report.seed), static_cast<unsigned long long>(report.steps),
              static_cast<double>(report.ms) / 3'600'000.0, static_cast<unsigned long long>(report.events),
              static_cast<unsigned long long>(report.faults_all), static_cast<unsigned long long>(report.hash));
  return report.violation.empty() ? kExitOk : kExitFailure;
}

int run_many(const Arguments& arguments, const RunSpan& span) {
  const bool terminal = ::isatty(STDERR_FILENO) != 0;
  Sum sum;
  const auto failure = run_span(span, sum, [&](const Sum& now) {
    if (terminal) std::fprintf(stderr, "\r%llu seeds ", static_cast<unsigned long long>(now.seeds));
  });
  if (terminal) std::fprintf(stderr, "\r");
  if (failure) explain(*failure, span, arguments.brief);
  if (arguments.list) print_counts(sum);
  bool all = true;
  if (!failure && !interrupted) {
    const bool occurred = all_occurred(sum, arguments.all_in);
    all = bugs_have_their_forms(sum, arguments.all_in) && occurred;
  }
  print_sum(sum);
  if (interrupted) return kExitInterrupted;
  return failure || !all ? kExitFailure : kExitOk;
}

int run(int argc, char** argv) {
  Arguments arguments;
  CLI::App app(
      "Runs Quipu's core with simulated clients, disk, log, store, cache and clock, in one thread from one seed, "
      "through "
      "faults, "
      "and holds every answer against what clients were told before. The same seed is the same run.\n"
      "Without options: seeds 1 to 1,000.",
      "quipu-sim");
  auto* seeds = app.add_option("--seeds", arguments.seeds, "Run these seeds: A..B, both included");
  auto* seed = app.add_option("--seed", arguments.seed, "Run this seed alone")->excludes(seeds);
  auto* minutes = app.add_option("--minutes", arguments.minutes, "Run seeds, one after the other, for so long")
                      ->check(CLI::Range(1, 100'000))
                      ->excludes(seeds)
                      ->excludes(seed);
  app.add_option("--from", arguments.first, "The first seed of --minutes; 1 if not given")->needs(minutes);
  app.add_option("--steps", arguments.steps, "End the phase with faults after so many steps")->needs(seed);
  app.add_flag("--trace", arguments.trace, "Print what happens, step by step")->needs(seed);
  app.add_option("--jobs", arguments.jobs, "Processes at once; as many as there are cores if not given")
      ->check(CLI::Range(1, 64))
      ->excludes(seed);
  auto* form =
      app.add_option(
             "--form", arguments.form,
             "What is simulated: embedded (one process with its disk), distributed (nodes and workers over a log, a "
             "store and a cache), or both by turns, distributed in even seeds; both if not given, with a bug the forms "
             "that it is in")
          ->check(CLI::IsMember({"embedded", "distributed", "both"}));
  app.add_flag("--counts", arguments.list,
               "Print how often each fault and each mark occurred, and the fewest of a seed");
  app.add_flag("--brief", arguments.brief, "Do not look for the shortest prefix of a failing seed");
  app.add_option("--least-faults", arguments.least_faults,
                 "A run with fewer faults is too weak, which is a violation; 20 if not given");
  app.add_option(
         "--all-in", arguments.all_in,
         "In so many seeds of a form every kind of fault and every mark must occur; 500 of the embedded form and "
         "300 of the distributed one if not given")
      ->check(CLI::PositiveNumber);
  // The process ends where the product finds itself wrong: this shows what becomes of that.
  if (!planted_bugs().empty())
    app.add_option("--abort-at", abort_at, "Have the process of each run abort in this step");
  app.add_option("--bug", arguments.bug, "Plant a bug, in a build that has them; --bug help lists them");
  app.footer(
      "A seed that fails is printed with the shortest prefix of its steps that still fails, and the end of its trace.\n"
      "The last line says how many seeds, simulated hours, events and faults there were.\n"
      "Exit codes: 0 nothing found, 1 a violation, or in 500 seeds of the embedded form or 300 of the distributed one "
      "a fault or mark that never occurred, 2 usage, 130 "
      "interrupted.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  if (arguments.bug == "help") {
    for (const auto& bug : planted_bugs()) {
      const auto only = form_of_bug(bug);
      std::printf("%-30s %-11s %s\n", std::string(bug.name).c_str(),
                  std::string(only ? name_of(*only) : "both").c_str(), std::string(bug.what).c_str());
    }
    return kExitOk;
  }
  const auto bug = std::ranges::find(planted_bugs(), std::string_view(arguments.bug), &PlantedBug::name);
  if (!arguments.bug.empty() && bug == planted_bugs().end()) {
    std::fprintf(stderr, "quipu-sim: this build has no bug called %s\n", arguments.bug.c_str());
    return kExitUsage;
  }
  if (arguments.form == "distributed" && !has_form(Form::kDistributed)) {
    std::fprintf(stderr, "quipu-sim: this build has no distributed form\n");
    return kExitUsage;
  }
  if (!arguments.bug.empty() && form->count() == 0) {
    if (const auto only = form_of_bug(*bug)) arguments.form = name_of(*only);
  }
  std::signal(SIGINT, [](int) { interrupted = true; });
  if (seed->count() > 0) return run_one(arguments);
  RunSpan span;
  span.last = kSeeds;
  span.jobs = arguments.jobs;
  span.bug = arguments.bug;
  span.faults_min = arguments.least_faults;
  span.form = form_choice(arguments.form);
  if (seeds->count() > 0 && !parse_span(arguments.seeds, span)) {
    std::fprintf(stderr, "quipu-sim: --seeds %s: give the first and the last seed, such as 1..1000\n",
                 arguments.seeds.c_str());
    return kExitUsage;
  }
  if (minutes->count() > 0) {
    span.first = arguments.first;
    span.last = UINT64_MAX - 1;
    span.seconds_max = arguments.minutes * 60;
  }
  return run_many(arguments, span);
}

}  // namespace
}  // namespace quipu::sim

int main(int argc, char** argv) { return quipu::sim::run(argc, argv); }
