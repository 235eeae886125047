#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/identifiers.h"
#include "worker/worker_core.h"

namespace quipu {

/// Passes the RESETs of a counter's home partition on into every other partition's log.
///
///   owe(1) owe(2) owe(3) ─► | 1 2 3 | ─► partition 1: has 1..3     one frame at a time on its way to each
///                                    ─► partition 2: has 1..1
///                             oldest() = 2 until all have it
///
/// Promise: each is appended to every other partition, in order, and again until the log has it; an epoch makes repeats
/// harmless. The home partition's watermark must stay below `oldest()`. Partitions that were added before a RESET was
/// read are among them: it is owed until the log has been asked since then how many there are.
class ResetRelay {
 public:
  ResetRelay(WorkerCore& core, Owner owner, PartitionId home) : core_(core), owner_(owner), home_(home) {}

  /// A RESET was met at `offset`, on its first reading or on a replay.
  void owe(Offset offset, std::string_view space, std::string_view counter, Epoch epoch);
  /// Sends what can be sent now.
  void step();

  /// The offset of the oldest RESET that some partition does not have; nullopt when all have all.
  std::optional<Offset> oldest() const;
  std::size_t owed() const { return owed_.size(); }
  /// When a step is needed if nothing else happens.
  TimeMs due() const;

 private:
  static constexpr std::uint64_t kEntriesPerFrame = 256;

  struct Owed {
    Offset offset{};
    std::string space;
    std::string counter;
    Epoch epoch{};
    TimeMs since = 0;  // By the steady clock.
  };
  struct Target {
    std::uint64_t has = 0;  // How many of all that were ever owed.
    bool sending = false;
    TimeMs send_at = 0;
  };
  void know_targets();
  void send(std::uint16_t target);
  void drop_finished();
  /// When there were no more partitions than the log says.
  TimeMs partitions_as_of() const { return core_.steady - core_.parts.log.partitions_age_ms(); }

  WorkerCore& core_;
  Owner owner_;
  PartitionId home_;
  std::uint64_t finished_ = 0;  // How many were taken off the front of owed_.
  std::deque<Owed> owed_;
  std::vector<Target> targets_;
};

}  // namespace quipu
