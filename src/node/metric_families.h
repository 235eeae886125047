#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/identifiers.h"
#include "net/connections_ended.h"

namespace quipu {

/// What is counted, on its way into Prometheus's text format. Counters become doubles there: for looking at, never an
/// oracle. Metrics of one name stand together, in the order in which the names came.
class MetricFamilies {
 public:
  MetricFamilies();
  ~MetricFamilies();

  void counter(const char* name, const char* help, std::uint64_t value);
  void gauge(const char* name, const char* help, double value);
  void partition_gauge(const char* name, const char* help, PartitionId partition, double value);
  /// Connections of a protocol that limits ended, by cause.
  void ended(const char* protocol, const ConnectionsEnded& ended);

  std::string text() const;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace quipu
