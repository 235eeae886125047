#include "cli/audit_command.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/cluster_failure.h"
#include "cli/exit_code.h"
#include "cli/failure_report.h"
#include "cli/late_end.h"

namespace quipu {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

constexpr std::chrono::milliseconds kRedraw{200};

CommandFailure failure_of_cluster(const Error& error, bool interrupted) {
  if (interrupted && error.code == Code::kTimeout) {
    return {kExitInterrupted, "interrupted", printable(error.what), ""};
  }
  return cluster_failure(error);
}

CommandFailure failure_of_directory(const Error& error) {
  CommandFailure failure{kExitFailure, "failed", printable(error.what), ""};
  switch (error.code) {
    case Code::kNotFound:
      failure.exit_code = kExitNotFound;
      failure.outcome = "not_found";
      failure.remedy = "name the data directory with --data";
      break;
    case Code::kRefused:
      failure.outcome = "refused";
      failure.remedy =
          "an audit needs the directory for itself: stop the service first, or audit a copy of a stopped one";
      break;
    case Code::kTimeout:
      failure.exit_code = kExitInterrupted;
      failure.outcome = "interrupted";
      break;
    case Code::kDamaged:
      failure.exit_code = kExitNotReady;
      failure.outcome = "damaged";
      failure.remedy = "docs/operations/adopt.md has the way out";
      break;
    default:
      break;
  }
  return failure;
}

Json json_of(const AuditDifference& difference) {
  Json object = {{"namespace", difference.space},
                 {"counter", difference.counter},
                 {"partition", difference.partition.value},
                 {"up_to_offset", difference.upto.value}};
  if (difference.in_store) {
    object["store_total"] = difference.store.total;
    object["store_events"] = difference.store.events;
    object["store_epoch"] = difference.store.epoch.value;
  } else {
    object["store_total"] = nullptr;
  }
  object["log_total"] = difference.log.total;
  object["log_events"] = difference.log.events;
  object["log_epoch"] = difference.log.epoch.value;
  return object;
}

std::string text_of(const AuditDifference& difference) {
  const auto in_store = difference.in_store
                            ? fmt::format("{} (of {} events)", difference.store.total, difference.store.events)
                            : std::string("no row");
  auto text = fmt::format("{}/{}, partition {}: {} in the store, {} (of {} events) in the log up to offset {}",
                          difference.space, printable(difference.counter), difference.partition.value, in_store,
                          difference.log.total, difference.log.events, difference.upto.value);
  if (difference.in_store && difference.store.epoch != difference.log.epoch) {
    text +=
        fmt::format("; epoch {} in the store, {} in the log", difference.store.epoch.value, difference.log.epoch.value);
  }
  return text;
}

std::string text_of_log(const AuditReport& report, bool distributed) {
  if (!distributed) {
    return fmt::format("{} frames with {} entries replayed, from offset {} to {}\n", report.frames, report.entries,
                       report.base.value + 1, report.log_end.value);
  }
  return fmt::format("{} frames with {} entries replayed, of {} that there ever were; {} are not kept any more\n",
                     report.frames, report.entries, report.log_end.value, report.base.value);
}

void print_text(const AuditReport& report, bool distributed, std::ostream& out) {
  for (const auto& difference : report.first_differences) out << text_of(difference) << "\n";
  if (report.differences > report.first_differences.size()) {
    out << fmt::format("... and {} more\n", report.differences - report.first_differences.size());
  }
  out << fmt::format("{} differences in {} rows of {} counters; ", report.differences, report.rows, report.counters)
      << text_of_log(report, distributed);
  if (report.later_entries > 0) {
    out << fmt::format("{} entries of the log are not due in the store yet: {}\n", report.later_entries,
                       distributed ? "workers bring them in" : "the next start brings them in");
  }
  if (report.partial_rows > 0) {
    out << fmt::format("{} rows began before what the log keeps: they are there, their totals were not compared\n",
                       report.partial_rows);
  }
  if (report.older_rows > 0) {
    out << fmt::format("{} rows are of older generations of the log, which can not be audited any more\n",
                       report.older_rows);
  }
}

void print_json(const AuditReport& report, std::ostream& out) {
  Json list = Json::array();
  for (const auto& difference : report.first_differences) list.push_back(json_of(difference));
  const Json object = {{"differences", report.differences},
                       {"counters", report.counters},
                       {"rows", report.rows},
                       {"frames", report.frames},
                       {"entries", report.entries},
                       {"base", report.base.value},
                       {"log_end", report.log_end.value},
                       {"later_entries", report.later_entries},
                       {"partial_rows", report.partial_rows},
                       {"older_rows", report.older_rows},
                       {"first_differences", std::move(list)}};
  out << object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
}

}  // namespace

int run_audit(const Config& config, bool json, const Surroundings& surroundings, const Verbs& verbs) {
  auto drawn = Clock::now();
  bool moving = false;
  const auto progress = [&](std::uint64_t offsets_left) {
    if (!surroundings.progress || Clock::now() - drawn < kRedraw) return;
    drawn = Clock::now();
    moving = true;
    surroundings.err << fmt::format("\r\033[Kreading the log: {} offsets to go", offsets_left) << std::flush;
  };
  const bool distributed = config.cluster.distributed();
  const auto report = [&]() -> Result<AuditReport> {
    if (!distributed) return verbs.audit(config, progress, verbs.interrupted);
    const LateEnd end(verbs.interrupted, [&] {
      report_failure(surroundings, json, {kExitInterrupted, "interrupted", "interrupted; nothing was changed", ""});
      surroundings.out.flush();
    });
    return verbs.audit_cluster(config, progress, verbs.interrupted);
  }();
  if (moving) surroundings.err << "\r\033[K" << std::flush;
  if (!report) {
    return report_failure(
        surroundings, json,
        distributed ? failure_of_cluster(report.error(), verbs.interrupted()) : failure_of_directory(report.error()));
  }
  json ? print_json(*report, surroundings.out) : print_text(*report, distributed, surroundings.out);
  return report->differences == 0 ? kExitOk : kExitNotReady;
}

}  // namespace quipu
