#include "cli/grow_log_command.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/cluster_failure.h"
#include "cli/exit_code.h"
#include "cli/failure_report.h"
#include "cli/late_end.h"

namespace quipu {
namespace {

using Json = nlohmann::ordered_json;

CommandFailure failure_of(const Error& error, bool interrupted) {
  auto failure = cluster_failure(error);
  if (interrupted && error.code == Code::kTimeout) {
    failure = {kExitInterrupted, "interrupted", printable(error.what), ""};
  } else if (error.code == Code::kConflict) {
    failure.exit_code = kExitNotReady;
    failure.outcome = "stalled";
  }
  return failure;
}

}  // namespace

int run_grow_log(const Config& config, std::uint16_t partitions, bool json, const Surroundings& surroundings,
                 const Verbs& verbs) {
  if (!config.cluster.distributed()) {
    return report_failure(surroundings, json,
                          {kExitFailure, "refused",
                           "log.kind = \"segments\": a data directory keeps the partitions that it was made with",
                           "only a log in Kafka (log.kind = \"kafka\") can get more"});
  }
  const auto grown = [&] {
    // What it does is done in steps that can each be done again.
    const LateEnd end(verbs.interrupted, [&] {
      report_failure(surroundings, json, {kExitInterrupted, "interrupted", "interrupted; run this again to go on", ""});
      surroundings.out.flush();
    });
    return verbs.grow_log(config, partitions, verbs.interrupted);
  }();
  if (!grown) return report_failure(surroundings, json, failure_of(grown.error(), verbs.interrupted()));
  if (json) {
    const Json object = {{"topic", grown->topic},
                         {"generation", grown->generation.value},
                         {"partitions_before", grown->before},
                         {"partitions", grown->partitions},
                         {"counters_reset", grown->counters_reset}};
    surroundings.out << object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
    return kExitOk;
  }
  surroundings.out << fmt::format(
      "topic {}: {} partitions take events, {} did before; events with ids and of sources keep to where they were\n",
      grown->topic, grown->partitions, grown->before);
  return kExitOk;
}

}  // namespace quipu
