#include "node/metrics.h"

#include "node/metric_families.h"

namespace quipu {

void add_engine_metrics(MetricFamilies& out, const EngineStats& engine) {
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
}

void add_server_metrics(MetricFamilies& out, const ServerStats& servers) {
  out.gauge("quipu_http_connections", "Open HTTP connections.", static_cast<double>(servers.http_connections));
  out.gauge("quipu_resp_connections", "Open RESP connections.", static_cast<double>(servers.resp_connections));
  out.ended("http", servers.http_ended);
  out.ended("resp", servers.resp_ended);
}

std::string metrics_text(const EngineStats& engine, const ServerStats& servers) {
  MetricFamilies out;
  add_engine_metrics(out, engine);
  add_server_metrics(out, servers);
  return out.text();
}

}  // namespace quipu
