#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "log/event_log.h"

namespace quipu::testing_contract {

/// A log that a test can use without knowing what it is made of.
class LogBench {
 public:
  virtual ~LogBench() = default;
  virtual EventLog& log() = 0;
  /// Ends it in good order, and begins again with what it kept. Nothing is under way.
  virtual void reopen() = 0;
  /// Returns when at least one completion may be there. Called only while something is under way.
  virtual void wait() = 0;
};

struct LogUnderTest {
  std::string name;
  std::function<std::unique_ptr<LogBench>()> make;
};

inline void PrintTo(const LogUnderTest& log, std::ostream* out) { *out << log.name; }

/// Segments in memory, segments in a temporary directory of their own, and a log that behaves as a remote one. All of
/// them have 3 partitions, take 256 KiB of waiting frames, and trim as soon as they may.
LogUnderTest segment_log_in_memory_under_test();
LogUnderTest segment_log_on_disk_under_test();
LogUnderTest memory_log_under_test();

}  // namespace quipu::testing_contract
