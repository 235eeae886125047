#include "node/metric_families.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <utility>
#include <vector>

namespace quipu {

struct MetricFamilies::Families {
  prometheus::ClientMetric& add(const char* name, const char* help, prometheus::MetricType type) {
    for (auto& known : all) {
      if (known.name == name) return known.metric.emplace_back();
    }
    prometheus::MetricFamily made;
    made.name = name;
    made.help = help;
    made.type = type;
    all.push_back(std::move(made));
    return all.back().metric.emplace_back();
  }

  std::vector<prometheus::MetricFamily> all;
};

MetricFamilies::MetricFamilies() : families_(std::make_unique<Families>()) {}
MetricFamilies::~MetricFamilies() = default;

void MetricFamilies::counter(const char* name, const char* help, std::uint64_t value) {
  families_->add(name, help, prometheus::MetricType::Counter).counter.value = static_cast<double>(value);
}

void MetricFamilies::gauge(const char* name, const char* help, double value) {
  families_->add(name, help, prometheus::MetricType::Gauge).gauge.value = value;
}

void MetricFamilies::partition_gauge(const char* name, const char* help, PartitionId partition, double value) {
  auto& metric = families_->add(name, help, prometheus::MetricType::Gauge);
  metric.label.push_back({"partition", std::to_string(partition.value)});
  metric.gauge.value = value;
}

void MetricFamilies::ended(const char* protocol, const ConnectionsEnded& ended) {
  for (const auto cause : ConnectionsEnded::kCauses) {
    auto& metric = families_->add("quipu_connections_ended_total", "Connections that a limit ended.",
                                  prometheus::MetricType::Counter);
    metric.label.push_back({"protocol", protocol});
    metric.label.push_back({"cause", ConnectionsEnded::name(cause)});
    metric.counter.value = static_cast<double>(ended.count(cause));
  }
}

std::string MetricFamilies::text() const { return prometheus::TextSerializer().Serialize(families_->all); }

}  // namespace quipu
