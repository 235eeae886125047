#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/identifiers.h"
#include "store/cassandra_rows.h"
#include "store/cassandra_values.h"
#include "store/counter_store.h"

namespace quipu {

/// Watermarks with what must be as of exactly their offsets, kept in buckets: a write changes few of them, and the mark
/// names the version of each. Pure: it says what to write.
///
///   plan(write) ─► buckets that changed, as new versions ─► then the marks ─► commit
///
///   when all of that is surely on disk:  plan_durable ─► the mark once more, as the durable one ─► commit_durable
///
/// Nothing that a mark in the store may name is overwritten, so a mark is right whenever it is there with its buckets,
/// and one that loses against a newer one leaves buckets that nobody names. Nodes whose power fails one after another
/// may keep a mark and forget a bucket that it names: then the durable one holds. Buckets are dropped when a durable
/// mark names their successors, and those are old enough that no reader or earlier owner can still go by an older mark.
/// What was written here may be forgotten as well, by all nodes at once where their power fails: after `doubt` nothing
/// is known until it is read again, and nothing is written that would name a bucket from before.
class CassandraMarks {
 public:
  enum class Kind : std::int32_t { kChains = 0, kSources = 1 };

  /// What a write comes to. The members may be empty.
  struct Plan {
    CassandraValues buckets;  ///< Executions of put_bucket, to be acknowledged before the marks are written.
    CassandraValues marks;    ///< Executions of put_mark.

   private:
    friend class CassandraMarks;
    struct Partition {
      CassandraMark mark;
      std::vector<std::string> chains;                              // Pieces.
      std::map<std::size_t, std::map<Hash128, SourceRow>> buckets;  // Those that changed.
    };
    std::map<PartitionId, Partition> partitions_;
  };

  CassandraMarks(Generation generation, std::int64_t timestamp_base)
      : generation_(generation), timestamp_base_(timestamp_base) {}

  /// How to put the sources and watermarks of a write into the store. A watermark below the one that is known is left
  /// out, with the sources of its partition: it loses.
  Plan plan(const StoreWrite& write);
  /// What `plan` said is in the store now, but for partitions of which a newer mark was loaded since: there ours lost.
  /// Of an older one that was loaded since, the buckets that the plan leaves alone hold the same.
  void commit(Plan plan);

  /// The marks that are known now and are not the durable ones yet.
  struct Durable {
    CassandraValues values;  ///< Executions of put_mark.

   private:
    friend class CassandraMarks;
    std::map<PartitionId, CassandraMark> marks_;
    std::map<PartitionId, Offset> before_;  // The durable marks that were in the store by then.
  };
  Durable plan_durable() const;
  /// They are in the store, and what was there when they were planned is on disk.
  void commit_durable(const Durable& durable, TimeMs now);
  /// Of the durable mark that the store has, as far as is known here; kNoOffset: of none.
  Offset durable(PartitionId partition) const;
  /// Of the durable mark that is on disk itself, whatever nodes forget: one before that, often.
  Offset sure(PartitionId partition) const;
  /// The store has this durable mark.
  void load_durable(PartitionId partition, const CassandraMark& mark);

  /// The store may have forgotten what it acknowledged: marks, durable ones, buckets.
  void doubt();
  /// What the store has was read, all of it.
  void read_all() { doubted_ = false; }
  /// Nothing may be planned for sources and watermarks: what is in the store was not read since `doubt`.
  bool doubted() const { return doubted_; }

  /// Whether what the store has for a partition is news: its owner was another one meanwhile.
  bool is_news(PartitionId partition, const CassandraMark& mark) const;
  /// Takes over what the store has.
  void load(PartitionId partition, const CassandraMark& mark, std::vector<std::string> chains,
            const std::vector<SourceRow>& sources);

  /// Executions of drop_buckets for the versions whose successors were durable before `before`; at most `max`.
  CassandraValues take_obsolete(TimeMs before, std::size_t max);

  Generation generation() const { return generation_; }
  std::vector<Watermark> watermarks() const;
  std::vector<SourceRow> sources() const;

 private:
  struct Partition {
    CassandraMark mark;
    CassandraMark durable;  // As far as is known here.
    Offset sure{};
    std::vector<std::string> chains;
    std::vector<std::map<Hash128, SourceRow>> sources;  // kSourceBuckets, or none.
    std::map<Offset, std::int64_t> given;               // The newest version at each offset that can still be written.

    /// No mark below the one that is known is written any more.
    void forget_given() { given.erase(given.begin(), given.lower_bound(mark.offset)); }
  };
  /// Versions below `version` of that bucket are obsolete since `since`.
  struct Superseded {
    TimeMs since = 0;
    PartitionId partition{};
    Kind kind = Kind::kChains;
    std::int32_t bucket = 0;
    std::int64_t version = 0;
  };

  void plan_chains(Plan& plan, PartitionId id, const Partition& known, std::int64_t version, ByteView chains) const;
  void put_mark_row(CassandraValues& out, std::int32_t partition, const CassandraMark& mark) const;
  void put_bucket(Plan& plan, PartitionId id, Kind kind, std::size_t bucket, std::int64_t version,
                  std::string_view content) const;

  const Generation generation_;
  const std::int64_t timestamp_base_;
  std::map<PartitionId, Partition> partitions_;
  std::deque<Superseded> superseded_;
  bool doubted_ = false;
};

}  // namespace quipu
