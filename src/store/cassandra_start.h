#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "store/cassandra_marks.h"
#include "store/cassandra_nodes.h"
#include "store/cassandra_rows.h"
#include "store/cassandra_schema.h"
#include "store/cassandra_session.h"

/// What the Cassandra store reads and looks at when it starts, or takes over a partition. All of these wait.
namespace quipu {

/// What each node is asked to find out whether it has started anew.
inline constexpr const char* kNodeGenerationCql = "SELECT gossip_generation FROM system.local";
Result<std::vector<CassandraNodeAnswer>> read_node_answers(const CassandraAnswer& answer);

/// Writes and reads the probe's row with the largest timestamp that a row can have. kRefused, naming the guardrail,
/// where the cluster does not take such timestamps; kRefused, naming both, where the row there has another base.
Result<void> probe_timestamps(CassandraSession& session, const CassandraStatements& statements,
                              std::int64_t timestamp_base);
/// The execution of put_probe.
CassandraValues probe_values(std::int64_t timestamp_base);

/// From the settings of all nodes: after how many milliseconds an acknowledged write is surely on their disks, where
/// later writes are acknowledged too.
std::uint32_t sync_wait_of_nodes(CassandraSession& session, std::uint32_t limit_ms);

/// The newest mark of each partition, and the durable one.
struct CassandraFoundMarks {
  std::map<PartitionId, CassandraMark> newest;
  std::map<PartitionId, CassandraMark> durable;
};
/// Of an answer to all_marks.
Result<CassandraFoundMarks> read_found_marks(const CassandraAnswer& answer);

/// Reads the marks of the generation, and of those that are news all buckets.
Result<void> refresh_marks(CassandraSession& session, const CassandraStatements& statements, CassandraMarks& marks);

Result<std::vector<std::pair<std::string, std::string>>> read_settings(CassandraSession& session,
                                                                       const CassandraStatements& statements);

/// Each partition's bases, oldest first.
using CassandraBaseLists = std::map<PartitionId, std::vector<CassandraBase>>;
Result<CassandraBaseLists> read_base_lists(const CassandraAnswer& answer);
/// The execution of all_bases and all_marks.
CassandraValues generation_values(Generation generation);

/// The windows of a base; nullopt where no quorum has all of its chunks, kDamaged where one is altered.
Result<std::optional<Bytes>> read_windows(CassandraSession& session, const CassandraStatements& statements,
                                          Generation generation, PartitionId partition, const CassandraBase& base);

}  // namespace quipu
