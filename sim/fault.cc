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
      "node crashes",
      "worker crashes",
      "process stalls",
      "partition handed on",
      "zombie",
      "partition lost",
      "log's answer lost",
      "record lost",
      "late record",
      "fetch late",
      "log trimmed",
      "records removed unread",
      "log's end went back",
      "log's end back, unseen",
      "topic made anew",
      "another log's frame",
      "adoption ends on its way",
      "partition added",
      "partition takes nothing",
      "replica down",
      "replica forgets",
      "replica misses a write",
      "replica's write late",
      "replica's answer lost",
      "store times out",
      "cache lost",
      "cache evicts",
      "cache drops a command",
      "cache drops a reply",
      "cache stalls",
      "client moves",
      "log grown",
      "growth ends on its way",
  };
  return kNames[static_cast<std::size_t>(fault)];
}

bool occurs_in(Fault fault, Form form) {
  if (fault > Fault::kClientMistakes) return form == Form::kDistributed;
  const bool both = fault == Fault::kClockBack || fault == Fault::kClockForward || fault == Fault::kClientGivesUp ||
                    fault == Fault::kClientRepeats || fault == Fault::kClientMistakes;
  return both || form == Form::kEmbedded;
}

}  // namespace quipu::sim
