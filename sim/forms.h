#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string_view>

#include "base/planted.h"
#include "sim/fault.h"
#include "sim/world.h"

namespace quipu::sim {

/// Which forms are simulated: one, or (none given) both by turns, the embedded one in odd seeds.
using FormChoice = std::optional<Form>;

/// Whether this build can simulate the form: the distributed one needs the drivers of the distributed form.
bool has_form(Form form);
/// As on the command line.
std::string_view name_of(Form form);
Form form_of(std::uint64_t seed, FormChoice choice);

/// In which form a mark of the product must be passed: those of parts of the distributed form alone name their part.
Form form_of_mark(std::string_view mark);

/// In which form a planted bug is looked for: one, or (none) in both.
FormChoice form_of_bug(const PlantedBug& bug);
/// Whether a run of the form passes the place at which the bug is planted.
bool passes(const PlantedBug& bug, Form form);

/// Runs a seed from its beginning. `trace`: where its lines go, or null. A run that `steps_max` does not cut short has
/// at least kEventsMin events and `faults_min` faults; less is a violation.
Report run_seed(std::uint64_t seed, FormChoice choice, std::uint64_t steps_max, std::FILE* trace,
                std::uint64_t faults_min = kFaultsMin);

}  // namespace quipu::sim
