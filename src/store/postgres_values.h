#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace quipu {

/// Types of PostgreSQL by the numbers that its protocol gives them (src/include/catalog/pg_type.dat).
enum class PostgresType : std::uint32_t { kBool = 16, kBytes = 17, kInt8 = 20, kInt2 = 21, kInt4 = 23 };

/// A one-dimensional array without nulls in the protocol's binary form, all integers with the highest byte first:
///
///     dimensions (1), has nulls (0), type, length, first index (1); then for each element its size and its bytes
///
/// Elements must be of the type that it was made with. Thread: one at a time. Pure.
class PostgresArray {
 public:
  explicit PostgresArray(PostgresType type);

  void add_int(std::int64_t value);  ///< kInt2, kInt4, kInt8, kBool; the value must fit.
  void add_bytes(std::string_view value);

  std::uint32_t size() const { return size_; }
  /// The whole array. It may grow further.
  const std::string& bytes();

 private:
  PostgresType type_;
  std::string bytes_;
  std::uint32_t size_ = 0;
};

/// An 8-byte integer in the protocol's binary form.
std::string postgres_int8(std::int64_t value);
/// A 4-byte integer in the protocol's binary form.
std::string postgres_int4(std::int32_t value);

/// Reads an integer of 1, 2, 4 or 8 bytes in binary form, with its sign; 0 for another size.
std::int64_t read_postgres_int(std::string_view bytes);

/// A routing hash as the signed integer that sorts as it does: PostgreSQL has no unsigned one.
constexpr std::int64_t sortable_routing(std::uint64_t routing) {
  return static_cast<std::int64_t>(routing ^ (std::uint64_t{1} << 63));
}
constexpr std::uint64_t routing_of_sortable(std::int64_t sortable) {
  return static_cast<std::uint64_t>(sortable) ^ (std::uint64_t{1} << 63);
}

}  // namespace quipu
