#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/failpoint.h"
#include "base/planted.h"
#include "cli/command_line.h"
#include "cli/exit_code.h"
#ifdef QUIPU_DISTRIBUTED
#include "cluster/cluster_audit.h"
#include "cluster/cluster_verbs.h"
#endif
#include "node/adopt.h"
#include "node/audit.h"
#include "node/serve.h"

namespace {

std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler writes it");

std::vector<std::pair<std::string, std::string>> environment() {
  std::vector<std::pair<std::string, std::string>> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (equals != std::string_view::npos) variables.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

/// What tests ask of the build that is made for them: places to strike at, a bug to plant. Any other build refuses
/// both.
quipu::Result<void> obey_tests(const std::vector<std::pair<std::string, std::string>>& variables) {
  for (const auto& [name, value] : variables) {
    if (name == quipu::kFailpointVariable) {
      if (auto armed = quipu::arm_failpoints(value); !armed) return armed;
    }
    if (name == quipu::kPlantedVariable && !value.empty()) {
      const auto bugs = quipu::planted_bugs();
      if (std::ranges::find(bugs, std::string_view(value), &quipu::PlantedBug::name) == bugs.end()) {
        return quipu::failure(quipu::Code::kRefused, "this build has no bug called " + value);
      }
      quipu::plant(value);
    }
  }
  return {};
}

/// Ctrl-C lets a verb end in order; `serve` puts its own handler in place of this one.
void watch_for_interrupt() {
  struct sigaction action{};
  action.sa_handler = [](int) { interrupted = true; };
  sigaction(SIGINT, &action, nullptr);
}

std::size_t terminal_columns() {
  winsize size{};
  constexpr std::size_t kUsual = 80;
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    watch_for_interrupt();
    quipu::Verbs verbs;
    verbs.serve = quipu::serve;
    verbs.adopt_log = quipu::adopt_log;
    verbs.interrupted = [] { return interrupted.load(); };
    verbs.audit = quipu::audit;
#ifdef QUIPU_DISTRIBUTED
    verbs.api = quipu::serve_api;
    verbs.worker = quipu::run_workers;
    verbs.serve_cluster = quipu::serve_cluster;
    verbs.log_status = quipu::log_status;
    verbs.audit_cluster = quipu::audit_cluster;
    verbs.grow_log = quipu::grow_log;
    verbs.adopt_topic = quipu::adopt_topic;
    verbs.migrate_store = quipu::migrate_store;
#endif
    auto variables = environment();
    if (const auto obeyed = obey_tests(variables); !obeyed) {
      std::fprintf(stderr, "quipu: %s\n", obeyed.error().what.c_str());
      return quipu::kExitUsage;
    }
    const quipu::Surroundings surroundings{std::move(variables), std::cout, std::cerr, isatty(STDERR_FILENO) == 1,
                                           terminal_columns()};
    return quipu::run_command_line({argv + 1, argv + argc}, surroundings, verbs);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "quipu: %s\n", error.what());
    return quipu::kExitFailure;
  }
}
