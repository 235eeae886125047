#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <vector>

#include "aggregate/base_windows.h"
#include "base/identifiers.h"
#include "engine/core.h"
#include "store/counter_store.h"

namespace quipu {

/// Carries changed rows to the store in the background, and the watermark after them.
///
///   at a frame edge:  W = newest offset; note which shards are dirty; copy chains and sources as of W
///   at this edge and the next ones:  copy some of those rows, each as of that edge  ──► chunk
///   when the log is durable up to a chunk's edge:  write the chunk
///   when all chunks are in the store:  write watermark W, with chains and sources as of exactly W
///
/// A row may be newer than W: a replay from W skips what the row includes. Chains and sources may not be, so they are
/// copied at W. Rows above the log's durable end are never written. At most one flush is under way; ingest goes on.
/// Now and then a flush ends with the store's own sync, or with a base, and then the log may be trimmed.
class Flusher {
 public:
  explicit Flusher(Core& core) : core_(core) {}

  /// Does what can be done now. Called at every turn; copies rows only at a frame edge.
  void step();

  /// Starts a flush as soon as none is under way, whatever the interval says. With `sync` it ends with the store's
  /// sync.
  void request(bool sync);
  /// Nothing is under way or asked for.
  bool idle() const { return !flight_ && !requested_ && !base_; }

  /// Rows up to here are in the store.
  Offset flushed() const { return flushed_; }
  /// And up to here they are synced, as far as this process knows.
  Offset synced() const { return synced_; }
  /// Tells what the store holds at start.
  void set_flushed(Offset offset) { flushed_ = offset; }
  /// The newest base of this log at start, and how much log stands behind it. From now on bases are made: before, the
  /// windows of ids lag behind the watermark.
  void set_base(Offset offset, std::uint64_t log_bytes_since) {
    newest_base_ = offset;
    log_bytes_before_ = log_bytes_since;
    last_base_ = last_sync_ = core_.now;
    makes_bases_ = true;
  }
  /// The policy of a namespace is not what the store has: the next flush writes it.
  void policy_changed(NamespaceId space);
  /// Why the last flush failed; empty when it did not.
  const std::string& last_failure() const { return failure_; }
  /// When a step is needed, in the engine's time, if nothing else happens before: never, where nothing has changed.
  TimeMs due() const {
    return changed() || burst_unsynced() ? last_start_ + core_.options.flush_interval_ms
                                         : std::numeric_limits<TimeMs>::max();
  }

  /// The largest of each: the chunk that is copied at one edge, and the chunks that may wait.
  static constexpr std::size_t kChunkRows = 4096;
  static constexpr std::size_t kChunksWaiting = 8;

 private:
  struct Chunk {
    Offset edge{};
    std::vector<ShardRef> shards;
    RowBatch rows;
  };
  struct Flight {
    Offset watermark{};
    std::vector<ShardRef> shards;  // Noted at the start, copied from the front on.
    std::size_t copied = 0;
    std::deque<Chunk> chunks;  // Copied, not given to the store yet.
    std::size_t in_store = 0;  // Given to the store, not completed.
    std::vector<Watermark> marks;
    std::vector<SourceRow> sources;
    std::size_t spaces_end = 0;  // Policies of namespaces below it are in the store when this is over.
    bool sync = false;
    bool last_given = false;
    bool failed = false;
  };
  struct BaseInMaking {
    Offset offset{};
    BaseWindows windows;
    bool flushed = false;  // The flush of the same watermark is over.
    bool given = false;
  };

  bool changed() const;
  bool burst_unsynced() const;
  void start();
  void copy_chunk();
  void give_chunks();
  void give_last();
  void finish(bool stored);
  void step_base();
  void base_failed();
  void allow_trim();

  Core& core_;
  std::optional<Flight> flight_;
  std::optional<BaseInMaking> base_;
  bool requested_ = false;
  bool requested_sync_ = false;
  bool makes_bases_ = false;
  TimeMs last_start_ = 0;
  TimeMs last_sync_ = 0;
  TimeMs last_base_ = 0;
  std::uint64_t rows_at_sync_ = 0;      // stats.rows_flushed when the last sync was begun.
  std::uint64_t base_log_bytes_ = 0;    // stats.bytes_written when the newest base was begun.
  std::uint64_t log_bytes_before_ = 0;  // Behind the newest base when the process started.
  std::size_t spaces_stored_ = 0;       // How many namespaces the store knows of.
  Offset flushed_{};
  Offset synced_{};  // Up to here the store has synced.
  Offset newest_base_{};
  std::string failure_;
};

}  // namespace quipu
