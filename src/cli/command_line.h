#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cluster/grow_log.h"
#include "cluster/log_status.h"
#include "cluster/new_log.h"
#include "node/audit.h"
#include "node/config.h"

namespace quipu {

/// What the verbs do beyond the command line; main.cc joins them with the parts that do it, tests with their own.
struct Verbs {
  /// Serves until it is told to stop; answers the exit code.
  std::function<int(const Config&)> serve;
  /// The roles of the distributed form; as above. Null where the program was built without it.
  std::function<int(const Config&)> api;
  std::function<int(const Config&)> worker;
  std::function<int(const Config&)> serve_cluster;
  std::function<Result<LogStatus>(const Config&)> log_status;
  std::function<Result<GrownLog>(const Config&, std::uint16_t partitions, const std::function<bool()>& interrupted)>
      grow_log;
  std::function<Result<BegunLog>(const Config&)> adopt_topic;
  std::function<Result<BegunLog>(const Config&)> migrate_store;
  /// Makes a data directory that was copied or moved one of this place; with `new_generation` the log is set aside and
  /// the next generation begins beside the totals that there are. Answers the exit code.
  std::function<int(const Config&, bool new_generation)> adopt_log;
  /// Whether Ctrl-C was pressed since the program began.
  std::function<bool()> interrupted;
  /// See node/audit.h.
  std::function<Result<AuditReport>(const Config&, const std::function<void(std::uint64_t)>& progress,
                                    const std::function<bool()>& interrupted)>
      audit;
  /// The same of the distributed form; see cluster/cluster_audit.h. Null where the program was built without it.
  std::function<Result<AuditReport>(const Config&, const std::function<void(std::uint64_t)>& progress,
                                    const std::function<bool()>& interrupted)>
      audit_cluster;
};

/// Where a command line is run.
struct Surroundings {
  std::vector<std::pair<std::string, std::string>> environment;
  std::ostream& out;
  std::ostream& err;
  bool progress = false;     ///< Whether `err` is a terminal, on which progress can be shown.
  std::size_t columns = 80;  ///< Of that terminal.
};

/// Parses the arguments (without the program's name), does what they say, and answers the exit code (exit_code.h).
int run_command_line(const std::vector<std::string>& arguments, const Surroundings& surroundings, const Verbs& verbs);

}  // namespace quipu
