#include "node/embedded.h"

#include <algorithm>
#include <utility>

#include "aggregate/partition_state.h"
#include "log/scan_thread.h"
#include "node/allocator.h"
#include "node/engine_setup.h"
#include "node/node_clock.h"

namespace quipu {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;

/// The newest offset of this generation that the store has counted: the log may not end before it.
Result<Offset> counted_by(RocksdbStore& store, Generation generation) {
  const auto marks = store.watermarks();
  if (!marks) return std::unexpected(marks.error());
  Offset newest{};
  for (const Watermark& mark : *marks) {
    if (generation_of(mark) == generation) newest = std::max(newest, mark.offset);
  }
  return newest;
}

}  // namespace

Result<std::unique_ptr<Embedded>> Embedded::open(const Config& config, std::function<void()> wake) {
  auto directory = DataDirectory::open(config.data_dir, {config.log_partitions, config.resp_namespaces});
  if (!directory) return std::unexpected(directory.error());
  std::unique_ptr<Embedded> parts(new Embedded(std::move(*directory)));
  const DataDirectory& place = parts->directory_;

  RocksdbStoreOptions store_options;
  store_options.wake = wake;
  store_options.flushed = release_free_memory;
  auto store = RocksdbStore::open(place.store_dir(), place.bases_dir(), std::move(store_options));
  if (!store) return std::unexpected(store.error());
  parts->store_ = std::move(*store);

  PosixLogDiskOptions disk_options;
  disk_options.wake = std::move(wake);
  disk_options.wait_us_max = config.log_disk_wait_us;
  auto disk = PosixLogDisk::open(place.log_dir(), std::move(disk_options));
  if (!disk) return std::unexpected(disk.error());
  parts->disk_ = std::move(*disk);

  const auto counted = counted_by(*parts->store_, place.log_identity().generation);
  if (!counted) return std::unexpected(counted.error());
  SegmentLogOptions log_options;
  log_options.identity = place.log_identity();
  log_options.partitions = place.partitions();
  log_options.segment_bytes = config.log_segment_bytes;
  log_options.pending_bytes = config.log_pending_bytes;
  log_options.retain_ms = config.log_retain_hours * kHourMs;
  log_options.retain_bytes = config.log_retain_bytes;
  log_options.known_durable = *counted;
  log_options.check_tail_later = true;
  auto log = SegmentLog::open(*parts->disk_, log_options, wall_clock_ms());
  if (!log) return std::unexpected(log.error());
  parts->log_ = std::move(*log);

  auto options = engine_options(config, place.secret(), place.node(), place.id_partitions());
  options.read_ahead = [](std::unique_ptr<LogScan> scan) { return std::make_unique<ScanThread>(std::move(scan)); };
  parts->engine_ = std::make_unique<Engine>(std::move(options), *parts->log_, *parts->store_);
  parts->join_parts();
  return parts;
}

/// Beside the model (architecture.sruja): a test compares the two, so a part or an edge that is new here is new there.
void Embedded::join_parts() {
  const Engine& engine = *engine_;
  const EngineStats& counted = engine.counted();
  graph_.join({"CounterService.DB", "database", "RocksDB", 1}, [&counted] {
    return LiveGraph::Figures{{"rows_written", counted.rows_flushed}, {"flushes", counted.flushes}};
  });
  graph_.join({"CounterService.EventLog", "queue", "segment files with group commit", 1}, [&engine, &counted] {
    return LiveGraph::Figures{{"durable_offset", engine.durable().value},
                              {"waiting_frames", engine.newest().value - engine.durable().value},
                              {"written_bytes", counted.bytes_written},
                              {"commits", counted.commits}};
  });
  // The engine is the aggregator of every partition; the tables that it keeps for them are the cache.
  graph_.join(
      {"CounterService.Worker", "container", "C++23, one for each partition, driven by the engine", log_->partitions()},
      [&engine] {
        const auto stats = engine.stats();
        return LiveGraph::Figures{{"partitions", stats.partitions.size()},
                                  {"rows_to_write", stats.dirty_rows},
                                  {"duplicates", stats.events_duplicate}};
      });
  graph_.join({"CounterService.Cache", "container", "the aggregators' tables in memory", 1}, [&engine] {
    const auto stats = engine.stats();
    return LiveGraph::Figures{{"counters", stats.table_rows}, {"table_bytes", stats.table_bytes}};
  });
  graph_.join({"CounterService.EventLog", "CounterService.Worker"}, "frames", counted.frames_delivered);
  graph_.join({"CounterService.Worker", "CounterService.DB"}, "rows", counted.rows_flushed);
  graph_.join({"CounterService.Worker", "CounterService.Cache"}, "events", counted.events_accepted);
}

}  // namespace quipu
