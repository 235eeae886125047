#include "store/postgres_statements.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "store/postgres_connection.h"
#include "store/postgres_values.h"

namespace quipu {
namespace {

constexpr std::size_t kRowsEach = 8'192;                   // Of one statement.
constexpr std::size_t kPieceBytes = std::size_t{1} << 20;  // Of a base; PostgreSQL takes at most 1 GiB in one value.

constexpr const char* kWriteRows = R"(
INSERT INTO quipu_rows AS kept
SELECT DISTINCT ON (routing, namespace, counter, generation, partition) given.*
FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::integer[], $5::integer[], $6::bigint[], $7::bigint[],
            $8::bigint[], $9::bigint[], $10::smallint[])
  AS given (routing, namespace, counter, generation, partition, total, events, epoch, applied, flags)
ORDER BY routing, namespace, counter, generation, partition, applied DESC
ON CONFLICT (routing, namespace, counter, generation, partition) DO UPDATE
SET total = excluded.total, events = excluded.events, epoch = excluded.epoch, applied = excluded.applied,
    flags = excluded.flags
WHERE kept.applied < excluded.applied)";

constexpr const char* kWriteMarks = R"(
WITH given AS (
  SELECT DISTINCT ON (partition) partition, generation, applied, chains
  FROM unnest($1::integer[], $2::bigint[], $3::bigint[], $4::bytea[]) WITH ORDINALITY
    AS given (partition, generation, applied, chains, place)
  ORDER BY partition, generation DESC, applied DESC, place DESC),
taken AS (
  INSERT INTO quipu_watermarks AS kept (partition, generation, applied, chains)
  SELECT partition, generation, applied, chains FROM given ORDER BY partition
  ON CONFLICT (partition) DO UPDATE
  SET generation = excluded.generation, applied = excluded.applied, chains = excluded.chains
  WHERE (kept.generation, kept.applied) <= (excluded.generation, excluded.applied)
  RETURNING partition),
late AS (SELECT partition FROM given EXCEPT SELECT partition FROM taken),
known AS (
  SELECT DISTINCT ON (partition, source) coalesce(given.generation, kept.generation, 0) AS generation, partition,
         source, sequence, touched, forgotten
  FROM unnest($5::integer[], $6::bytea[], $7::bigint[], $8::bigint[], $9::boolean[]) WITH ORDINALITY
    AS known (partition, source, sequence, touched, forgotten, place)
  LEFT JOIN given USING (partition) LEFT JOIN quipu_watermarks AS kept USING (partition)
  WHERE partition NOT IN (SELECT partition FROM late)
  ORDER BY partition, source, known.place DESC),
gone AS (
  DELETE FROM quipu_partition_sources AS kept USING known
  WHERE known.forgotten AND kept.generation = known.generation AND kept.partition = known.partition AND
        kept.source = known.source)
INSERT INTO quipu_partition_sources (generation, partition, source, sequence, touched)
SELECT generation, partition, source, sequence, touched FROM known WHERE NOT forgotten
ORDER BY generation, partition, source
ON CONFLICT (generation, partition, source) DO UPDATE
SET sequence = excluded.sequence, touched = excluded.touched)";

constexpr const char* kWriteSettings = R"(
INSERT INTO quipu_settings (name, value)
SELECT DISTINCT ON (name) name, value
FROM unnest($1::bytea[], $2::bytea[]) WITH ORDINALITY AS given (name, value, place) ORDER BY name, place DESC
ON CONFLICT (name) DO UPDATE SET value = excluded.value)";

constexpr const char* kWriteNumber = R"(
INSERT INTO quipu_writers AS kept (writer, written, seen) VALUES ($1::bytea, $2::bigint, now())
ON CONFLICT (writer) DO UPDATE SET written = excluded.written, seen = excluded.seen
WHERE kept.written < excluded.written)";

constexpr const char* kLoad = R"(
SELECT kept.routing, kept.namespace, kept.counter, kept.generation, kept.partition, kept.total, kept.events, kept.epoch,
       kept.applied, kept.flags
FROM unnest($1::bigint[], $2::bytea[], $3::bytea[]) WITH ORDINALITY AS asked (routing, namespace, counter, place)
JOIN quipu_rows AS kept USING (routing, namespace, counter)
ORDER BY asked.place, kept.generation, kept.partition)";

constexpr const char* kScan = R"(
WITH page AS (
  SELECT max(routing) AS last
  FROM (SELECT routing FROM quipu_rows WHERE routing >= $1::bigint ORDER BY routing LIMIT $2::bigint) AS rows)
SELECT kept.routing, kept.namespace, kept.counter, kept.generation, kept.partition, kept.total, kept.events, kept.epoch,
       kept.applied, kept.flags,
       (SELECT min(routing) FROM quipu_rows WHERE routing > (SELECT last FROM page)) AS next
FROM quipu_rows AS kept
WHERE kept.routing >= $1::bigint AND kept.routing <= (SELECT last FROM page)
ORDER BY kept.routing, kept.namespace, kept.counter, kept.generation, kept.partition)";

constexpr const char* kBaseNewer = "DELETE FROM quipu_bases WHERE applied >= $1::bigint";
constexpr const char* kBasePiece = "INSERT INTO quipu_bases VALUES ($1::bigint, $2::integer, $3::bytea)";
constexpr const char* kBaseOlder =
    "DELETE FROM quipu_bases WHERE applied NOT IN "
    "(SELECT DISTINCT applied FROM quipu_bases ORDER BY applied DESC LIMIT 2)";

// Two workers may believe that they own a partition, so its bases are written one after the other. The lock ends with
// the transaction; its key is not that of the schema's lock for any partition.
constexpr const char* kPartitionBaseLock =
    "SELECT 0::bigint FROM pg_advisory_xact_lock(485416001910::bigint * 1048576 + $1::integer)";
constexpr const char* kPartitionBaseSame =
    "DELETE FROM quipu_partition_bases WHERE generation = $1::integer AND partition = $2::integer AND "
    "applied = $3::bigint AND NOT EXISTS (SELECT FROM quipu_partition_bases WHERE generation = $1::integer AND "
    "partition = $2::integer AND applied > $3::bigint)";
constexpr const char* kPartitionBasePiece =
    "INSERT INTO quipu_partition_bases SELECT $1::integer, $2::integer, $3::bigint, $4::integer, $5::bytea "
    "WHERE NOT EXISTS (SELECT FROM quipu_partition_bases WHERE generation = $1::integer AND partition = $2::integer "
    "AND applied > $3::bigint)";
constexpr const char* kPartitionBaseOlder =
    "DELETE FROM quipu_partition_bases WHERE generation < $1::integer OR "
    "generation = $1::integer AND partition = $2::integer AND applied NOT IN (SELECT DISTINCT applied FROM "
    "quipu_partition_bases WHERE generation = $1::integer AND partition = $2::integer ORDER BY applied DESC LIMIT 2)";
constexpr const char* kPartitionBaseNewest =
    "SELECT coalesce(max(applied), 0) FROM quipu_partition_bases WHERE generation = $1::integer AND "
    "partition = $2::integer";

constexpr int kNextColumn = 10;

std::string bytes_of(const Hash128& hash) {
  return postgres_int8(static_cast<std::int64_t>(hash.high)) + postgres_int8(static_cast<std::int64_t>(hash.low));
}

std::uint32_t generation_of(const Bytes& chains) { return ByteCursor(chains).take<std::uint32_t>().value_or(0); }

PostgresCall rows_call(const RowBatch& rows, std::size_t from, std::size_t to) {
  using enum PostgresType;
  PostgresArray routing(kInt8), space(kBytes), counter(kBytes), generation(kInt4), partition(kInt4), total(kInt8),
      events(kInt8), epoch(kInt8), applied(kInt8), flags(kInt2);
  for (auto at = from; at < to; ++at) {
    const RowBatch::Item& item = rows.items()[at];
    routing.add_int(sortable_routing(item.routing));
    space.add_bytes(rows.space(item));
    counter.add_bytes(rows.counter(item));
    generation.add_int(item.shard.generation.value);
    partition.add_int(item.shard.partition.value);
    total.add_int(item.row.total);
    events.add_int(static_cast<std::int64_t>(item.row.events));
    epoch.add_int(static_cast<std::int64_t>(item.row.epoch.value));
    applied.add_int(static_cast<std::int64_t>(item.row.applied.value));
    flags.add_int(item.row.flags);
  }
  return {"quipu_rows",
          {routing.bytes(), space.bytes(), counter.bytes(), generation.bytes(), partition.bytes(), total.bytes(),
           events.bytes(), epoch.bytes(), applied.bytes(), flags.bytes()}};
}

PostgresCall marks_call(const StoreWrite& write) {
  using enum PostgresType;
  PostgresArray partition(kInt4), generation(kInt8), applied(kInt8), chains(kBytes);
  for (const Watermark& mark : write.watermarks) {
    partition.add_int(mark.partition.value);
    generation.add_int(generation_of(mark.chains));
    applied.add_int(static_cast<std::int64_t>(mark.offset.value));
    chains.add_bytes(as_text(mark.chains));
  }
  PostgresArray of(kInt4), source(kBytes), sequence(kInt8), touched(kInt8), forgotten(kBool);
  for (const SourceRow& row : write.sources) {
    of.add_int(row.partition.value);
    source.add_bytes(bytes_of(row.source));
    sequence.add_int(static_cast<std::int64_t>(row.sequence));
    touched.add_int(static_cast<std::int64_t>(row.touched.value));
    forgotten.add_int(row.forgotten ? 1 : 0);
  }
  return {"quipu_marks",
          {partition.bytes(), generation.bytes(), applied.bytes(), chains.bytes(), of.bytes(), source.bytes(),
           sequence.bytes(), touched.bytes(), forgotten.bytes()}};
}

std::uint64_t unsigned_at(const pg_result* result, int row, int column) {
  return static_cast<std::uint64_t>(read_postgres_int(postgres_value(result, row, column)));
}

}  // namespace

const std::vector<PostgresPrepared>& postgres_prepared() {
  static const std::vector<PostgresPrepared> all = {
      {"quipu_rows", kWriteRows},
      {"quipu_marks", kWriteMarks},
      {"quipu_settings", kWriteSettings},
      {"quipu_number", kWriteNumber},
      {"quipu_load", kLoad},
      {"quipu_scan", kScan},
      {"quipu_base_newer", kBaseNewer},
      {"quipu_base_piece", kBasePiece},
      {"quipu_base_older", kBaseOlder},
      {"quipu_base_oldest", kPostgresOldestBase},
      {"quipu_partition_base_lock", kPartitionBaseLock},
      {"quipu_partition_base_same", kPartitionBaseSame},
      {"quipu_partition_base_piece", kPartitionBasePiece},
      {"quipu_partition_base_older", kPartitionBaseOlder},
      {"quipu_partition_base_newest", kPartitionBaseNewest},
  };
  return all;
}

std::vector<PostgresCall> postgres_calls(const StoreWrite& write, const std::string& writer, std::uint64_t number) {
  std::vector<PostgresCall> calls;
  for (std::size_t from = 0; from < write.rows.size(); from += kRowsEach) {
    calls.push_back(rows_call(write.rows, from, std::min(from + kRowsEach, write.rows.size())));
  }
  if (!write.watermarks.empty() || !write.sources.empty()) calls.push_back(marks_call(write));
  if (!write.settings.empty()) {
    PostgresArray name(PostgresType::kBytes), value(PostgresType::kBytes);
    for (const auto& [setting, text] : write.settings) {
      name.add_bytes(setting);
      value.add_bytes(text);
    }
    calls.push_back({"quipu_settings", {name.bytes(), value.bytes()}});
  }
  calls.push_back({"quipu_number", {writer, postgres_int8(static_cast<std::int64_t>(number))}});
  return calls;
}

std::vector<PostgresCall> postgres_calls(const StoreLoad& load) {
  PostgresArray routing(PostgresType::kInt8), space(PostgresType::kBytes), counter(PostgresType::kBytes);
  for (const CounterKey& key : load.keys) {
    routing.add_int(sortable_routing(key.routing));
    space.add_bytes(key.space);
    counter.add_bytes(key.counter);
  }
  return {{"quipu_load", {routing.bytes(), space.bytes(), counter.bytes()}}};
}

std::vector<PostgresCall> postgres_calls(const StoreScan& scan) {
  const auto rows = std::clamp<std::size_t>(scan.rows_max, 1, std::size_t{1} << 30);
  return {{"quipu_scan", {postgres_int8(sortable_routing(scan.from)), postgres_int8(static_cast<std::int64_t>(rows))}}};
}

std::vector<PostgresCall> postgres_calls(const Base& base) {
  const auto applied = postgres_int8(static_cast<std::int64_t>(base.offset.value));
  std::vector<PostgresCall> calls{{"quipu_base_newer", {applied}}};
  const auto windows = as_text(base.windows);
  std::size_t at = 0;
  std::int32_t piece = 0;
  do {  // An empty base has one empty piece.
    calls.push_back(
        {"quipu_base_piece", {applied, postgres_int4(piece), std::string(windows.substr(at, kPieceBytes))}});
    at += kPieceBytes;
    ++piece;
  } while (at < windows.size());
  calls.push_back({"quipu_base_older", {}});
  calls.push_back({"quipu_base_oldest", {}});
  return calls;
}

std::vector<PostgresCall> postgres_calls(const Base& base, ShardId of) {
  const auto generation = postgres_int4(static_cast<std::int32_t>(of.generation.value));
  const auto partition = postgres_int4(of.partition.value);
  const auto applied = postgres_int8(static_cast<std::int64_t>(base.offset.value));
  std::vector<PostgresCall> calls{{"quipu_partition_base_lock", {partition}},
                                  {"quipu_partition_base_same", {generation, partition, applied}}};
  const auto windows = as_text(base.windows);
  std::size_t at = 0;
  std::int32_t piece = 0;
  do {  // An empty base has one empty piece.
    calls.push_back(
        {"quipu_partition_base_piece",
         {generation, partition, applied, postgres_int4(piece), std::string(windows.substr(at, kPieceBytes))}});
    at += kPieceBytes;
    ++piece;
  } while (at < windows.size());
  calls.push_back({"quipu_partition_base_older", {generation, partition}});
  calls.push_back({"quipu_partition_base_newest", {generation, partition}});
  return calls;
}

Result<void> read_postgres_rows(const pg_result* result, RowBatch& rows) {
  for (int at = 0; at < postgres_rows(result); ++at) {
    const auto space = postgres_value(result, at, 1);
    const auto counter = postgres_value(result, at, 2);
    const auto generation = unsigned_at(result, at, 3);
    const auto partition = unsigned_at(result, at, 4);
    Row row;
    row.total = read_postgres_int(postgres_value(result, at, 5));
    row.events = unsigned_at(result, at, 6);
    row.epoch = Epoch{unsigned_at(result, at, 7)};
    row.applied = Offset{unsigned_at(result, at, 8)};
    const auto flags = unsigned_at(result, at, 9);
    row.flags = static_cast<std::uint8_t>(flags);
    if (space.size() > 255 || counter.size() > 65'535 || generation > kGenerationMax || partition > kPartitionsMax ||
        (row.epoch.value >> kOffsetBits) > kGenerationMax || row.applied.value > kOffsetMax || flags > kRowSaturated) {
      return failure(Code::kDamaged, "table quipu_rows of PostgreSQL: the row of counter '" + std::string(counter) +
                                         "' in namespace '" + std::string(space) +
                                         "' holds a value that nothing here "
                                         "writes");
    }
    rows.add(routing_of_sortable(read_postgres_int(postgres_value(result, at, 0))), space, counter,
             {Generation{static_cast<std::uint32_t>(generation)}, PartitionId{static_cast<std::uint16_t>(partition)}},
             row);
  }
  return {};
}

std::optional<std::uint64_t> read_postgres_next(const pg_result* result) {
  if (postgres_rows(result) == 0) return std::nullopt;
  const auto next = postgres_value(result, 0, kNextColumn);
  if (next.empty()) return std::nullopt;  // NULL: nothing follows.
  return routing_of_sortable(read_postgres_int(next));
}

std::vector<Watermark> read_postgres_watermarks(const pg_result* result) {
  std::vector<Watermark> marks;
  for (int at = 0; at < postgres_rows(result); ++at) {
    const auto chains = as_bytes(postgres_value(result, at, 2));
    marks.push_back({PartitionId{static_cast<std::uint16_t>(unsigned_at(result, at, 0))},
                     Offset{unsigned_at(result, at, 1)}, Bytes(chains.begin(), chains.end())});
  }
  return marks;
}

std::vector<SourceRow> read_postgres_sources(const pg_result* result) {
  std::vector<SourceRow> rows;
  for (int at = 0; at < postgres_rows(result); ++at) {
    const auto source = postgres_value(result, at, 1);
    Hash128 hash;
    hash.high = static_cast<std::uint64_t>(read_postgres_int(source.substr(0, 8)));
    hash.low = static_cast<std::uint64_t>(read_postgres_int(source.substr(std::min<std::size_t>(8, source.size()))));
    rows.push_back({PartitionId{static_cast<std::uint16_t>(unsigned_at(result, at, 0))}, hash,
                    unsigned_at(result, at, 2), Offset{unsigned_at(result, at, 3)}});
  }
  return rows;
}

}  // namespace quipu
