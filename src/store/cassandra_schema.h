#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "store/cassandra_session.h"

namespace quipu {

/// The keyspace and its copies of the data. Used only where the keyspace is made.
struct CassandraKeyspace {
  std::string name = "quipu";            ///< 1 to 48 letters, digits and underscores.
  std::uint32_t replication_factor = 3;  ///< Copies in each datacenter, from 1. A quorum of them must be up.
};

/// How a keyspace keeps the rows of shards.
enum class CassandraRowForm : std::uint8_t {
  kExact,           ///< Absolute totals with their offset.
  kCounterColumns,  ///< Counter columns, to which differences are added.
};

/// The statements of the store (docs/formats/cassandra.md).
struct CassandraStatements {
  CassandraSession::Statement put_shard{}, load_counter{}, scan_counters{};
  CassandraSession::Statement put_setting{}, all_settings{}, setting_times{}, claim_setting{};
  CassandraSession::Statement put_mark{}, all_marks{}, put_bucket{}, get_bucket{}, drop_buckets{};
  CassandraSession::Statement put_bases{}, all_bases{}, put_chunk{}, get_chunks{}, drop_chunks{};
  CassandraSession::Statement put_probe{}, get_probe{};
};

/// The version of keys and cells together, of each form. A keyspace of another one is refused.
inline constexpr std::int32_t kCassandraFormatVersion = 1;
inline constexpr std::int32_t kCassandraCounterColumnsVersion = 1'001;

/// Makes what is missing of the keyspace and its tables, and prepares all statements; waits. What is there is left as
/// it is. kRefused where another version of the program or another form made it, or where `keyspace` is not a name.
/// `scan_all_replicas`: a page of a scan is what all replicas have, and waits for them.
Result<CassandraStatements> open_schema(CassandraSession& session, const CassandraKeyspace& keyspace,
                                        CassandraRowForm form, bool scan_all_replicas);

}  // namespace quipu
