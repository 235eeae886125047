#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "engine/engine.h"
#include "log/posix_log_disk.h"
#include "log/segment_log.h"
#include "model/live_graph.h"
#include "node/config.h"
#include "node/data_directory.h"
#include "store/rocksdb_store.h"

namespace quipu {

/// The embedded form's parts below the servers, in the order in which they stand on each other and in which they go.
///
///   directory ─► store ─► disk ─► log ─► engine
class Embedded {
 public:
  /// Opens the directory, the store and the log, and makes the engine; `Engine::start` and `step` do the rest. `wake`
  /// is called on other threads when a step has something to do. Waits for the disk. Errors say what to do.
  static Result<std::unique_ptr<Embedded>> open(const Config& config, std::function<void()> wake);

  Engine& engine() { return *engine_; }
  const SegmentLog& log() const { return *log_; }
  const DataDirectory& directory() const { return directory_; }
  /// What is joined so far; what stands in front of these parts joins itself to it.
  LiveGraph& graph() { return graph_; }

 private:
  explicit Embedded(DataDirectory directory) : directory_(std::move(directory)) {}

  void join_parts();

  DataDirectory directory_;
  std::unique_ptr<RocksdbStore> store_;
  std::unique_ptr<PosixLogDisk> disk_;
  std::unique_ptr<SegmentLog> log_;
  std::unique_ptr<Engine> engine_;
  LiveGraph graph_;
};

}  // namespace quipu
