#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/engine_options.h"
#include "log/segment_log.h"
#include "sim/random.h"

namespace quipu::sim {

/// One of that many calls or steps, 0 = never.
using Rate = std::uint64_t;

/// How often what goes wrong. About half of the kinds are off in a run, so that each is met without the others, too.
struct FaultRates {
  // Of the steps.
  Rate kill = 0;
  Rate power_cut = 0;
  Rate crash_in_call = 0;
  Rate stop = 0;
  Rate new_log = 0;  // Of the stops.
  Rate disk_full = 0;
  Rate disk_stalls = 0;
  Rate store_stalls = 0;
  Rate clock_back = 0;
  Rate clock_forward = 0;
  // Of the file calls of that kind.
  Rate write_fails = 0;
  Rate sync_fails = 0;
  Rate read_fails = 0;
  Rate bit_rot = 0;
  Rate short_write = 0;
  Rate no_direct_write = 0;
  Rate upkeep_fails = 0;
  // Of the store's requests of that kind.
  Rate store_write_fails = 0;
  Rate store_read_fails = 0;
  Rate store_base_fails = 0;
  // Of the requests and repeats of clients.
  Rate client_gives_up = 0;
  Rate client_repeats = 0;
  Rate client_mistakes = 0;
};

/// Everything about a run that is drawn from its seed before it begins.
struct Settings {
  EngineOptions engine;
  SegmentLogOptions log;
  FaultRates faults;
  std::uint64_t steps_min = 0;      ///< Of the phase with faults.
  std::size_t clients = 0;          ///< That share counters.
  std::size_t loners = 0;           ///< That have counters of their own.
  std::size_t counters = 0;         ///< Shared.
  std::size_t counter_bytes = 0;    ///< Of a name, at most.
  std::int64_t step_ms = 0;         ///< A step of the engine is up to so much later than the one before.
  std::uint64_t disk_weight = 0;    ///< Of 100 steps, how many the disk gets ...
  std::uint64_t store_weight = 0;   ///< ... the store ...
  std::uint64_t engine_weight = 0;  ///< ... and the engine. Clients have the rest.
  Rate commit_held = 0;             ///< Of the engine's steps, how many may not commit.
  bool shuffled_ids = false;        ///< Repeats come late rather than soon.
  bool id_storm = false;            ///< The same few ids come again and again.

  /// In one line, for the trace.
  std::string text() const;
};

Settings draw_settings(Random& random);

}  // namespace quipu::sim
