#include "sim/fault.h"

namespace quipu::sim {

std::string_view name_of(Fault fault) {
  static constexpr std::array<std::string_view, kFaults> kNames{
      "kill",
      "power cut",
      "crash in a file call",
      "crash while starting",
      "torn write",
      "lost write",
      "lost file name",
      "write fails",
      "sync fails",
      "read fails",
      "bit rot",
      "short write",
      "no direct write",
      "file upkeep fails",
      "disk full",
      "disk stalls",
      "store write fails",
      "store read fails",
      "store base fails",
      "store stalls",
      "store forgets",
      "clock back",
      "clock forward",
      "stop and start",
      "log begun anew",
      "client gives up",
      "client repeats",
      "client mistakes",
  };
  return kNames[static_cast<std::size_t>(fault)];
}

}  // namespace quipu::sim
