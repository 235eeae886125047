#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "base/identifiers.h"
#include "store/counter_store.h"
#include "store/flushed_mark.h"
#include "worker/partition_bases.h"
#include "worker/partition_core.h"

namespace quipu {

/// Carries one partition's changed rows to the store, and its watermark after them.
///
///   W = read offset: note which rows are dirty; copy chains and sources as of W
///   rows in chunks ──► store ──► each acknowledged (again until it is) ──► totals cache
///   all acknowledged: flushed = W
///   commit delay later, and when all partitions have the RESETs at or below W:  watermark W, chains, sources ──► store
///   acknowledged: the group is told, as a hint; commit delay later it is surely durable
///
/// A row may be newer than W: a replay from W skips what the row includes. Chains and sources may not, so they are
/// copied at W. Sources go with every watermark until one that carried them is surely durable: a power cut may keep a
/// watermark and lose the one before it. At most one flush is under way; reading goes on.
class PartitionFlush {
 public:
  explicit PartitionFlush(PartitionCore& core) : core_(core), bases_(core), last_start_(core.worker.steady) {}

  /// The partition stands where the store's watermark says.
  void restored(std::optional<Offset> base);

  /// Does what can be done now.
  void step();
  /// Starts a flush as soon as none is under way.
  void request() { requested_ = true; }

  /// Everything that was read is in the store.
  bool clean() const { return !flight_ && !changed(); }
  /// Nothing more of the watermark can be done now: what is not written has to wait.
  bool settled() const { return clean() && !marking_ && !allowed(); }

  Offset flushed() const { return flushed_; }
  Offset watermark() const { return watermark_; }
  /// What readers may be told: nullopt until this ownership has flushed something or is up to date.
  std::optional<FlushedMark> mark();
  /// Whether `mark` has moved since `mark_told`.
  bool mark_moved() const { return mark_moved_; }
  void mark_told() { mark_moved_ = false; }
  /// Why the store's last answer was none; empty when it was one.
  const std::string& last_failure() const { return failure_; }
  /// When a step is needed if nothing else happens, by the steady clock.
  TimeMs due() const;

  static constexpr std::size_t kChunkRows = 4096;
  static constexpr std::size_t kChunksMax = 4;
  /// Watermarks that wait for their delay; above it the newest takes the place of the one before.
  static constexpr std::size_t kMarksMax = 64;

 private:
  struct Chunk {
    std::vector<ShardRef> shards;
    RowBatch rows;
    bool given = false;
    TimeMs give_at = 0;
  };
  struct Mark {
    Watermark watermark;
    std::vector<SourceRow> sources;
    TimeMs acknowledged_at = 0;  // Its rows.
  };
  struct Flight {
    Mark mark;
    TimeMs as_of = 0;
    std::vector<ShardRef> shards;  // Noted at the start, copied from the front on.
    std::size_t copied = 0;
    std::map<std::uint64_t, Chunk> chunks;  // Copied, not acknowledged.
  };
  struct Marking {
    Watermark watermark;
    std::vector<SourceRow> changed;  // Since the watermark before it.
    bool given = false;
    TimeMs give_at = 0;
  };
  struct Written {
    Offset offset{};
    std::vector<SourceRow> changed;
    TimeMs acknowledged_at = 0;
  };

  bool changed() const { return core_.aggregator.read() > flushed_ || core_.totals.dirty_shards() > 0; }
  void start();
  void copy_chunks();
  void give_chunks();
  void chunk_done(std::uint64_t number, const Result<void>& result);
  void finish();
  bool allowed() const;
  void begin_marking();
  void give_mark();
  void mark_done(const Result<void>& result);
  void forget_sure();

  PartitionCore& core_;
  PartitionBases bases_;
  bool restored_ = false;
  bool requested_ = false;
  std::optional<Flight> flight_;
  std::uint64_t next_chunk_ = 0;
  TimeMs last_start_;
  std::deque<Mark> marks_;  // Rows are in the store; wait for the delay.
  std::optional<Marking> marking_;
  std::deque<Written> written_;  // Watermarks that are not surely durable yet.
  Offset flushed_{};
  TimeMs as_of_ = 0;
  bool mark_known_ = false;
  bool mark_moved_ = false;
  Offset watermark_{};
  Offset durable_{};
  std::string failure_;
};

}  // namespace quipu
