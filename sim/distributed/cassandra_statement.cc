#include "sim/distributed/cassandra_statement.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

#include "base/check.h"
#include "store/cassandra_values.h"

namespace quipu::sim {
namespace {

constexpr std::size_t kSizeBytes = 4;

using Columns = std::vector<std::string_view>;

/// The tables of docs/formats/cassandra.md: the columns of the key in their order, then the value.
const Columns& columns(std::string_view table) {
  static const std::array<std::pair<std::string_view, Columns>, 8> kTables{{
      {"format", {"name", "version"}},
      {"settings", {"part", "name", "value"}},
      {"marks", {"generation", "partition", "mark"}},
      {"buckets", {"generation", "partition", "kind", "bucket", "version", "content"}},
      {"bases", {"generation", "partition", "kept"}},
      {"base_chunks", {"generation", "partition", "version", "chunk", "content"}},
      {"probe", {"name", "value"}},
      {"counters", {"namespace", "counter", "generation", "partition", "shard"}},
  }};
  const auto* const found = std::ranges::find(kTables, table, &std::pair<std::string_view, Columns>::first);
  QUIPU_CHECK(found != kTables.end());
  return found->second;
}

std::size_t place(std::string_view table, std::string_view column) {
  const auto& all = columns(table);
  const auto found = std::ranges::find(all, column);
  QUIPU_CHECK(found != all.end());
  return static_cast<std::size_t>(found - all.begin());
}

std::string_view between(std::string_view text, std::string_view begin, std::string_view end) {
  const auto from = text.find(begin);
  QUIPU_CHECK(from != std::string_view::npos);
  text.remove_prefix(from + begin.size());
  return text.substr(0, text.find(end));
}

std::vector<std::string_view> parts(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> out;
  while (true) {
    const auto end = text.find(separator);
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + separator.size());
  }
}

/// "?" is bound; else a number or a text in quotes.
std::string literal(std::string_view text) {
  if (text == "?") return {};
  if (text.starts_with('\'')) return wire_value(text.substr(1, text.size() - 2));
  std::int32_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return wire_int(number);
}

/// The conditions on the key, which stand in its order.
void read_where(CassandraStatement& statement, std::string_view where) {
  for (const auto condition : parts(where, " AND ")) {
    const auto words = parts(condition, " ");
    QUIPU_CHECK(words.size() == 3);
    if (words[1] == "<") {
      statement.below = true;
      return;
    }
    QUIPU_CHECK(place(statement.table, words[0]) == statement.given.size());
    statement.given.push_back(literal(words[2]));
  }
}

}  // namespace

std::size_t columns_of(std::string_view table) { return columns(table).size(); }

CassandraStatement parse_statement(std::string_view cql) {
  CassandraStatement statement;
  if (cql.starts_with("INSERT")) {
    statement.kind = CassandraStatement::Kind::kInsert;
    if (cql.ends_with("IF NOT EXISTS")) statement.kind = CassandraStatement::Kind::kClaim;
    statement.table = between(cql, ".", " ");
    statement.timestamp = cql.ends_with("USING TIMESTAMP ?");
    for (const auto value : parts(between(cql, "VALUES (", ")"), ", ")) statement.given.push_back(literal(value));
    QUIPU_CHECK(statement.given.size() == columns_of(statement.table));
    return statement;
  }
  const auto from = cql.substr(cql.find("FROM "));
  statement.table = between(from, ".", " ");
  if (cql.starts_with("DELETE")) {
    statement.kind = CassandraStatement::Kind::kDelete;
    statement.timestamp = cql.find("USING TIMESTAMP ?") != std::string_view::npos;
    read_where(statement, between(cql, "WHERE ", ";"));
    return statement;
  }
  QUIPU_CHECK(cql.starts_with("SELECT "));
  const bool scan = cql.starts_with("SELECT token(");
  auto names = between(cql, scan ? "), " : "SELECT ", " FROM");
  for (const auto name : parts(names, ", ")) {
    const bool time = name.starts_with("WRITETIME(");
    statement.selected.push_back(time ? CassandraStatement::kWriteTime : place(statement.table, name));
  }
  if (scan) {
    statement.kind = CassandraStatement::Kind::kScan;
  } else {
    read_where(statement, between(cql, "WHERE ", ";"));
  }
  return statement;
}

std::string_view cut_value(std::string_view& bytes) {
  CassandraReader reader(bytes);
  const auto value = reader.take_nullable();
  const auto size = kSizeBytes + (value ? value->size() : 0);
  QUIPU_CHECK(reader.ok() && size <= bytes.size());
  const auto out = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return out;
}

namespace {

/// What a CassandraValues has put behind its count of values.
std::string without_count(const CassandraValues& values) { return values.bytes().substr(sizeof(std::uint16_t)); }

}  // namespace

std::string wire_value(std::string_view bytes) {
  CassandraValues values;
  values.begin(1);
  values.put_bytes(bytes);
  return without_count(values);
}

std::string wire_int(std::int32_t value) {
  CassandraValues values;
  values.begin(1);
  values.put_int(value);
  return without_count(values);
}

std::string wire_bigint(std::int64_t value) {
  CassandraValues values;
  values.begin(1);
  values.put_bigint(value);
  return without_count(values);
}

}  // namespace quipu::sim
