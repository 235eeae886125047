#include "sim/forms.h"

#ifdef QUIPU_SIM_DISTRIBUTED
#include "sim/distributed/distributed_world.h"
#endif

namespace quipu::sim {

bool has_form(Form form) {
#ifdef QUIPU_SIM_DISTRIBUTED
  return form == Form::kEmbedded || form == Form::kDistributed;
#else
  return form == Form::kEmbedded;
#endif
}

std::string_view name_of(Form form) { return form == Form::kEmbedded ? "embedded" : "distributed"; }

Form form_of(std::uint64_t seed, FormChoice choice) {
  if (choice) return *choice;
  return seed % 2 == 0 && has_form(Form::kDistributed) ? Form::kDistributed : Form::kEmbedded;
}

Form form_of_mark(std::string_view mark) {
  return mark.find(": ") == std::string_view::npos ? Form::kEmbedded : Form::kDistributed;
}

FormChoice form_of_bug(const PlantedBug& bug) {
  if (bug.in == PlantedIn::kBoth) return std::nullopt;
  return bug.in == PlantedIn::kEmbedded ? Form::kEmbedded : Form::kDistributed;
}

bool passes(const PlantedBug& bug, Form form) {
  const auto only = form_of_bug(bug);
  return !only || *only == form || !bug.harmless_in_other.empty();
}

namespace {

Report run_form(std::uint64_t seed, FormChoice choice, std::uint64_t steps_max, std::FILE* trace) {
#ifdef QUIPU_SIM_DISTRIBUTED
  if (form_of(seed, choice) == Form::kDistributed) return run_distributed_seed(seed, steps_max, trace);
#endif
  static_cast<void>(choice);
  return run_embedded_seed(seed, steps_max, trace);
}

}  // namespace

Report run_seed(std::uint64_t seed, FormChoice choice, std::uint64_t steps_max, std::FILE* trace,
                std::uint64_t faults_min) {
  auto report = run_form(seed, choice, steps_max, trace);
  const bool whole = steps_max == UINT64_MAX;
  const bool weak = report.events < kEventsMin || report.faults_all < faults_min;
  if (whole && weak && report.violation.empty()) {
    report.violation = "the run is too weak: " + std::to_string(report.events) + " events and " +
                       std::to_string(report.faults_all) + " faults";
  }
  return report;
}

}  // namespace quipu::sim
