#include "store/cassandra_scan.h"

#include <algorithm>
#include <tuple>
#include <vector>

namespace quipu {
namespace {

constexpr std::int32_t kRowsAtOnce = 4'096;
constexpr std::int32_t kRowsAtOnceMax = 1 << 20;

}  // namespace

CassandraScan::CassandraScan(const StoreScan& scan, ReadRow read_row) : scan_(scan), read_row_(read_row) {
  ask_.rows = kRowsAtOnce;
}

Result<bool> CassandraScan::take(std::string_view rows, std::uint32_t count) {
  CassandraReader answer(rows);
  RowBatch of_token;
  bool first = true;
  std::int64_t begun = ask_.token;
  const bool full = count >= static_cast<std::uint32_t>(ask_.rows);
  for (std::uint32_t at = 0; at < count; ++at) {
    const auto token = answer.take_bigint();
    if (!first && token != begun) {
      add(of_token);
      of_token.clear();
    }
    begun = first ? token : std::max(begun, token);
    first = false;
    if (auto read = read_row_(answer, of_token); !read) return std::unexpected(read.error());
  }
  if (!answer.ok() || !answer.at_end()) return failure(Code::kDamaged, "a page of counters that ends too early");
  if (!full) {
    add(of_token);
    return false;
  }
  // The last token's rows may go on behind this answer: they are asked for again, whole.
  ask_.rows = begun == ask_.token ? std::min(ask_.rows * 2, kRowsAtOnceMax) : kRowsAtOnce;
  ask_.token = begun;
  return true;
}

void CassandraScan::add(const RowBatch& rows) {
  for (const auto& item : rows.items()) {
    if (item.routing < scan_.from || (dropped_ && item.routing >= *dropped_)) continue;
    groups_[item.routing].add(item.routing, rows.space(item), rows.counter(item), item.shard, item.row);
    ++rows_;
  }
  const auto rows_max = std::max<std::size_t>(scan_.rows_max, 1);
  while (!groups_.empty()) {
    const auto last = std::prev(groups_.end());
    if (rows_ - last->second.size() < rows_max) return;
    rows_ -= last->second.size();
    dropped_ = last->first;
    groups_.erase(last);
  }
}

std::optional<std::uint64_t> CassandraScan::finish(RowBatch& page) {
  for (const auto& [routing, rows] : groups_) {
    std::vector<const RowBatch::Item*> order;
    for (const auto& item : rows.items()) order.push_back(&item);
    std::ranges::sort(order, [&rows](const auto* left, const auto* right) {
      return std::tuple(rows.space(*left), rows.counter(*left), left->shard) <
             std::tuple(rows.space(*right), rows.counter(*right), right->shard);
    });
    for (const auto* item : order) {
      page.add(item->routing, rows.space(*item), rows.counter(*item), item->shard, item->row);
    }
  }
  return dropped_;
}

}  // namespace quipu
