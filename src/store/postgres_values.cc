#include "store/postgres_values.h"

#include "base/check.h"

namespace quipu {
namespace {

constexpr std::size_t kLengthAt = 12;

void put_big_endian(std::string& out, std::uint64_t value, std::size_t bytes) {
  while (bytes > 0) {
    --bytes;
    out.push_back(static_cast<char>(value >> (8 * bytes)));
  }
}

std::size_t size_of(PostgresType type) {
  switch (type) {
    case PostgresType::kBool:
      return 1;
    case PostgresType::kInt2:
      return 2;
    case PostgresType::kInt4:
      return 4;
    case PostgresType::kInt8:
      return 8;
    case PostgresType::kBytes:
      break;
  }
  return 0;
}

}  // namespace

PostgresArray::PostgresArray(PostgresType type) : type_(type) {
  put_big_endian(bytes_, 1, 4);
  put_big_endian(bytes_, 0, 4);
  put_big_endian(bytes_, static_cast<std::uint32_t>(type), 4);
  put_big_endian(bytes_, 0, 4);
  put_big_endian(bytes_, 1, 4);
}

void PostgresArray::add_int(std::int64_t value) {
  const auto size = size_of(type_);
  QUIPU_CHECK(size > 0);
  put_big_endian(bytes_, size, 4);
  put_big_endian(bytes_, static_cast<std::uint64_t>(value), size);
  ++size_;
}

void PostgresArray::add_bytes(std::string_view value) {
  QUIPU_CHECK(type_ == PostgresType::kBytes);
  put_big_endian(bytes_, value.size(), 4);
  bytes_.append(value);
  ++size_;
}

const std::string& PostgresArray::bytes() {
  std::string length;
  put_big_endian(length, size_, 4);
  bytes_.replace(kLengthAt, length.size(), length);
  return bytes_;
}

std::string postgres_int8(std::int64_t value) {
  std::string bytes;
  put_big_endian(bytes, static_cast<std::uint64_t>(value), 8);
  return bytes;
}

std::string postgres_int4(std::int32_t value) {
  std::string bytes;
  put_big_endian(bytes, static_cast<std::uint32_t>(value), 4);
  return bytes;
}

std::int64_t read_postgres_int(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  switch (bytes.size()) {
    case 1:
      return static_cast<std::int8_t>(value);
    case 2:
      return static_cast<std::int16_t>(value);
    case 4:
      return static_cast<std::int32_t>(value);
    case 8:
      return static_cast<std::int64_t>(value);
    default:
      return 0;
  }
}

}  // namespace quipu
