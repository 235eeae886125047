#pragma once

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/identifiers.h"
#include "net/connections_ended.h"

namespace quipu {

/// What is counted, on its way into Prometheus's text format. Counters become doubles there: for looking at, never an
/// oracle.
class MetricFamilies {
 public:
  void counter(const char* name, const char* help, std::uint64_t value) {
    auto& metric = family(name, help, prometheus::MetricType::Counter).metric.emplace_back();
    metric.counter.value = static_cast<double>(value);
  }
  void ended(const char* protocol, const ConnectionsEnded& ended) {
    for (const auto cause : ConnectionsEnded::kCauses) {
      auto& metric =
          family("quipu_connections_ended_total", "Connections that a limit ended.", prometheus::MetricType::Counter)
              .metric.emplace_back();
      metric.label.push_back({"protocol", protocol});
      metric.label.push_back({"cause", ConnectionsEnded::name(cause)});
      metric.counter.value = static_cast<double>(ended.count(cause));
    }
  }
  void gauge(const char* name, const char* help, double value) {
    auto& metric = family(name, help, prometheus::MetricType::Gauge).metric.emplace_back();
    metric.gauge.value = value;
  }
  void partition_gauge(const char* name, const char* help, PartitionId partition, double value) {
    auto& metric = family(name, help, prometheus::MetricType::Gauge).metric.emplace_back();
    metric.label.push_back({"partition", std::to_string(partition.value)});
    metric.gauge.value = value;
  }
  std::string text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  prometheus::MetricFamily& family(const char* name, const char* help, prometheus::MetricType type) {
    for (auto& known : families_) {
      if (known.name == name) return known;
    }
    prometheus::MetricFamily made;
    made.name = name;
    made.help = help;
    made.type = type;
    families_.push_back(std::move(made));
    return families_.back();
  }

  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace quipu
