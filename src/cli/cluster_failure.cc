#include "cli/cluster_failure.h"

#include "cli/exit_code.h"

namespace quipu {

CommandFailure cluster_failure(const Error& error) {
  CommandFailure failure{kExitFailure, "failed", printable(error.what), ""};
  switch (error.code) {
    case Code::kNotFound:
      failure.exit_code = kExitNotFound;
      failure.outcome = "not_found";
      break;
    case Code::kBusy:
    case Code::kTimeout:
      failure.exit_code = kExitUnreachable;
      failure.outcome = "unreachable";
      failure.remedy = "see that Kafka and the store run, and that kafka.brokers and the store's address are right";
      break;
    case Code::kDamaged:
      failure.exit_code = kExitNotReady;
      failure.outcome = "damaged";
      break;
    case Code::kRefused:
      failure.outcome = "refused";
      break;
    default:
      break;
  }
  return failure;
}

}  // namespace quipu
