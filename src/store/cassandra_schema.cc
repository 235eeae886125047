#include "store/cassandra_schema.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "base/planted.h"

namespace quipu {
namespace {

constexpr std::size_t kNameBytesMax = 48;  // Cassandra's own bound.
constexpr std::string_view kFormatName = "quipu";

/// The columns of each table, in the order in which docs/formats/cassandra.md explains them.
constexpr std::array<std::string_view, 7> kTables = {
    "format (name text PRIMARY KEY, version int)",
    "settings (part int, name blob, value blob, PRIMARY KEY (part, name))",
    "marks (generation int, partition int, "
    "mark frozen<tuple<bigint, frozen<list<bigint>>, frozen<list<bigint>>>>, PRIMARY KEY (generation, partition))",
    "buckets (generation int, partition int, kind int, bucket int, version bigint, content blob, "
    "PRIMARY KEY ((generation, partition, kind, bucket), version))",
    "bases (generation int, partition int, kept frozen<list<frozen<tuple<bigint, bigint, int, bigint>>>>, "
    "PRIMARY KEY (generation, partition))",
    "base_chunks (generation int, partition int, version bigint, chunk int, content blob, "
    "PRIMARY KEY ((generation, partition, version), chunk))",
    "probe (name text PRIMARY KEY, value bigint)",
};

constexpr std::string_view kExactTable =
    "counters (namespace text, counter blob, generation int, partition int, "
    "shard frozen<tuple<bigint, bigint, bigint, bigint, int, bigint>>, "
    "PRIMARY KEY ((namespace, counter), generation, partition))";
/// The routing hash is in the key, since nothing but counters may stand beside counters.
constexpr std::string_view kCounterColumnsTable =
    "counter_columns (namespace text, counter blob, routing bigint, generation int, partition int, views counter, "
    "events counter, PRIMARY KEY ((namespace, counter), routing, generation, partition))";

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

/// Prepares one statement after the other, and remembers the first failure.
class Preparing {
 public:
  Preparing(CassandraSession& session, std::string keyspace) : session_(session), keyspace_(std::move(keyspace)) {}

  /// `cql` with "KS" for the keyspace.
  CassandraSession::Statement operator()(std::string cql, CassandraSession::Way way = {}) {
    for (auto at = cql.find("KS."); at != std::string::npos; at = cql.find("KS.", at + keyspace_.size())) {
      cql.replace(at, 2, keyspace_);
    }
    if (!result_) return 0;
    auto statement = session_.prepare(cql, way);
    if (!statement) result_ = std::unexpected(statement.error());
    return statement.value_or(0);
  }
  const Result<void>& result() const { return result_; }

 private:
  CassandraSession& session_;
  const std::string keyspace_;
  Result<void> result_;
};

/// Compares which version the keyspace is of; makes it this one where it is of none.
Result<void> settle_version(CassandraSession& session, Preparing& prepare, std::int32_t wanted) {
  const auto get = prepare("SELECT version FROM KS.format WHERE name = ?");
  const auto claim = prepare("INSERT INTO KS.format (name, version) VALUES (?, ?) IF NOT EXISTS");
  if (!prepare.result()) return prepare.result();
  CassandraValues mine;
  mine.begin(2);
  mine.put_bytes(kFormatName);
  mine.put_int(wanted);
  CassandraValues name;
  name.begin(1);
  name.put_bytes(kFormatName);
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto found = session.call(get, name);
    if (auto result = found.result(); !result) return result;
    if (found.row_count() > 0) {
      CassandraReader row(found.rows());
      const auto version = row.take_int();
      if (row.ok() && version == wanted) return {};
      return failure(Code::kRefused, "the keyspace is of format " + std::to_string(version) +
                                         ", what is asked for is format " + std::to_string(wanted));
    }
    if (auto result = session.call(claim, mine).result(); !result) return result;
  }
  return failure(Code::kDamaged, "the keyspace does not keep which format it is of");
}

Result<void> make_keyspace(CassandraSession& session, const CassandraKeyspace& keyspace) {
  if (!is_name(keyspace.name)) {
    return failure(Code::kRefused, "'" + keyspace.name + "' is no name of a keyspace: 1 to 48 letters, digits and _");
  }
  if (keyspace.replication_factor < 1) return failure(Code::kRefused, "a replication factor of 0 keeps nothing");
  return session.run("CREATE KEYSPACE IF NOT EXISTS " + keyspace.name +
                     " WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': " +
                     std::to_string(keyspace.replication_factor) + "}");
}

void prepare_rows(Preparing& prepare, CassandraRowForm form, bool scan_all_replicas, CassandraStatements& all) {
  if (form == CassandraRowForm::kExact) {
    all.put_shard = prepare(
        "INSERT INTO KS.counters (namespace, counter, generation, partition, shard) VALUES (?, ?, ?, ?, ?) "
        "USING TIMESTAMP ?");
    all.load_counter = prepare(
        "SELECT namespace, counter, generation, partition, shard FROM KS.counters WHERE namespace = ? AND counter = ?");
    all.scan_counters = prepare(
        "SELECT token(namespace, counter), namespace, counter, generation, partition, shard FROM KS.counters "
        "WHERE token(namespace, counter) >= ? LIMIT ?",
        {.all_replicas = scan_all_replicas});
    return;
  }
  // An addition is not repeated by itself: perhaps it was carried out.
  all.put_shard = prepare(
      "UPDATE KS.counter_columns SET views = views + ?, events = events + ? WHERE namespace = ? AND counter = ? "
      "AND routing = ? AND generation = ? AND partition = ?",
      {.repeatable = false});
  all.load_counter = prepare(
      "SELECT namespace, counter, routing, generation, partition, views, events FROM KS.counter_columns "
      "WHERE namespace = ? AND counter = ?");
  all.scan_counters = prepare(
      "SELECT token(namespace, counter), namespace, counter, routing, generation, partition, views, events "
      "FROM KS.counter_columns WHERE token(namespace, counter) >= ? LIMIT ?",
      {.all_replicas = scan_all_replicas});
}

}  // namespace

Result<CassandraStatements> open_schema(CassandraSession& session, const CassandraKeyspace& keyspace,
                                        CassandraRowForm form, bool scan_all_replicas) {
  if (auto made = make_keyspace(session, keyspace); !made) return std::unexpected(made.error());
  const bool exact = form == CassandraRowForm::kExact;
  std::vector<std::string_view> tables(kTables.begin(), kTables.end());
  tables.push_back(exact ? kExactTable : kCounterColumnsTable);
  for (const auto table : tables) {
    const auto cql = "CREATE TABLE IF NOT EXISTS " + keyspace.name + "." + std::string(table);
    if (auto made = session.run(cql); !made) return std::unexpected(made.error());
  }
  Preparing prepare(session, keyspace.name);
  const auto version = exact ? kCassandraFormatVersion : kCassandraCounterColumnsVersion;
  if (auto settled = settle_version(session, prepare, version); !settled) return std::unexpected(settled.error());

  CassandraStatements all;
  prepare_rows(prepare, form, scan_all_replicas && !QUIPU_PLANTED("adopted-at-quorum"), all);
  all.put_setting = prepare("INSERT INTO KS.settings (part, name, value) VALUES (0, ?, ?) USING TIMESTAMP ?");
  all.all_settings = prepare("SELECT name, value FROM KS.settings WHERE part = 0");
  all.setting_times = prepare("SELECT WRITETIME(value) FROM KS.settings WHERE part = 0");
  all.claim_setting = prepare("INSERT INTO KS.settings (part, name, value) VALUES (0, ?, ?) IF NOT EXISTS");
  all.put_mark = prepare("INSERT INTO KS.marks (generation, partition, mark) VALUES (?, ?, ?) USING TIMESTAMP ?");
  all.all_marks = prepare("SELECT partition, mark FROM KS.marks WHERE generation = ?");
  all.put_bucket = prepare(
      "INSERT INTO KS.buckets (generation, partition, kind, bucket, version, content) VALUES (?, ?, ?, ?, ?, ?) "
      "USING TIMESTAMP ?");
  all.get_bucket = prepare(
      "SELECT content FROM KS.buckets WHERE generation = ? AND partition = ? AND kind = ? AND bucket = ? "
      "AND version = ?");
  all.drop_buckets = prepare(
      "DELETE FROM KS.buckets USING TIMESTAMP ? WHERE generation = ? AND partition = ? AND kind = ? AND bucket = ? "
      "AND version < ?");
  all.put_bases = prepare("INSERT INTO KS.bases (generation, partition, kept) VALUES (?, ?, ?) USING TIMESTAMP ?");
  all.all_bases = prepare("SELECT partition, kept FROM KS.bases WHERE generation = ?");
  all.put_chunk =
      prepare("INSERT INTO KS.base_chunks (generation, partition, version, chunk, content) VALUES (?, ?, ?, ?, ?)");
  all.get_chunks = prepare(
      "SELECT content FROM KS.base_chunks WHERE generation = ? AND partition = ? AND version = ? AND chunk = ?");
  all.drop_chunks = prepare("DELETE FROM KS.base_chunks WHERE generation = ? AND partition = ? AND version = ?");
  all.put_probe = prepare("INSERT INTO KS.probe (name, value) VALUES ('timestamp', ?) USING TIMESTAMP ?");
  all.get_probe = prepare("SELECT value, WRITETIME(value) FROM KS.probe WHERE name = 'timestamp'");
  if (!prepare.result()) return std::unexpected(prepare.result().error());
  return all;
}

}  // namespace quipu
