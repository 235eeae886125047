#include "cli/new_log_command.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/cluster_failure.h"
#include "cli/exit_code.h"
#include "cli/failure_report.h"

namespace quipu {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const BegunLog& begun) {
  return {{"generation_before", begun.before.log.generation.value},
          {"generation", begun.after.log.generation.value},
          {"partitions", begun.after.id_partitions},
          {"counters_reset", begun.counters_reset}};
}

}  // namespace

int run_adopt_topic(const Config& config, bool json, const Surroundings& surroundings, const Verbs& verbs) {
  const auto begun = verbs.adopt_topic(config);
  if (!begun) return report_failure(surroundings, json, cluster_failure(begun.error()));
  if (json) {
    surroundings.out << json_of(*begun).dump(2) << "\n";
    return kExitOk;
  }
  surroundings.out << fmt::format(
      "topic {} is generation {} of the log, with {} partitions; generation {} is frozen, and all totals stay\n"
      "events of the old topic that were not in the store yet are not counted; ids that were sent before are not "
      "recognised\n",
      config.cluster.kafka_topic, begun->after.log.generation.value, begun->after.id_partitions,
      begun->before.log.generation.value);
  return kExitOk;
}

int run_migrate(const Config& config, bool json, const Surroundings& surroundings, const Verbs& verbs) {
  const auto begun = verbs.migrate_store(config);
  if (!begun) return report_failure(surroundings, json, cluster_failure(begun.error()));
  if (json) {
    auto object = json_of(*begun);
    object["counters"] = begun->counters;
    object["rows"] = begun->rows;
    surroundings.out << object.dump(2) << "\n";
    return kExitOk;
  }
  surroundings.out << fmt::format(
      "{} counters in {} rows are in the store now, as generation {}; topic {} is generation {}\n"
      "{} must not be served any more; ids and sources that were sent to it are not recognised\n",
      begun->counters, begun->rows, begun->before.log.generation.value, config.cluster.kafka_topic,
      begun->after.log.generation.value, config.data_dir);
  return kExitOk;
}

}  // namespace quipu
