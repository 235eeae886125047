#include "store/cassandra_scan.h"

#include <algorithm>

namespace quipu {
namespace {

constexpr std::size_t kRowsAtOnce = 4'096;
constexpr std::int32_t kRowsAtOnceMax = 1 << 20;  // Far more than a counter has shards.

constexpr std::uint64_t kSign = std::uint64_t{1} << 63;

/// Positions are unsigned, tokens are not: the smallest token is position 0.
std::int64_t token_at(std::uint64_t position) { return static_cast<std::int64_t>(position ^ kSign); }
std::uint64_t position_of(std::int64_t token) { return static_cast<std::uint64_t>(token) ^ kSign; }

}  // namespace

CassandraScan::CassandraScan(const StoreScan& scan, ReadRow read_row)
    : rows_max_(std::max<std::size_t>(scan.rows_max, 1)), read_row_(read_row) {
  ask_ = {token_at(scan.from), rows_to_ask()};
}

/// One more than there is room for: it shows that a counter is whole.
std::int32_t CassandraScan::rows_to_ask() const {
  return static_cast<std::int32_t>(std::min(kRowsAtOnce, rows_max_ - page_.size())) + 1;
}

Result<bool> CassandraScan::take(std::string_view rows, std::uint32_t count) {
  CassandraReader answer(rows);
  RowBatch of_token;
  std::int64_t token = ask_.token;
  bool taken = false;
  const bool full = count >= static_cast<std::uint32_t>(ask_.rows);
  for (std::uint32_t at = 0; at < count; ++at) {
    const auto of_row = answer.take_bigint();
    if (of_row != token && !of_token.empty()) {
      if (!add(token, of_token)) return false;
      taken = true;
      of_token.clear();
    }
    token = of_row;
    if (auto read = read_row_(answer, of_token); !read) return std::unexpected(read.error());
  }
  if (!answer.ok() || !answer.at_end()) return failure(Code::kDamaged, "a page of counters that ends too early");
  if (!full) {
    add(token, of_token);
    return false;
  }
  if (!taken && ask_.rows >= kRowsAtOnceMax) return failure(Code::kDamaged, "a counter of more shards than there are");
  next_ = token;
  if (!page_.empty() && page_.size() + of_token.size() >= rows_max_) return false;
  ask_ = {token, taken ? rows_to_ask() : ask_.rows * 2};
  return true;
}

/// The rows of one token, all of them. Answers whether they had room; if not, the next page begins with them.
bool CassandraScan::add(std::int64_t token, const RowBatch& rows) {
  next_.reset();
  if (rows.empty()) return true;
  if (page_.size() >= rows_max_) {
    next_ = token;
    return false;
  }
  for (const auto& item : rows.items()) {
    page_.add(item.routing, rows.space(item), rows.counter(item), item.shard, item.row);
  }
  return true;
}

std::optional<std::uint64_t> CassandraScan::finish(RowBatch& page) {
  page = std::move(page_);
  if (!next_) return std::nullopt;
  return position_of(*next_);
}

}  // namespace quipu
