#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "store/cassandra_values.h"
#include "store/counter_store.h"

namespace quipu {

/// One page of the store, gathered from rows in the order of Cassandra's tokens, which are its positions. Pure.
///
/// No counter is cut: an answer that is full may lack rows of its last token, which are asked for again, whole.
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

  /// Gives the page away, and answers where the next one begins.
  std::optional<std::uint64_t> finish(RowBatch& page);

 private:
  bool add(std::int64_t token, const RowBatch& rows);
  std::int32_t rows_to_ask() const;

  const std::size_t rows_max_;
  const ReadRow read_row_;
  Ask ask_;
  RowBatch page_;
  std::optional<std::int64_t> next_;
};

}  // namespace quipu
