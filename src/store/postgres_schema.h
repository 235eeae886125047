#pragma once

#include "base/result.h"
#include "store/postgres_connection.h"

namespace quipu {

/// The version of the tables that this program works with. A change of anything in them makes it higher.
inline constexpr int kPostgresSchemaVersion = 3;

/// Sets what a session needs (bounded statements, plans that do not depend on what came first) and checks the server:
/// kRefused, naming the setting and the remedy, where an acknowledged commit would not survive a power cut (`fsync`,
/// `full_page_writes` or `synchronous_commit` is off), or where it is a standby that takes no writes (kBusy).
Result<void> prepare_postgres_session(PostgresConnection& connection, std::int64_t answer_timeout_ms,
                                      PostgresDeadline deadline);

/// Makes the tables, or brings those of an older version to this one, in one transaction; two processes that begin at
/// once wait for each other. Nothing is changed when the version is right. kRefused when a newer version made them.
Result<void> migrate_postgres_schema(PostgresConnection& connection, PostgresDeadline deadline);

}  // namespace quipu
