#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "log/event_log.h"
#include "log/log_samples.h"

namespace quipu::testing_contract {

/// A log that a test can use without knowing what it is made of.
class LogBench {
 public:
  virtual ~LogBench() = default;
  virtual EventLog& log() = 0;
  /// Ends it in good order, and begins again with what it kept. Nothing is under way.
  virtual void reopen() = 0;
  /// Returns when at least one completion may be there, or something to read. Called only while something is awaited.
  virtual void wait() = 0;
  /// What the log must say it is.
  virtual LogIdentity identity() const { return testing_log::sample_identity(); }
};

struct LogUnderTest {
  std::string name;
  std::function<std::unique_ptr<LogBench>()> make;
};

inline void PrintTo(const LogUnderTest& log, std::ostream* out) { *out << log.name; }

/// The logs that this program holds the contract against. All of them have 3 partitions, take 256 KiB of waiting
/// frames, and trim as soon as they may.
std::vector<LogUnderTest> logs_under_test();

}  // namespace quipu::testing_contract
