#include "store/cassandra_values.h"

#include "base/check.h"

namespace quipu {
namespace {

constexpr std::size_t kSizeBytes = 4;

template <class T>
void put_big(std::string& out, T value) {
  for (int shift = 8 * (static_cast<int>(sizeof(T)) - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift));
  }
}

}  // namespace

void CassandraValues::begin(std::uint16_t values) {
  put_big(bytes_, values);
  ++executions_;
}

void CassandraValues::put_int(std::int32_t value) {
  put_big(bytes_, std::int32_t{sizeof value});
  put_big(bytes_, value);
}

void CassandraValues::put_bigint(std::int64_t value) {
  put_big(bytes_, std::int32_t{sizeof value});
  put_big(bytes_, value);
}

void CassandraValues::put_bytes(std::string_view bytes) {
  put_big(bytes_, static_cast<std::int32_t>(bytes.size()));
  bytes_.append(bytes);
}

void CassandraValues::put_null() { put_big(bytes_, std::int32_t{-1}); }

std::size_t CassandraValues::begin_nested() {
  put_big(bytes_, std::int32_t{0});
  return bytes_.size();
}

void CassandraValues::end_nested(std::size_t begun) {
  QUIPU_CHECK(begun >= kSizeBytes && begun <= bytes_.size());
  std::string size;
  put_big(size, static_cast<std::int32_t>(bytes_.size() - begun));
  bytes_.replace(begun - kSizeBytes, kSizeBytes, size);
}

void CassandraValues::put_list_size(std::int32_t count) { put_big(bytes_, count); }

std::uint64_t CassandraReader::take_number(std::string_view bytes, std::size_t size) {
  if (bytes.size() != size) ok_ = false;
  if (!ok_) return 0;
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

std::optional<std::string_view> CassandraReader::take_nullable() {
  if (rest_.size() < kSizeBytes) ok_ = false;
  if (!ok_) return std::nullopt;
  const auto size = static_cast<std::int32_t>(take_number(rest_.substr(0, kSizeBytes), kSizeBytes));
  rest_.remove_prefix(kSizeBytes);
  if (size < 0) return std::nullopt;
  if (static_cast<std::size_t>(size) > rest_.size()) {
    ok_ = false;
    return std::nullopt;
  }
  const auto value = rest_.substr(0, static_cast<std::size_t>(size));
  rest_.remove_prefix(static_cast<std::size_t>(size));
  return value;
}

std::string_view CassandraReader::take_bytes() {
  const auto value = take_nullable();
  if (!value) ok_ = false;
  return value.value_or(std::string_view());
}

std::int32_t CassandraReader::take_int() {
  return static_cast<std::int32_t>(take_number(take_bytes(), sizeof(std::int32_t)));
}

std::int64_t CassandraReader::take_bigint() {
  return static_cast<std::int64_t>(take_number(take_bytes(), sizeof(std::int64_t)));
}

std::int32_t CassandraReader::take_list_size() {
  if (rest_.size() < kSizeBytes) ok_ = false;
  if (!ok_) return 0;
  const auto count = static_cast<std::int32_t>(take_number(rest_.substr(0, kSizeBytes), kSizeBytes));
  rest_.remove_prefix(kSizeBytes);
  if (count < 0 || static_cast<std::size_t>(count) > rest_.size() / kSizeBytes) ok_ = false;
  return ok_ ? count : 0;
}

}  // namespace quipu
