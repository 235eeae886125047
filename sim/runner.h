#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sim/fault.h"
#include "sim/forms.h"

namespace quipu::sim {

/// What many runs came to, added up.
struct Sum {
  std::uint64_t seeds = 0;
  std::array<std::uint64_t, kForms> seeds_of{};  ///< Of each form.
  std::uint64_t events = 0;
  std::uint64_t ms = 0;  ///< Of simulated time.
  std::uint64_t faults_all = 0;
  std::uint64_t events_fewest = UINT64_MAX;  ///< In one seed.
  std::uint64_t faults_fewest = UINT64_MAX;
  FaultCounts faults{};
  std::vector<std::uint64_t> marks;  ///< As in mark_names(); empty in a build without marks.
  /// Of each form, at which bugs' places it was, as in planted_bugs().
  std::array<std::vector<bool>, kForms> passed{};
};

/// The lowest seed that failed.
struct Failure {
  std::uint64_t seed = 0;
  std::uint64_t steps = 0;  ///< In which it failed; 0 where the process ended.
  std::string what;
  bool by_checker = false;  ///< Else the process ended: an invariant of the product broke, or it hung.
};

struct RunSpan {
  std::uint64_t first = 1;
  std::uint64_t last = 1;  ///< Included.
  std::int64_t seconds_max = INT64_MAX;
  unsigned jobs = 1;
  std::string bug;                        ///< Planted in all runs; empty: none.
  FormChoice form{};                      ///< What is simulated.
  std::uint64_t faults_min = kFaultsMin;  ///< Of each run.
};

/// Runs seeds in processes of their own, so that one that aborts is a failure like any other, and all cores work. Stops
/// at the first failure, and answers the lowest one. `progress` is called about once a second.
std::optional<Failure> run_span(const RunSpan& span, Sum& sum, const std::function<void(const Sum&)>& progress);

/// The shortest prefix of a failing seed's steps, found by halving, that still fails. kWhole where no prefix does, but
/// the whole run; 0 where that does not either.
inline constexpr std::uint64_t kWhole = UINT64_MAX;
std::uint64_t shortest_prefix(const Failure& failure, const RunSpan& span);

/// The last lines of the trace of a run, aborted or not.
std::vector<std::string> last_lines(std::uint64_t seed, std::uint64_t steps, const RunSpan& span, std::size_t lines);

/// Set by a signal: all runs come to their end.
extern volatile bool interrupted;

}  // namespace quipu::sim
