#include "node/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <string>
#include <utility>
#include <vector>

namespace quipu {
namespace {

class Families {
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

}  // namespace

std::string metrics_text(const EngineStats& engine, const ServerStats& servers) {
  Families out;
  out.counter("quipu_events_accepted_total", "Events counted since the process started.", engine.events_accepted);
  out.counter("quipu_events_duplicate_total", "Events that repeated an id or a sequence.", engine.events_duplicate);
  out.counter("quipu_operations_refused_total", "Operations refused for what they ask.", engine.operations_refused);
  out.counter("quipu_operations_busy_total", "Operations turned away for want of room.", engine.operations_busy);
  out.counter("quipu_log_frames_total", "Frames written to the log.", engine.frames_written);
  out.counter("quipu_log_bytes_total", "Bytes of frames written to the log.", engine.bytes_written);
  out.counter("quipu_log_commits_total", "Group commits.", engine.commits);
  out.counter("quipu_flushes_total", "Flushes of rows to the store.", engine.flushes);
  out.counter("quipu_rows_flushed_total", "Rows written to the store.", engine.rows_flushed);
  out.counter("quipu_rows_loaded_total", "Rows read back from the store.", engine.rows_loaded);
  out.counter("quipu_rows_evicted_total", "Counters evicted from memory.", engine.rows_evicted);
  out.counter("quipu_saturations_total", "Totals held at an end of 64 bits.", engine.saturations);
  out.counter("quipu_replayed_frames_total", "Frames replayed at start.", engine.replayed_frames);
  out.gauge("quipu_counters", "Counters that exist.", static_cast<double>(engine.counters));
  out.gauge("quipu_table_counters", "Counters in memory.", static_cast<double>(engine.table_rows));
  out.gauge("quipu_table_bytes", "Memory of the counter table.", static_cast<double>(engine.table_bytes));
  out.gauge("quipu_dirty_rows", "Rows that are not in the store yet.", static_cast<double>(engine.dirty_rows));
  out.gauge("quipu_parked_batches", "Batches that wait for rows of the store.",
            static_cast<double>(engine.parked_batches));
  out.gauge("quipu_log_durable_offset", "The newest durable offset.", static_cast<double>(engine.durable.value));
  out.gauge("quipu_log_newest_offset", "The newest offset given out.", static_cast<double>(engine.newest.value));
  out.gauge("quipu_http_connections", "Open HTTP connections.", static_cast<double>(servers.http_connections));
  out.gauge("quipu_resp_connections", "Open RESP connections.", static_cast<double>(servers.resp_connections));
  out.ended("http", servers.http_ended);
  out.ended("resp", servers.resp_ended);
  for (const auto& partition : engine.partitions) {
    const auto id = partition.partition;
    out.partition_gauge("quipu_partition_flushed_offset", "Rows up to here are in the store.", id,
                        static_cast<double>(partition.flushed.value));
    out.partition_gauge("quipu_partition_watermark_offset", "Recovery starts here.", id,
                        static_cast<double>(partition.watermark.value));
    out.partition_gauge("quipu_id_window_ids", "Ids remembered.", id, static_cast<double>(partition.ids));
    out.partition_gauge("quipu_id_window_oldest_seconds", "When the oldest remembered id came, in seconds since 1970.",
                        id, static_cast<double>(partition.oldest_id_time) / 1000);
    out.partition_gauge("quipu_sources", "Sources remembered.", id, static_cast<double>(partition.sources));
  }
  return out.text();
}

}  // namespace quipu
