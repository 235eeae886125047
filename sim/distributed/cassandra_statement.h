#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace quipu::sim {

/// A statement of CQL, as far as the product's own are made: one table, columns of the key by their order, one column
/// with the value.
struct CassandraStatement {
  enum class Kind { kInsert, kClaim, kSelect, kScan, kDelete };
  Kind kind = Kind::kSelect;
  std::string table;
  /// kInsert, kClaim: what each of the table's columns is given; kSelect, kDelete: each of the key's, as far as they
  /// are named. Empty: the next value that is bound; else a literal as it is on the wire.
  std::vector<std::string> given;
  bool timestamp = false;  ///< One is bound: of kInsert the last, of kDelete the first.
  bool below = false;      ///< kDelete: what is bound last is a bound, not a part of the key.
  static constexpr std::size_t kWriteTime = SIZE_MAX;
  std::vector<std::size_t> selected;  ///< kSelect, kScan: which columns of the table, or the time of the value.
  bool repeatable = true;
  bool all_replicas = false;  ///< Every node must answer.
  bool writes() const { return kind == Kind::kInsert || kind == Kind::kClaim || kind == Kind::kDelete; }
};

/// Reads one. It must be one that the product prepares.
CassandraStatement parse_statement(std::string_view cql);

/// The number of columns of a table; the last one is its value.
std::size_t columns_of(std::string_view table);

/// Values as they stand on the wire, each with its size: cut from the front of `bytes`.
std::string_view cut_value(std::string_view& bytes);
/// What cut_value reads, made of bytes.
std::string wire_value(std::string_view bytes);
/// The same of a number of 4 or 8 bytes, highest first.
std::string wire_int(std::int32_t value);
std::string wire_bigint(std::int64_t value);

}  // namespace quipu::sim
