#include "sim/distributed/group.h"

#include <algorithm>
#include <string>
#include <utility>

namespace quipu::sim {

using Kind = LogGroup::Change::Kind;

void SimGroup::take_changes(std::vector<Change>& out) {
  for (const Change& change : std::exchange(changes_, {})) {
    // As the real one, the log forgets what it was told of a partition that is not read any more.
    if (change.kind == Kind::kLost) pause(change.partition, false);
    out.push_back(change);
  }
}

void SimGroup::released(PartitionId partition) {
  pause(partition, false);
  coordinator_.released(*this, partition);
}

void SimGroup::pause(PartitionId partition, bool paused) {
  if (partition.value < view_.partitions()) view_.pause(partition, paused);
}

Result<void> SimGroup::health() const {
  if (view_.damage()) return std::unexpected(*view_.damage());
  return {};
}

void SimCoordinator::forget() {
  owners_.clear();
  moving_.clear();
  zombies_.clear();
}

void SimCoordinator::join(SimGroup& member) { members_.push_back(&member); }

void SimCoordinator::leave(SimGroup& member) {
  std::erase(members_, &member);
  std::erase_if(zombies_, [&](const Zombie& zombie) { return zombie.member == &member; });
  for (auto& [partition, owner] : owners_) {
    if (owner == &member) owner = nullptr;
  }
  for (auto at = moving_.begin(); at != moving_.end();) {
    Moving& moving = at->second;
    if (moving.to == &member) moving.to = any();
    if (moving.from != &member && moving.to != nullptr) {
      ++at;
      continue;
    }
    owners_[at->first] = nullptr;
    at = moving_.erase(at);
  }
}

SimGroup* SimCoordinator::any() { return members_.empty() ? nullptr : members_[random_.below(members_.size())]; }

void SimCoordinator::give(PartitionId partition, SimGroup* member) {
  owners_[partition] = member;
  if (member != nullptr) member->change(Kind::kAssigned, partition);
}

void SimCoordinator::assign(std::uint16_t partitions) {
  for (std::uint16_t p = 0; p < partitions; ++p) {
    const PartitionId partition{p};
    if (owners_[partition] == nullptr && !moving_.contains(partition)) give(partition, any());
  }
}

void SimCoordinator::rebalance() {
  if (members_.size() < 2 || owners_.empty()) return;
  const PartitionId partition{static_cast<std::uint16_t>(random_.below(owners_.size()))};
  SimGroup* const from = owners_[partition];
  SimGroup* const to = any();
  if (from == nullptr || from == to || moving_.contains(partition)) return;
  const auto name = "partition " + std::to_string(partition.value);
  if (random_.one_in(2)) {
    trace_.fault(Fault::kRebalance, name);
    from->change(Kind::kRevoked, partition);
    owners_[partition] = nullptr;
    moving_[partition] = {from, to};
    return;
  }
  trace_.fault(Fault::kZombie, name);
  zombies_.push_back({from, partition});
  give(partition, to);
}

void SimCoordinator::released(SimGroup& member, PartitionId partition) {
  const auto moving = moving_.find(partition);
  if (moving == moving_.end() || moving->second.from != &member) return;
  SimGroup* const to = moving->second.to;
  moving_.erase(moving);
  give(partition, to);
}

void SimCoordinator::lose() {
  if (!moving_.empty() && random_.one_in(2)) {
    const auto [partition, moving] = *moving_.begin();
    moving_.erase(moving_.begin());
    trace_.fault(Fault::kLost, "partition " + std::to_string(partition.value) + " before it was handed on");
    moving.from->change(Kind::kLost, partition);
    give(partition, moving.to);
  } else if (!zombies_.empty()) {
    const Zombie zombie = zombies_.front();
    zombies_.erase(zombies_.begin());
    const auto moving = moving_.find(zombie.partition);
    // It has got it back meanwhile.
    if (owners_[zombie.partition] == zombie.member) return;
    if (moving != moving_.end() && moving->second.from == zombie.member) return;
    trace_.fault(Fault::kLost, "partition " + std::to_string(zombie.partition.value));
    zombie.member->change(Kind::kLost, zombie.partition);
  }
}

void SimCoordinator::lose_all() {
  while (!zombies_.empty()) {
    if (moving_.empty()) {
      lose();
      continue;
    }
    const auto [partition, moving] = *moving_.begin();
    moving_.erase(moving_.begin());
    moving.from->change(Kind::kLost, partition);
    give(partition, moving.to);
  }
}

}  // namespace quipu::sim
