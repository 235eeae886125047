#pragma once

#include "store/rocksdb_database.h"

namespace rocksdb {
struct Options;
}

namespace quipu {

/// How the counter store uses RocksDB. Each choice that is not a default has its reason beside it.
rocksdb::Options rocksdb_options(const RocksdbLimits& limits);

}  // namespace quipu
