#include "cli/log_status_command.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>
#include <string>

#include "cli/cluster_failure.h"
#include "cli/exit_code.h"
#include "cli/failure_report.h"

namespace quipu {
namespace {

using Json = nlohmann::ordered_json;

std::string lag_text(const LogStatus::Partition& partition) {
  if (partition.lag_ms < 0) return "?";
  return fmt::format("{:.1f}", static_cast<double>(partition.lag_ms) / 1000);
}

std::string events_text(std::uint64_t events, bool all) { return fmt::format("{}{}", all ? "" : ">", events); }

void print_text(const LogStatus& status, std::ostream& out) {
  out << fmt::format("topic {}, generation {}, {} partitions\n", status.topic, status.identity.generation.value,
                     status.partitions.size());
  out << fmt::format("{:>9} {:>12} {:>12} {:>12} {:>12} {:>10} {:>12} {:>9}\n", "partition", "begin", "end", "applied",
                     "committed", "lag", "lag events", "lag s");
  std::uint64_t lag = 0;
  std::uint64_t events = 0;
  bool all = true;
  for (const auto& partition : status.partitions) {
    lag += partition.lag;
    events += partition.events;
    all &= partition.all_events;
    out << fmt::format("{:>9} {:>12} {:>12} {:>12} {:>12} {:>10} {:>12} {:>9}\n", partition.partition.value,
                       partition.begin.value, partition.end.value, partition.applied.value, partition.committed.value,
                       partition.lag, events_text(partition.events, partition.all_events), lag_text(partition));
  }
  out << fmt::format("{} frames, of {} events, are not in the store yet\n", lag, events_text(events, all));
  if (status.open_partitions < status.partitions.size()) {
    out << fmt::format("partitions {} and above take no events: `quipu log grow` opens them\n", status.open_partitions);
  }
  for (const auto& finding : status.findings) out << finding << "\n";
}

void print_json(const LogStatus& status, std::ostream& out) {
  Json partitions = Json::array();
  for (const auto& partition : status.partitions) {
    Json object = {{"partition", partition.partition.value},
                   {"begin", partition.begin.value},
                   {"end", partition.end.value},
                   {"applied", partition.applied.value},
                   {"committed", partition.committed.value},
                   {"lag_frames", partition.lag},
                   {"lag_events", partition.events},
                   {"lag_events_complete", partition.all_events}};
    if (partition.lag_ms < 0) {
      object["lag_ms"] = nullptr;
    } else {
      object["lag_ms"] = partition.lag_ms;
    }
    partitions.push_back(std::move(object));
  }
  const Json object = {{"topic", status.topic},
                       {"generation", status.identity.generation.value},
                       {"id_partitions", status.id_partitions},
                       {"open_partitions", status.open_partitions},
                       {"partitions", std::move(partitions)},
                       {"findings", status.findings}};
  out << object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
}

}  // namespace

int run_log_status(const Config& config, bool json, const Surroundings& surroundings, const Verbs& verbs) {
  const auto status = verbs.log_status(config);
  if (!status) return report_failure(surroundings, json, cluster_failure(status.error()));
  json ? print_json(*status, surroundings.out) : print_text(*status, surroundings.out);
  return kExitOk;
}

}  // namespace quipu
