#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/counter_store.h"

struct pg_result;

namespace quipu {

/// A statement that is prepared once a connection.
struct PostgresPrepared {
  const char* name;
  const char* sql;
};
const std::vector<PostgresPrepared>& postgres_prepared();

/// A prepared statement to be run, its parameters in binary form.
struct PostgresCall {
  const char* name;
  std::vector<std::string> parameters;
};

/// What a request becomes: statements that are one transaction.
///
/// - Rows are written in the order of their keys, so two writers of the same rows wait for each other instead of
/// locking
///   each other out; a row that is not newer (by `applied`) changes nothing.
/// - A watermark below the one that is kept, by (generation, offset), changes nothing, and nor do the sources of its
///   partition in the same write: it is a late copy, or comes from a worker that lost the partition. The generation is
///   the first four bytes of `chains` (docs/formats/checkpoint.md), 0 where there are fewer.
/// - Sources are of the generation of their partition's watermark in the same write, else of the one that is kept.
/// - `number` is how many writes this writer has made; it is kept in the same transaction and tells later whether the
///   server still knows them.
std::vector<PostgresCall> postgres_calls(const StoreWrite& write, const std::string& writer, std::uint64_t number);
std::vector<PostgresCall> postgres_calls(const StoreLoad& load);
std::vector<PostgresCall> postgres_calls(const StoreScan& scan);
/// The last one answers the offset of the oldest base.
std::vector<PostgresCall> postgres_calls(const Base& base);
/// The base of one partition; the newest two of it are kept, and none of older generations. Where there is a newer one
/// it changes nothing. The last one answers the offset of the partition's newest base.
std::vector<PostgresCall> postgres_calls(const Base& base, ShardId of);

/// Adds the rows of a load's or a scan's result. kDamaged where a value is none that this program writes.
Result<void> read_postgres_rows(const pg_result* result, RowBatch& rows);
/// Where the next page of a scan begins, from its result; nullopt at the end.
std::optional<std::uint64_t> read_postgres_next(const pg_result* result);

/// What the calls "at start" ask, and how their results read.
inline constexpr const char* kPostgresWatermarks =
    "SELECT partition, applied, chains FROM quipu_watermarks ORDER BY partition";
/// From a generation on: a source's partition goes by how many partitions a log began with, so what an older log knew
/// of it may stand where nothing of it will come, and the newer log knows nothing of what the older one lost.
inline constexpr const char* kPostgresSources =
    "SELECT partition, source, sequence, touched FROM quipu_partition_sources WHERE generation >= $1::bigint "
    "ORDER BY generation, partition, source";
/// Those of which every process goes by a newer generation. Who deletes waits for nobody, so nobody waits in a circle.
inline constexpr const char* kPostgresOldSources =
    "DELETE FROM quipu_partition_sources WHERE ctid = ANY(ARRAY(SELECT ctid FROM quipu_partition_sources "
    "WHERE generation < (SELECT max(generation) FROM quipu_watermarks) FOR UPDATE SKIP LOCKED))";
inline constexpr const char* kPostgresSettings = "SELECT name, value FROM quipu_settings ORDER BY name";
inline constexpr const char* kPostgresSetting = "SELECT value FROM quipu_settings WHERE name = $1::bytea";
inline constexpr const char* kPostgresClaimSetting =
    "INSERT INTO quipu_settings (name, value) VALUES ($1::bytea, $2::bytea) ON CONFLICT (name) DO NOTHING";
inline constexpr const char* kPostgresBase =
    "SELECT applied, windows FROM quipu_bases WHERE applied = "
    "(SELECT max(applied) FROM quipu_bases WHERE applied <= $1::bigint) ORDER BY piece";
inline constexpr const char* kPostgresPartitionBase =
    "SELECT applied, windows FROM quipu_partition_bases WHERE generation = $1::integer AND partition = $2::integer AND "
    "applied = (SELECT max(applied) FROM quipu_partition_bases WHERE generation = $1::integer AND "
    "partition = $2::integer AND applied <= $3::bigint) ORDER BY piece";
inline constexpr const char* kPostgresOldestBase = "SELECT coalesce(min(applied), 0) FROM quipu_bases";
inline constexpr const char* kPostgresWritten = "SELECT written FROM quipu_writers WHERE writer = $1::bytea";
/// Writers that were not heard of for a week are forgotten; one that was, and comes back, reads its log again.
inline constexpr const char* kPostgresOldWriters = "DELETE FROM quipu_writers WHERE seen < now() - interval '7 days'";

std::vector<Watermark> read_postgres_watermarks(const pg_result* result);
std::vector<SourceRow> read_postgres_sources(const pg_result* result);

}  // namespace quipu
