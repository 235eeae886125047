#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/hash.h"
#include "sim/fault.h"

namespace quipu::sim {

/// The step in which a run aborts, as where the product finds itself wrong; 0: in none. Set in the build with planted
/// bugs alone, before a run begins.
inline std::uint64_t abort_at = 0;

/// What happens in a run, line by line: printed where asked for, and always as a hash, by which two runs are known to
/// be the same. Also counts the faults that bit, and keeps the first thing that must not be.
class Trace {
 public:
  /// `out`: where each line goes at once, so that it is there when the process aborts; null for nowhere.
  explicit Trace(std::FILE* out) : out_(out) {}

  /// Where the run is: stands in front of each line.
  void at(std::uint64_t step, std::int64_t ms) {
    step_ = step;
    ms_ = ms;
    if (step != 0 && step == abort_at) std::abort();
  }
  void line(std::string_view text) {
    hash_ = hash64(as_bytes(text), hash_ + step_);
    if (out_ == nullptr) return;
    std::fprintf(out_, "step %llu, %lld ms: %.*s\n", static_cast<unsigned long long>(step_),
                 static_cast<long long>(ms_), static_cast<int>(text.size()), text.data());
    std::fflush(out_);
  }
  void fault(Fault fault, std::string_view detail = {}) {
    ++faults_[static_cast<std::size_t>(fault)];
    ++faults_all_;
    line(std::string("FAULT ").append(name_of(fault)).append(detail.empty() ? "" : ": ").append(detail));
  }
  /// The first one counts.
  void violation(const std::string& what) {
    if (!violation_.empty()) return;
    violation_ = what;
    line("VIOLATION " + what);
  }

  bool failed() const { return !violation_.empty(); }
  const std::string& violation() const { return violation_; }
  std::uint64_t hash() const { return hash_; }
  const FaultCounts& faults() const { return faults_; }
  std::uint64_t faults_all() const { return faults_all_; }

 private:
  std::FILE* out_;
  std::uint64_t step_ = 0;
  std::int64_t ms_ = 0;
  std::uint64_t hash_ = 0;
  FaultCounts faults_{};
  std::uint64_t faults_all_ = 0;
  std::string violation_;
};

}  // namespace quipu::sim
