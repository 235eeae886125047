#pragma once

#include <functional>
#include <string>

#include "load/load.h"

namespace CLI {
class App;
}

namespace quipu {

struct Surroundings;

/// The flags of `quipu bench load`, and what it does with them.
class BenchCommand {
 public:
  /// Adds the flags to the verb. The command must outlive it.
  void add_to(CLI::App& verb);

  /// Runs the load and prints its report. kExitOk when every event was accepted or, being busy, surely not counted;
  /// kExitFailure when one was refused, unknown or lost; kExitUnreachable, kExitUsage, kExitInterrupted.
  int run(const Surroundings& surroundings, const std::function<bool()>& interrupted);

 private:
  LoadOptions options_;
  std::string resp_;
  std::string http_;
  std::string distribution_ = "zipf";
  bool json_ = false;
};

}  // namespace quipu
