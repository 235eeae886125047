#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "store/cassandra_values.h"
#include "store/counter_store.h"

namespace quipu {

/// One page of the store in the order of routing hashes, gathered from rows in the order of Cassandra's tokens. Pure.
///
/// Nothing leads from one order to the other, so a page looks at every row of the store, and keeps those of the
/// smallest hashes: at most a page of them, and those of the last hash.
class CassandraScan {
 public:
  /// What is asked of Cassandra next: rows from this token on, at most so many.
  struct Ask {
    std::int64_t token = std::numeric_limits<std::int64_t>::min();
    std::int32_t rows = 0;
  };

  /// Adds one row of an answer, behind its token.
  using ReadRow = Result<void> (*)(CassandraReader&, RowBatch&);

  CassandraScan(const StoreScan& scan, ReadRow read_row);

  const Ask& ask() const { return ask_; }

  /// Takes the answer: `count` rows of token, namespace, counter, generation, partition, shard. Answers whether there
  /// is more to ask.
  Result<bool> take(std::string_view rows, std::uint32_t count);

  /// The page, in order, and where the next one begins.
  std::optional<std::uint64_t> finish(RowBatch& page);

 private:
  void add(const RowBatch& rows);

  const StoreScan scan_;
  const ReadRow read_row_;
  Ask ask_;
  std::map<std::uint64_t, RowBatch> groups_;  // By routing hash.
  std::size_t rows_ = 0;
  std::optional<std::uint64_t> dropped_;  // The smallest hash that had no place.
};

}  // namespace quipu
