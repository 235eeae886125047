#include "cli/bench_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <ostream>

#include "cli/command_line.h"
#include "cli/config_value.h"
#include "cli/exit_code.h"
#include "cli/failure_report.h"
#include "ingest/names.h"

namespace quipu {

void BenchCommand::add_to(CLI::App& verb) {
  auto* resp = verb.add_option("--resp", resp_, "Send INCR to this server (default 127.0.0.1:6380)");
  resp->type_name("HOST:PORT");
  verb.add_option("--http", http_, "Send POST to this server instead")->type_name("HOST:PORT")->excludes(resp);
  verb.add_option("--connections", options_.connections, "Connections, all from one thread")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  verb.add_option("--pipeline", options_.pipeline, "Requests sent before their replies are waited for")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  verb.add_flag("--ids", options_.ids, "With --http: each event has an id, so that a repeat would count once");
  verb.add_option("--batch", options_.batch, "With --http: events of a request, by POST /v1/events")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  verb.add_option("--keys", options_.keys, "Different counters")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000'000}))
      ->capture_default_str();
  verb.add_option("--distribution", distribution_, "zipf, uniform, one, or each once in order")
      ->check(CLI::IsMember({"zipf", "uniform", "one", "each"}))
      ->capture_default_str();
  verb.add_option("--namespace", options_.space, "Where the counters are")->capture_default_str();
  auto* events = verb.add_option("--events", options_.events, "Send so many events");
  events->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000'000'000}));
  verb.add_option("--seconds", options_.seconds, "Send for so long (default 10, without --events)")
      ->check(CLI::Range(0.001, 86'400.0))
      ->excludes(events);
  verb.add_option("--rate", options_.rate, "Open loop: send so many a second, whether replies come or not")
      ->check(CLI::Range(1.0, 1e8));
  verb.add_option("--idle-connections", options_.idle_connections, "Silent connections beside the others")
      ->check(CLI::Range(0, 20'000));
  verb.add_option("--name-bytes", options_.name_bytes, "Length of each counter's name")
      ->check(CLI::Range(12, 200))
      ->capture_default_str();
  verb.add_option("--seed", options_.seed, "The same seed sends the same keys")->capture_default_str();
  verb.add_flag("--json", json_, "Report as one JSON object");
}

int BenchCommand::run(const Surroundings& surroundings, const std::function<bool()>& interrupted) {
  const auto usage = [&](std::string_view what) {
    return report_failure(surroundings, json_, {kExitUsage, "usage", std::string(what), ""});
  };
  options_.protocol = http_.empty() ? LoadProtocol::kResp : LoadProtocol::kHttp;
  const auto& target = http_.empty() ? resp_ : http_;
  if (!target.empty()) {
    auto address = parse_address(target);
    if (!address) return usage(fmt::format("{} {}", target, address.error().what));
    options_.host = address->host;
    options_.port = address->port;
  }
  if (auto valid = validate_namespace(options_.space); !valid) return usage(valid.error().what);
  if (options_.ids && http_.empty()) return usage("--ids is for --http alone");
  if (options_.batch > 1 && http_.empty()) return usage("--batch is for --http alone");
  if (options_.events % options_.batch != 0) return usage("--events must be a multiple of --batch");
  if (distribution_ == "each" && options_.keys % options_.batch != 0) {
    return usage("--keys must be a multiple of --batch where each is sent once");
  }
  if (options_.events == 0 && options_.seconds == 0) options_.seconds = 10;
  static const std::map<std::string, Spread> kSpreads = {
      {"zipf", Spread::kZipf}, {"uniform", Spread::kUniform}, {"one", Spread::kOne}, {"each", Spread::kEach}};
  options_.spread = kSpreads.at(distribution_);

  const auto progress = [&](std::uint64_t replies, double seconds) {
    if (!surroundings.progress) return;
    surroundings.err << fmt::format("\r{} replies, {:.0f} a second ", replies, static_cast<double>(replies) / seconds)
                     << std::flush;
  };
  const auto report = run_load(options_, interrupted, progress);
  if (!report) {
    return report_failure(surroundings, json_,
                          {kExitUnreachable, "unreachable", report.error().what, "start the service: quipu serve"});
  }
  if (surroundings.progress) surroundings.err << "\r\033[K";
  surroundings.out << (json_ ? load_report_json(options_, *report) : load_report_text(options_, *report));
  if (report->interrupted) return kExitInterrupted;
  const bool failed = report->replies.refused + report->replies.unknown + report->lost > 0 ||
                      report->connections_lost + report->idle_lost > 0;
  return failed ? kExitFailure : kExitOk;
}

}  // namespace quipu
