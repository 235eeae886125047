#include "store/postgres_schema.h"

#include <array>
#include <charconv>
#include <string>

namespace quipu {
namespace {

// The step at index v brings version v to v + 1. A step is never changed once it was released; a new one is added.
//
// routing sorts as the unsigned hash does (postgres_values.h). Names are bytes. `events` above 2^63 - 1 is kept as a
// negative number. Rows are updated in place: free room in each page lets an update leave the index alone.
constexpr std::array<const char*, kPostgresSchemaVersion> kSteps = {R"(
CREATE TABLE quipu_rows (
  routing bigint NOT NULL, namespace bytea NOT NULL, counter bytea NOT NULL,
  generation integer NOT NULL, partition integer NOT NULL,
  total bigint NOT NULL, events bigint NOT NULL, epoch bigint NOT NULL, applied bigint NOT NULL, flags smallint NOT NULL,
  PRIMARY KEY (routing, namespace, counter, generation, partition)) WITH (fillfactor = 75);
CREATE TABLE quipu_watermarks (
  partition integer PRIMARY KEY, generation bigint NOT NULL, applied bigint NOT NULL, chains bytea NOT NULL);
CREATE TABLE quipu_sources (
  partition integer NOT NULL, source bytea NOT NULL, sequence bigint NOT NULL, touched bigint NOT NULL,
  PRIMARY KEY (partition, source));
CREATE TABLE quipu_settings (name bytea PRIMARY KEY, value bytea NOT NULL);
CREATE TABLE quipu_bases (
  applied bigint NOT NULL, piece integer NOT NULL, windows bytea NOT NULL, PRIMARY KEY (applied, piece));
ALTER TABLE quipu_bases ALTER COLUMN windows SET STORAGE EXTERNAL;
CREATE TABLE quipu_writers (writer bytea PRIMARY KEY, written bigint NOT NULL, seen timestamptz NOT NULL);
)",
                                                                    R"(
CREATE TABLE quipu_partition_bases (
  generation integer NOT NULL, partition integer NOT NULL, applied bigint NOT NULL, piece integer NOT NULL,
  windows bytea NOT NULL, PRIMARY KEY (generation, partition, applied, piece));
ALTER TABLE quipu_partition_bases ALTER COLUMN windows SET STORAGE EXTERNAL;
)",
                                                                    R"(
-- Another table, not another column: a process of the version before that goes on must fail, not write sources that
-- nobody would read.
CREATE TABLE quipu_partition_sources (
  generation bigint NOT NULL, partition integer NOT NULL, source bytea NOT NULL,
  sequence bigint NOT NULL, touched bigint NOT NULL, PRIMARY KEY (generation, partition, source));
INSERT INTO quipu_partition_sources
SELECT coalesce(marks.generation, 0), kept.partition, kept.source, kept.sequence, kept.touched
FROM quipu_sources AS kept LEFT JOIN quipu_watermarks AS marks USING (partition);
DROP TABLE quipu_sources;
)"};

// Held while the schema is looked at and made: the ASCII letters "quipu". By the session, and taken ahead of the
// transaction: one that is under way does not see by name what another has made meanwhile.
constexpr const char* kLock = "SELECT pg_advisory_lock(485416001909)";
constexpr const char* kUnlock = "SELECT pg_advisory_unlock(485416001909)";

Result<int> version_of(PostgresConnection& connection, PostgresDeadline deadline) {
  const auto table = connection.run("SELECT to_regclass('quipu_schema')", deadline);
  if (!table) return std::unexpected(table.error());
  if (postgres_value(table->get(), 0, 0).empty()) return 0;
  const auto found = connection.run("SELECT coalesce(max(version), 0) FROM quipu_schema", deadline);
  if (!found) return std::unexpected(found.error());
  const auto text = postgres_value(found->get(), 0, 0);
  int version = 0;
  std::from_chars(text.data(), text.data() + text.size(), version);
  return version;
}

Result<void> check_version(int version, const PostgresConnection& connection) {
  if (version <= kPostgresSchemaVersion) return {};
  return failure(Code::kRefused, "the tables at PostgreSQL " + connection.place() + " are of version " +
                                     std::to_string(version) + "; this program knows up to version " +
                                     std::to_string(kPostgresSchemaVersion));
}

Result<void> make_steps(PostgresConnection& connection, PostgresDeadline deadline) {
  const auto version = version_of(connection, deadline);  // Another may have made them meanwhile.
  if (!version) return std::unexpected(version.error());
  if (auto known = check_version(*version, connection); !known) return known;
  std::string sql = "CREATE TABLE IF NOT EXISTS quipu_schema (version integer PRIMARY KEY, made timestamptz NOT NULL);";
  for (auto step = static_cast<std::size_t>(*version); step < kSteps.size(); ++step) {
    sql += kSteps.at(step);
    sql += "INSERT INTO quipu_schema VALUES (" + std::to_string(step + 1) + ", now());";
  }
  if (const auto made = connection.run(sql, deadline); !made) return std::unexpected(made.error());
  return {};
}

}  // namespace

Result<void> prepare_postgres_session(PostgresConnection& connection, std::int64_t answer_timeout_ms,
                                      PostgresDeadline deadline) {
  const auto timeout = std::to_string(answer_timeout_ms);
  // An abandoned session must not keep locks: its statements and its open transaction end by themselves.
  const auto set =
      connection.run("SET statement_timeout = " + timeout + "; SET lock_timeout = " + timeout +
                         "; SET idle_in_transaction_session_timeout = " + timeout +
                         "; SET plan_cache_mode = force_generic_plan; SET bytea_output = hex" +
                         "; SET default_transaction_isolation = 'read committed'" + "; SET client_min_messages = error",
                     deadline);
  if (!set) return std::unexpected(set.error());
  const auto found = connection.run(
      "SELECT current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit'), "
      "pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean",
      deadline);
  if (!found) return std::unexpected(found.error());
  const char* const names[] = {"fsync", "full_page_writes", "synchronous_commit"};
  for (int at = 0; at < 3; ++at) {
    if (postgres_value(found->get(), 0, at) != "off") continue;
    const std::string name = names[at];
    const std::string remedy =
        at == 2 ? "ALTER ROLE … SET synchronous_commit = on, or in postgresql.conf" : name + " = on in postgresql.conf";
    return failure(Code::kRefused, "PostgreSQL at " + connection.place() + " has " + name +
                                       " = off: totals that it acknowledged would be lost in a power cut; set " +
                                       remedy);
  }
  if (postgres_value(found->get(), 0, 3) == "t") {
    return busy("PostgreSQL at " + connection.place() + " takes no writes: it is a standby, or read only", 500);
  }
  return {};
}

Result<void> migrate_postgres_schema(PostgresConnection& connection, PostgresDeadline deadline) {
  const auto version = version_of(connection, deadline);
  if (!version) return std::unexpected(version.error());
  if (auto known = check_version(*version, connection); !known) return known;
  if (*version == kPostgresSchemaVersion) return {};
  if (const auto locked = connection.run(kLock, deadline); !locked) return std::unexpected(locked.error());
  if (const auto begun = connection.run("BEGIN", deadline); !begun) return std::unexpected(begun.error());
  auto made = make_steps(connection, deadline);
  const auto ended = connection.run(made ? "COMMIT" : "ROLLBACK", deadline);
  if (!made) return made;
  if (!ended) return std::unexpected(ended.error());
  if (const auto unlocked = connection.run(kUnlock, deadline); !unlocked) return std::unexpected(unlocked.error());
  return {};
}

}  // namespace quipu
