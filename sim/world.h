#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "log/segment_log.h"
#include "sim/clients.h"
#include "sim/file_system.h"
#include "sim/log_disk.h"
#include "sim/random.h"
#include "sim/settings.h"
#include "sim/store.h"
#include "sim/trace.h"

namespace quipu::sim {

/// What a run has at least. One that ends with less was drawn too weak: it shows nothing, and fails.
inline constexpr std::uint64_t kEventsMin = 500;
inline constexpr std::uint64_t kFaultsMin = 20;

/// What came of one run.
struct Report {
  std::uint64_t seed = 0;
  std::uint64_t steps = 0;   ///< Of the phase with faults.
  std::string violation;     ///< Empty when there was none.
  std::uint64_t hash = 0;    ///< Of the trace: two runs of a seed have the same.
  std::uint64_t events = 0;  ///< Sent by clients.
  std::int64_t ms = 0;       ///< Of simulated time.
  FaultCounts faults{};
  std::uint64_t faults_all = 0;
};

/// One machine with one process of the embedded form at a time, its clients, and everything that can go wrong, all in
/// one thread:
///
///   clients ─ batches ─► engine ─► segment log ─► segment files ─► file system    (the product, but for both ends)
///      ▲                    └────► store
///      └── books: what may be shown
///
/// A run has a phase in which anything happens, then faults stop, and all that was asked must be answered within a
/// bounded time; then everything is quiet, and the totals must be exact: as shown, in the store after an orderly stop,
/// after another start, and by a replay of the log into an empty store or the oldest base.
class World {
 public:
  World(std::uint64_t seed, std::FILE* trace);
  ~World();

  /// `steps_max`: the phase with faults ends after so many; a shorter prefix of the same run.
  Report run(std::uint64_t steps_max);

 private:
  enum class End : std::uint8_t { kKill, kPowerCut };

  void step();
  bool try_fault();
  void start();
  void take_turn();
  void engine_step(bool may_commit);
  void crash(End end);
  void end_process();
  void begin_new_log();
  void fail_if_unreasonable(const std::string& what);
  std::uint64_t disk_faults() const;

  void settle();
  bool drive(std::uint64_t turns, const std::string& what, const std::function<bool()>& done);
  void prompt_turn();
  void check_quiet();
  void check_reads(const std::string& when);
  void check_scan();
  void check_store();
  void audit();

  TimeMs now() const { return wall_; }

  Random random_;
  Trace trace_;
  Settings settings_;
  SimFileSystem files_;
  SimStore store_;
  Clients clients_;

  // The process, if there is one.
  std::unique_ptr<SimLogDisk> disk_;
  std::unique_ptr<SegmentLog> log_;
  std::unique_ptr<Engine> engine_;
  std::uint32_t boot_ = 0;
  bool draining_ = false;
  std::uint64_t draining_since_ = 0;
  std::uint64_t faults_at_start_ = 0;

  std::uint64_t steps_ = 0;
  std::int64_t elapsed_ms_ = 0;
  TimeMs wall_ = 1'700'000'000'000;
  std::uint64_t disk_stalled_until_ = 0;
  std::uint64_t store_stalled_until_ = 0;
  std::uint64_t full_until_ = 0;
  bool quiet_ = false;                 // Clients have nothing more to send.
  MemoryStore store_at_begin_;         // Of this log: what an audit of all of it begins with.
  std::vector<Clients::Total> shown_;  // When all was quiet.
};

/// Runs a seed from its beginning. `trace`: where its lines go, or null.
Report run_embedded_seed(std::uint64_t seed, std::uint64_t steps_max, std::FILE* trace);

}  // namespace quipu::sim
