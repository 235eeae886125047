#include "cluster/cluster_metrics.h"

#include <algorithm>
#include <cstdint>

namespace quipu {

void add_api_metrics(MetricFamilies& out, const ApiNode& node, const KafkaLogStats& log,
                     const TotalsCache::Stats& cache) {
  const auto& producer = node.producer().stats();
  out.counter("quipu_api_frames_resent_total", "Frames sent again because their fate was unknown.",
              producer.frames_resent);
  out.counter("quipu_api_frames_given_up_total", "Frames whose writes were answered as unknown.",
              producer.frames_given_up);
  out.counter("quipu_api_producers_rebuilt_total", "Kafka clients left behind with what they had under way.",
              log.producers_rebuilt);
  out.gauge("quipu_api_frames_waiting_bytes", "Frames that wait for Kafka.",
            static_cast<double>(node.producer().pending_bytes()));
  out.gauge("quipu_api_kafka_reachable", "Whether the cluster answered lately.", log.silence ? 0 : 1);
  out.gauge("quipu_api_topic_findings", "Settings of the topic that are weak or unsafe; the log names them.",
            static_cast<double>(log.findings.size()));
  out.gauge("quipu_api_hot_counters", "Counters that are spread over several partitions.",
            static_cast<double>(node.hot_counters()));
  const auto& reader = node.reader().stats();
  out.counter("quipu_api_reads_local_total", "Totals answered from the process.", reader.local_hits);
  out.counter("quipu_api_reads_cached_total", "Totals answered from the cache.", reader.cache_hits);
  out.counter("quipu_api_reads_stored_total", "Totals read from the store.", reader.store_loads);
  out.counter("quipu_api_reads_joined_total", "Totals answered by a read that was under way.", reader.joined);
  out.counter("quipu_api_store_failures_total", "Reads that the store did not answer.", reader.store_failures);
  out.counter("quipu_api_cache_failures_total", "Requests that the cache did not answer.", cache.failures);
  out.counter("quipu_api_cache_dropped_total", "Rows that were not sent to the cache.", cache.dropped);
  out.gauge("quipu_api_cache_reachable", "Whether the cache answered last.", cache.reachable ? 1 : 0);
}

void add_worker_metrics(MetricFamilies& out, const std::vector<WorkerReport>& workers) {
  WorkerStats sum;
  std::uint64_t repeats = 0;
  std::uint64_t dropped = 0;
  bool cache_reachable = true;
  TimeMs silent_ms = 0;
  for (const WorkerReport& worker : workers) {
    const WorkerStats& stats = worker.stats;
    sum.frames += stats.frames;
    sum.rows_loaded += stats.rows_loaded;
    sum.rows_flushed += stats.rows_flushed;
    sum.rows_evicted += stats.rows_evicted;
    sum.flushes += stats.flushes;
    sum.watermarks += stats.watermarks;
    sum.bases += stats.bases;
    sum.resets_passed_on += stats.resets_passed_on;
    sum.saturations += stats.saturations;
    sum.store_failures += stats.store_failures;
    sum.returns += stats.returns;
    sum.pauses += stats.pauses;
    sum.forced_releases += stats.forced_releases;
    repeats += worker.store_repeats;
    dropped += worker.cache.dropped;
    cache_reachable &= worker.cache.reachable;
    silent_ms = std::max(silent_ms, worker.silent_ms);
  }
  out.counter("quipu_worker_frames_total", "Frames whose events were counted.", sum.frames);
  out.counter("quipu_worker_rows_loaded_total", "Rows read from the store at first touch.", sum.rows_loaded);
  out.counter("quipu_worker_rows_flushed_total", "Rows that the store acknowledged.", sum.rows_flushed);
  out.counter("quipu_worker_rows_evicted_total", "Rows dropped for memory.", sum.rows_evicted);
  out.counter("quipu_worker_flushes_total", "Flushes after which all that was read was in the store.", sum.flushes);
  out.counter("quipu_worker_watermarks_total", "Watermarks written.", sum.watermarks);
  out.counter("quipu_worker_bases_total", "Bases written.", sum.bases);
  out.counter("quipu_worker_resets_passed_on_total", "Resets that all partitions have.", sum.resets_passed_on);
  out.counter("quipu_worker_saturations_total", "Totals held at an end of 64 bits.", sum.saturations);
  out.counter("quipu_worker_store_failures_total", "Requests that had to be made again.", sum.store_failures);
  out.counter("quipu_worker_store_repeats_total", "Requests made again as they were, for want of an answer in time.",
              repeats);
  out.counter("quipu_worker_returns_total", "Returns to a watermark, because the store may have forgotten.",
              sum.returns);
  out.counter("quipu_worker_pauses_total", "Times that reading paused for a slow store or full memory.", sum.pauses);
  out.counter("quipu_worker_forced_releases_total", "Partitions given up before they were flushed.",
              sum.forced_releases);
  out.counter("quipu_worker_cache_dropped_total", "Rows that were not sent to the cache.", dropped);
  out.gauge("quipu_worker_cache_reachable", "Whether the cache answered last.", cache_reachable ? 1 : 0);
  out.gauge("quipu_worker_kafka_silent_seconds", "How long ago the worker that waits longest last heard Kafka answer.",
            static_cast<double>(silent_ms) / 1000);
  for (const WorkerReport& worker : workers) {
    for (const PartitionHealth& health : worker.partitions) {
      const auto id = health.partition;
      out.partition_gauge("quipu_worker_read_offset", "How far the log is read.", id,
                          static_cast<double>(health.read.value));
      out.partition_gauge("quipu_worker_flushed_offset", "Rows up to here are in the store.", id,
                          static_cast<double>(health.flushed.value));
      out.partition_gauge("quipu_worker_watermark_offset", "Recovery starts here.", id,
                          static_cast<double>(health.watermark.value));
      out.partition_gauge("quipu_worker_lag_frames", "Frames that are not read.", id, static_cast<double>(health.lag));
      out.partition_gauge("quipu_worker_lag_seconds", "How old the newest frame is that was read, while others wait.",
                          id, static_cast<double>(health.lag_ms) / 1000);
      out.partition_gauge("quipu_worker_id_window_seconds", "How far back the remembered ids reach.", id,
                          static_cast<double>(health.ids_cover_ms) / 1000);
      out.partition_gauge("quipu_worker_resets_owed", "Resets that some other partition does not know of yet.", id,
                          static_cast<double>(health.resets_owed));
      out.partition_gauge("quipu_worker_stopped", "1 where the partition has an alarm: the log names it.", id,
                          health.alarm.empty() ? 0 : 1);
    }
  }
}

}  // namespace quipu
