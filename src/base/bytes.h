#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace quipu {

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;

static_assert(std::endian::native == std::endian::little, "the formats are little-endian and read in place");

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// Appends an integer, little-endian.
template <class T>
  requires std::is_integral_v<T>
void put(Bytes& out, T value) {
  const auto at = out.size();
  out.resize(at + sizeof(T));
  std::memcpy(out.data() + at, &value, sizeof(T));
}

inline void put(Bytes& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

/// Appends a LEB128 variable-length integer: 7 bits a byte, least significant first, 1 to 10 bytes.
inline void put_varint(Bytes& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<std::byte>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<std::byte>(value));
}

/// Maps signed to unsigned so that small magnitudes stay small (Protocol Buffers' zigzag).
constexpr std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
constexpr std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

/// Reads forward through bytes that may be wrong. Every call answers nullopt instead of reading past the end, and
/// then the cursor stays where it was.
class ByteCursor {
 public:
  explicit ByteCursor(ByteView bytes) : bytes_(bytes) {}

  template <class T>
    requires std::is_integral_v<T>
  std::optional<T> take() {
    if (bytes_.size() - at_ < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  std::optional<ByteView> take(std::size_t size) {
    if (bytes_.size() - at_ < size) return std::nullopt;
    const auto view = bytes_.subspan(at_, size);
    at_ += size;
    return view;
  }

  /// Reads a LEB128 integer. One that does not fit in 64 bits, or is longer than it needs to be, is refused, so
  /// that each value has one encoding.
  std::optional<std::uint64_t> take_varint() {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 10 && at_ + i < bytes_.size(); ++i) {
      const auto byte = static_cast<std::uint8_t>(bytes_[at_ + i]);
      if (i == 9 && byte > 1) return std::nullopt;
      value |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
      if ((byte & 0x80) == 0) {
        if (byte == 0 && i > 0) return std::nullopt;
        at_ += i + 1;
        return value;
      }
    }
    return std::nullopt;
  }

  std::size_t position() const { return at_; }
  std::size_t remaining() const { return bytes_.size() - at_; }

 private:
  ByteView bytes_;
  std::size_t at_ = 0;
};

}  // namespace quipu
