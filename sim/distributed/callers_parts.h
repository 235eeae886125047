#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/operation.h"
#include "query/position.h"
#include "sim/distributed/callers.h"
#include "sim/history.h"

/// What the files of Callers share: one that asks, one that hears.
namespace quipu::sim {

/// The counters stand in them by turns. In the first none is ever reset.
inline constexpr const char* kCallerSpaces[] = {"default", "views"};
inline constexpr std::size_t kCallerBatchMax = 4;

struct Callers::Ask {
  enum class Kind : std::uint8_t { kEvent, kMistake, kReset, kSet, kRead, kNone };
  Kind kind = Kind::kRead;
  std::size_t counter = 0;
  History::EventNumber event = 0;
  History::AttemptNumber attempt = 0;
  History::Reset reset;
  History::Look look;
  bool positioned = false;  ///< A read that includes everything that was acknowledged when it was asked for.
  bool refused = false;     ///< Asked when no node had a log that it may write to.
  bool in_session = false;  ///< A read with positions: it does not go back behind the one before.
};

struct Callers::Request final : BatchClient {
  Callers* callers = nullptr;
  Caller* caller = nullptr;  ///< Null when it waits no longer.
  std::size_t node = 0;
  Batch batch;
  std::vector<Ask> asks;
  std::uint64_t number = 0;
  bool all = false;
  std::vector<Position> after;  ///< Not submitted before the node has reached these.
  bool submitted = false;
  bool done = false;

  void batch_done(Batch&) override { callers->answered(*this); }
};

struct Callers::Caller {
  std::size_t number = 0;
  std::size_t node = 0;
  Request* waits_for = nullptr;
  History::Session session;
  std::size_t session_counter = 0;      ///< Of its last read with positions ...
  std::vector<Position> session_after;  ///< ... which were these; empty: none yet.
  std::vector<History::EventNumber> source_events;
  std::uint64_t sequence = 0;
  std::size_t batch_max = kCallerBatchMax;
};

struct Callers::OpenReset {
  Ask ask;
  bool acknowledged = false;
  PartitionId partition{};
  Offset offset{};
};

}  // namespace quipu::sim
