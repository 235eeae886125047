#include "store/cassandra_rows.h"

#include <limits>

#include "base/bytes.h"
#include "base/planted.h"

namespace quipu {
namespace {

constexpr std::uint8_t kRowFlagsKnown = kRowSaturated;
constexpr std::uint64_t kEpochMax =
    (std::uint64_t{kGenerationMax} << kOffsetBits) | ((std::uint64_t{1} << kOffsetBits) - 1);
constexpr std::size_t kSpaceBytesMax = std::numeric_limits<std::uint8_t>::max();
constexpr std::size_t kCounterBytesMax = std::numeric_limits<std::uint16_t>::max();
constexpr std::byte kBucketVersion{1};

void put_versions(CassandraValues& out, const std::vector<std::int64_t>& versions) {
  const auto list = out.begin_nested();
  out.put_list_size(static_cast<std::int32_t>(versions.size()));
  for (const auto version : versions) out.put_bigint(version);
  out.end_nested(list);
}

std::optional<std::vector<std::int64_t>> take_versions(CassandraReader& from) {
  CassandraReader list(from.take_bytes());
  std::vector<std::int64_t> versions(static_cast<std::size_t>(list.take_list_size()));
  for (auto& version : versions) version = list.take_bigint();
  if (!from.ok() || !list.ok() || !list.at_end()) return std::nullopt;
  return versions;
}

}  // namespace

void put_shard(CassandraValues& out, const RowBatch& rows, const RowBatch::Item& item, std::int64_t timestamp_base) {
  out.begin(6);
  out.put_bytes(rows.space(item));
  out.put_bytes(rows.counter(item));
  out.put_int(static_cast<std::int32_t>(item.shard.generation.value));
  out.put_int(item.shard.partition.value);
  const auto cell = out.begin_nested();
  out.put_bigint(item.row.total);
  out.put_bigint(static_cast<std::int64_t>(item.row.events));
  out.put_bigint(static_cast<std::int64_t>(item.row.epoch.value));
  out.put_bigint(static_cast<std::int64_t>(item.row.applied.value));
  out.put_int(item.row.flags);
  out.put_bigint(static_cast<std::int64_t>(item.routing));
  out.end_nested(cell);
  const auto applied =
      QUIPU_PLANTED("timestamp-without-offset") ? 0 : static_cast<std::int64_t>(item.row.applied.value);
  out.put_bigint(timestamp_base + applied);
}

Result<void> read_shard(CassandraReader& answer, RowBatch& rows) {
  const auto space = answer.take_bytes();
  const auto counter = answer.take_bytes();
  const auto generation = answer.take_int();
  const auto partition = answer.take_int();
  const auto cell = answer.take_nullable();
  if (!answer.ok()) return failure(Code::kDamaged, "a row of counters that ends too early");
  // A cell that somebody deleted with a newer timestamp than ours: the row says nothing.
  if (!cell) return {};
  CassandraReader values(*cell);
  Row row;
  row.total = values.take_bigint();
  row.events = static_cast<std::uint64_t>(values.take_bigint());
  row.epoch = Epoch{static_cast<std::uint64_t>(values.take_bigint())};
  row.applied = Offset{static_cast<std::uint64_t>(values.take_bigint())};
  const auto flags = values.take_int();
  const auto routing = static_cast<std::uint64_t>(values.take_bigint());
  const bool sound = values.ok() && values.at_end() && space.size() <= kSpaceBytesMax &&
                     counter.size() <= kCounterBytesMax && generation >= 0 &&
                     generation <= static_cast<std::int32_t>(kGenerationMax) && partition >= 0 &&
                     partition <= std::numeric_limits<std::uint16_t>::max() && row.epoch.value <= kEpochMax &&
                     row.applied.value <= kOffsetMax && flags >= 0 && (flags & ~kRowFlagsKnown) == 0;
  if (!sound) {
    return failure(Code::kDamaged, "the row of counter " + std::string(space) + "/" + std::string(counter) +
                                       " in partition " + std::to_string(partition) + " is none that was written");
  }
  row.flags = static_cast<std::uint8_t>(flags);
  rows.add(routing, space, counter,
           {Generation{static_cast<std::uint32_t>(generation)}, PartitionId{static_cast<std::uint16_t>(partition)}},
           row);
  return {};
}

void put_mark(CassandraValues& out, const CassandraMark& mark) {
  const auto cell = out.begin_nested();
  out.put_bigint(static_cast<std::int64_t>(mark.offset.value));
  put_versions(out, mark.chains);
  put_versions(out, mark.sources);
  out.end_nested(cell);
}

Result<CassandraMark> read_mark(std::string_view value) {
  CassandraReader values(value);
  CassandraMark mark;
  mark.offset = Offset{static_cast<std::uint64_t>(values.take_bigint())};
  const auto chains = take_versions(values);
  const auto sources = take_versions(values);
  if (!chains || !sources || !values.ok() || !values.at_end() || mark.offset.value > kOffsetMax ||
      (!sources->empty() && sources->size() != kSourceBuckets)) {
    return failure(Code::kDamaged, "a watermark that is none");
  }
  mark.chains = *chains;
  mark.sources = *sources;
  return mark;
}

std::size_t source_bucket(const Hash128& source) { return source.low % kSourceBuckets; }

std::string source_bucket_bytes(const std::vector<SourceRow>& sorted) {
  Bytes bytes;
  bytes.push_back(kBucketVersion);
  for (const SourceRow& row : sorted) {
    put(bytes, row.source.low);
    put(bytes, row.source.high);
    put_varint(bytes, row.sequence);
    put_varint(bytes, row.touched.value);
  }
  return std::string(as_text(bytes));
}

Result<void> read_source_bucket(PartitionId partition, std::string_view bytes, std::vector<SourceRow>& out) {
  ByteCursor cursor(as_bytes(bytes));
  const auto damaged = [&] {
    return failure(Code::kDamaged,
                   "a bucket of sources of partition " + std::to_string(partition.value) + " that is none");
  };
  if (cursor.take<std::uint8_t>() != static_cast<std::uint8_t>(kBucketVersion)) return damaged();
  while (cursor.remaining() > 0) {
    const auto low = cursor.take<std::uint64_t>();
    const auto high = cursor.take<std::uint64_t>();
    const auto sequence = cursor.take_varint();
    const auto touched = cursor.take_varint();
    if (!low || !high || !sequence || !touched || *touched > kOffsetMax) return damaged();
    out.push_back({partition, {*low, *high}, *sequence, Offset{*touched}, false});
  }
  return {};
}

void put_bases(CassandraValues& out, const std::vector<CassandraBase>& bases) {
  const auto list = out.begin_nested();
  out.put_list_size(static_cast<std::int32_t>(bases.size()));
  for (const CassandraBase& base : bases) {
    const auto tuple = out.begin_nested();
    out.put_bigint(static_cast<std::int64_t>(base.offset.value));
    out.put_bigint(base.version);
    out.put_int(base.chunks);
    out.put_bigint(base.checksum);
    out.end_nested(tuple);
  }
  out.end_nested(list);
}

Result<std::vector<CassandraBase>> read_bases(std::string_view value) {
  CassandraReader list(value);
  std::vector<CassandraBase> bases(static_cast<std::size_t>(list.take_list_size()));
  bool sound = true;
  for (CassandraBase& base : bases) {
    CassandraReader tuple(list.take_bytes());
    base.offset = Offset{static_cast<std::uint64_t>(tuple.take_bigint())};
    base.version = tuple.take_bigint();
    base.chunks = tuple.take_int();
    base.checksum = tuple.take_bigint();
    sound = sound && tuple.ok() && tuple.at_end() && base.chunks >= 0 && base.offset.value <= kOffsetMax;
  }
  if (!sound || !list.ok() || !list.at_end()) return failure(Code::kDamaged, "a list of bases that is none");
  return bases;
}

}  // namespace quipu
