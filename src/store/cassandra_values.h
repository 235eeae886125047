#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

/// Values of CQL as the native protocol carries them, both ways. Pure. A value is its size (int32, highest byte first,
/// -1 for null) and its bytes; integers in it stand with the highest byte first too.
namespace quipu {

/// The values of one or more executions of a prepared statement.
class CassandraValues {
 public:
  /// Begins one more execution with that many values.
  void begin(std::uint16_t values);

  void put_int(std::int32_t value);
  void put_bigint(std::int64_t value);
  void put_bytes(std::string_view bytes);
  void put_null();

  /// A value made of values, such as a frozen tuple: what is put until `end_nested` with what this answered is in it.
  std::size_t begin_nested();
  void end_nested(std::size_t begun);
  /// The number of elements, which begins a frozen list.
  void put_list_size(std::int32_t count);

  std::uint32_t executions() const { return executions_; }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
  std::uint32_t executions_ = 0;
};

/// Reads values one after the other. After one that is missing, null or of another size, `ok` is false for good and
/// every value is 0 or empty.
class CassandraReader {
 public:
  explicit CassandraReader(std::string_view bytes) : rest_(bytes) {}

  std::int32_t take_int();
  std::int64_t take_bigint();
  std::string_view take_bytes();
  /// nullopt for null.
  std::optional<std::string_view> take_nullable();
  /// The number of elements that begins a frozen list; never more than could stand in what is left.
  std::int32_t take_list_size();

  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }

 private:
  std::uint64_t take_number(std::string_view bytes, std::size_t size);

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace quipu
