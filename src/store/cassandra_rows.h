#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/identifiers.h"
#include "base/result.h"
#include "store/cassandra_values.h"
#include "store/counter_store.h"

/// What stands in the cells of the Cassandra store, both ways (docs/formats/cassandra.md). Pure. Reading checks
/// everything: a value that this version would not have written is kDamaged.
namespace quipu {

/// Appends the execution that writes a shard's row: namespace, counter, generation, partition, the row as one cell, and
/// the cell's timestamp.
void put_shard(CassandraValues& out, const RowBatch& rows, const RowBatch::Item& item, std::int64_t timestamp_base);

/// Adds a row of `SELECT namespace, counter, generation, partition, shard`.
Result<void> read_shard(CassandraReader& answer, RowBatch& rows);

/// Which version of each bucket belongs to a partition's watermark. A bucket of version 0 was never written and is
/// empty.
struct CassandraMark {
  Offset offset{};
  std::vector<std::int64_t> chains;   ///< Pieces of the chain table.
  std::vector<std::int64_t> sources;  ///< Buckets of the source table: kSourceBuckets, or none.

  friend bool operator==(const CassandraMark&, const CassandraMark&) = default;
};

inline constexpr std::size_t kSourceBuckets = 256;
inline constexpr std::size_t kChainPieceBytes = 64 * 1024;

/// Versions rise with the offset; up to this many for one offset, so that what is written twice has two versions.
inline constexpr unsigned kVersionBits = 20;
inline constexpr std::int64_t kNoVersion = 0;  ///< Of a bucket that was never written.

/// Added to a partition's number: where its durable mark stands.
inline constexpr std::int32_t kDurableMarks = 1 << 16;

/// Appends the mark as one value: a frozen tuple of the offset and both lists.
void put_mark(CassandraValues& out, const CassandraMark& mark);
Result<CassandraMark> read_mark(std::string_view value);

/// Where a source stands.
std::size_t source_bucket(const Hash128& source);

/// A bucket of sources in the order of their hashes, so that equal contents are equal bytes.
std::string source_bucket_bytes(const std::vector<SourceRow>& sorted);
Result<void> read_source_bucket(PartitionId partition, std::string_view bytes, std::vector<SourceRow>& out);

/// A base as the list of a partition's bases names it.
struct CassandraBase {
  Offset offset{};
  std::int64_t version = 0;  ///< Names its chunks.
  std::int32_t chunks = 0;
  std::int64_t checksum = 0;  ///< hash64 of all bytes, seed 0.

  friend bool operator==(const CassandraBase&, const CassandraBase&) = default;
};

/// Appends the list of bases as one value: a frozen list of tuples.
void put_bases(CassandraValues& out, const std::vector<CassandraBase>& bases);
Result<std::vector<CassandraBase>> read_bases(std::string_view value);

}  // namespace quipu
