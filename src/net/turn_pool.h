#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace quipu {

/// What sessions need only while they work on what has arrived, lent from one to the next: so it stays in the
/// processor's cache, and an idle connection has none. One thread.
template <class Turn>
class TurnPool {
 public:
  /// `sparing`: memory is short, and who asks for little must not be charged with what others made a turn grow to.
  std::unique_ptr<Turn> take(bool sparing = false) {
    if (sparing || turns_.empty()) return std::make_unique<Turn>();
    auto turn = std::move(turns_.back());
    turns_.pop_back();
    return turn;
  }

  /// Takes back a turn that was cleared.
  void give(std::unique_ptr<Turn> turn) {
    if (turns_.size() < kKept) turns_.push_back(std::move(turn));
  }

 private:
  /// More are in use at one time only while batches wait for the store.
  static constexpr std::size_t kKept = 4;

  std::vector<std::unique_ptr<Turn>> turns_;
};

}  // namespace quipu
