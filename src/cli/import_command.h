#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/client_flags.h"
#include "import/import_run.h"

namespace quipu {

/// `quipu import`: counts access logs, one after the other.
class ImportCommand {
 public:
  void add_to(CLI::App& verb);
  int run(const Surroundings& surroundings, const std::function<bool()>& interrupted);

 private:
  ClientFlags flags_;
  std::vector<std::string> files_;
  ImportOptions options_;
  double wait_seconds_ = 30;
};

}  // namespace quipu
