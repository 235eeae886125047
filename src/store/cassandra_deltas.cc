#include "store/cassandra_deltas.h"

#include <limits>
#include <set>
#include <utility>

#include "base/check.h"

namespace quipu {

std::string CassandraDeltas::key_of(const RowBatch& rows, const RowBatch::Item& item) {
  CassandraValues key;
  key.put_bigint(static_cast<std::int64_t>(item.routing));
  key.put_bytes(rows.space(item));
  key.put_bytes(rows.counter(item));
  key.put_int(static_cast<std::int32_t>(item.shard.generation.value));
  key.put_int(item.shard.partition.value);
  return key.bytes();
}

void CassandraDeltas::make_room(std::size_t shards) {
  if (shown_.size() + shards > shards_max_) shown_.clear();
}

std::vector<CounterKey> CassandraDeltas::unknown(const RowBatch& rows) const {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  std::vector<CounterKey> keys;
  for (const auto& item : rows.items()) {
    if (shown_.contains(key_of(rows, item)) || !seen.emplace(rows.space(item), rows.counter(item)).second) continue;
    keys.push_back({item.routing, std::string(rows.space(item)), std::string(rows.counter(item))});
  }
  return keys;
}

void CassandraDeltas::note(const RowBatch& found) {
  for (const auto& item : found.items()) shown_[key_of(found, item)] = {item.row.total, item.row.events};
}

void CassandraDeltas::note(const RowBatch& found, const RowBatch& wanted) {
  note(found);
  for (const auto& item : wanted.items()) shown_.try_emplace(key_of(wanted, item));
}

void CassandraDeltas::put(CassandraValues& out, const RowBatch& rows) const {
  for (const auto& item : rows.items()) {
    const auto known = shown_.find(key_of(rows, item));
    QUIPU_CHECK(known != shown_.end());
    // Unsigned, since the difference of two totals may be beyond 63 bits; Cassandra adds modulo 2^64 too.
    const auto total = static_cast<std::uint64_t>(item.row.total) - static_cast<std::uint64_t>(known->second.total);
    const auto events = item.row.events - known->second.events;
    if (total == 0 && events == 0) continue;
    out.begin(7);
    out.put_bigint(static_cast<std::int64_t>(total));
    out.put_bigint(static_cast<std::int64_t>(events));
    out.put_bytes(rows.space(item));
    out.put_bytes(rows.counter(item));
    out.put_bigint(static_cast<std::int64_t>(item.routing));
    out.put_int(static_cast<std::int32_t>(item.shard.generation.value));
    out.put_int(item.shard.partition.value);
  }
}

Result<void> read_counter_columns(CassandraReader& answer, RowBatch& rows) {
  const auto space = answer.take_bytes();
  const auto counter = answer.take_bytes();
  const auto routing = static_cast<std::uint64_t>(answer.take_bigint());
  const auto generation = answer.take_int();
  const auto partition = answer.take_int();
  Row row;
  row.total = answer.take_bigint();
  row.events = static_cast<std::uint64_t>(answer.take_bigint());
  if (!answer.ok() || generation < 0 || partition < 0 || partition > std::numeric_limits<std::uint16_t>::max()) {
    return failure(Code::kDamaged, "a row of counter columns that is none");
  }
  rows.add(routing, space, counter,
           {Generation{static_cast<std::uint32_t>(generation)}, PartitionId{static_cast<std::uint16_t>(partition)}},
           row);
  return {};
}

}  // namespace quipu
