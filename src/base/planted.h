#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

/// What one build for tests adds to the product, and no other build has: bugs that a run-time switch turns on, to prove
/// that the simulator and the tests with real faults find them, and marks that count how often a rare branch was taken.
/// Everywhere else both macros are constants that cost nothing.
#ifdef QUIPU_PLANTED_BUGS
#define QUIPU_PLANTED(bug)                                        \
  ([] {                                                           \
    static const std::size_t planted_at = ::quipu::place_of(bug); \
    return ::quipu::planted(planted_at);                          \
  }())
#define QUIPU_MARK(name) (::quipu::count_mark(name))
#else
#define QUIPU_PLANTED(bug) false
#define QUIPU_MARK(name) (void(0))
#endif

namespace quipu {

/// Where the program, in the build that has bugs, finds which one to plant.
inline constexpr std::string_view kPlantedVariable = "QUIPU_PLANT";

/// In which form of the service a bug shows.
enum class PlantedIn : std::uint8_t { kEmbedded, kDistributed, kBoth };

/// A bug that can be planted, and what it does.
struct PlantedBug {
  std::string_view name;
  std::string_view what;
  PlantedIn in = PlantedIn::kBoth;
  /// Why it changes nothing in the other form, though its place is passed there; empty where it is not passed.
  std::string_view harmless_in_other = {};
};

/// All bugs and all marks that there are; none but in the simulator's own build.
std::span<const PlantedBug> planted_bugs();
std::span<const std::string_view> mark_names();

/// Turns one bug on and all others off; an empty name turns all off. One thread. It must be one of planted_bugs().
void plant(std::string_view bug);

/// How often each mark was passed in this process, in the order of mark_names().
std::vector<std::uint64_t> mark_counts();

/// At which bugs' places this process has been since the last call, in the order of planted_bugs().
std::vector<bool> take_passed();

/// What the macros call. `place_of`: which of planted_bugs() it is; it must be one.
std::size_t place_of(std::string_view bug);
bool planted(std::size_t place);
void count_mark(std::string_view name);

}  // namespace quipu
