#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "log/log_group.h"
#include "sim/distributed/log_view.h"
#include "sim/random.h"
#include "sim/trace.h"

namespace quipu::sim {

class SimGroup;

/// The brokers' side of the group: which worker reads which partition. Changes come at any moment, and a worker hears
/// of them late or, when it is a zombie, much later.
class SimCoordinator {
 public:
  SimCoordinator(Random& random, Trace& trace) : random_(random), trace_(trace) {}

  void join(SimGroup& member);
  /// It has died: its partitions go to others.
  void leave(SimGroup& member);
  /// Every partition has an owner, or is on its way to one.
  void assign(std::uint16_t partitions);

  /// A partition is to move: its owner is asked to hand it on, or another one gets it while the owner knows nothing.
  void rebalance();
  /// The group loses patience with one that does not hand on, or a zombie hears that it is one.
  void lose();
  void lose_all();
  /// Nobody is in it any more: it begins anew.
  void forget();
  /// `released` of a member.
  void released(SimGroup& member, PartitionId partition);

 private:
  struct Moving {
    SimGroup* from = nullptr;
    SimGroup* to = nullptr;
  };
  struct Zombie {
    SimGroup* member = nullptr;
    PartitionId partition{};
  };
  void give(PartitionId partition, SimGroup* member);
  SimGroup* any();

  Random& random_;
  Trace& trace_;
  std::vector<SimGroup*> members_;
  std::map<PartitionId, SimGroup*> owners_;
  std::map<PartitionId, Moving> moving_;
  std::vector<Zombie> zombies_;
};

/// One worker's membership.
class SimGroup final : public LogGroup {
 public:
  SimGroup(SimCoordinator& coordinator, SimLogView& view) : coordinator_(coordinator), view_(view) {}

  void change(Change::Kind kind, PartitionId partition) { changes_.push_back({kind, partition}); }

  void take_changes(std::vector<Change>& out) override;
  void released(PartitionId partition) override;
  void seek(PartitionId partition, Offset next) override { view_.seek(partition, next); }
  void pause(PartitionId partition, bool paused) override;
  void hint_committed(PartitionId, Offset) override {}
  Result<void> health() const override;

 private:
  SimCoordinator& coordinator_;
  SimLogView& view_;
  std::vector<Change> changes_;
};

}  // namespace quipu::sim
