#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "aggregate/counter_pool.h"
#include "base/check.h"
#include "base/identifiers.h"
#include "ingest/namespaces.h"
#include "store/counter_store.h"

namespace quipu {

/// One counter as it lies in the arena, a view of its bytes: its name, and its row while it is at rest.
///
///   compact   | flags 1 | name size 1 | namespace 1 | partition 1 | applied 5 | total 3 | name |
///   wide      | flags 1 | row flags 1 | name size 2 | applied 8 | namespace 4 | partition 2 | 2 |
///             | total 8 | events 8 | epoch 8 | name |
///
/// While the counter is being worked on, `applied` holds its place in the pool, and the row here is not looked at. The
/// compact form has what nearly all counters are: a total of 0 to 2^24 - 1 that is the number of its events, never
/// reset. Sizes are multiples of four bytes. Not for the disk. Pure.
class Record {
 public:
  static constexpr std::size_t kAlign = 4;
  static constexpr std::size_t kCompactBytes = 12;
  static constexpr std::size_t kWideBytes = 48;

  explicit Record(char* bytes) : bytes_(bytes) {}

  /// Whether the compact form can hold a counter, and its row.
  static bool compact(NamespaceId space, PartitionId partition, std::size_t name_size) {
    return space.value <= 0xff && partition.value <= 0xff && name_size <= 0xff;
  }
  static bool compact(const Row& row) {
    return row.total >= 0 && row.total < (1 << 24) && row.events == static_cast<std::uint64_t>(row.total) &&
           row.epoch == Epoch{} && row.flags == 0 && row.applied.value < (std::uint64_t{1} << 40);
  }
  static std::size_t bytes(bool wide, std::size_t name_size) {
    return ((wide ? kWideBytes : kCompactBytes) + name_size + kAlign - 1) / kAlign * kAlign;
  }

  /// Writes a record of a counter that is at rest. There must be `bytes(wide, name.size())` bytes.
  void make(bool wide, NamespaceId space, PartitionId partition, std::string_view name) {
    bytes_[0] = static_cast<char>(wide ? kWide : 0);
    if (wide) {
      bytes_[1] = 0;
      put<std::uint16_t>(2, static_cast<std::uint16_t>(name.size()));
      put<std::uint32_t>(12, space.value);
      put<std::uint16_t>(16, partition.value);
    } else {
      bytes_[1] = static_cast<char>(name.size());
      bytes_[2] = static_cast<char>(space.value);
      bytes_[3] = static_cast<char>(partition.value);
    }
    std::memcpy(bytes_ + header(), name.data(), name.size());
    set_row({});
  }

  bool wide() const { return has(kWide); }
  bool active() const { return has(kActive); }
  bool dead() const { return has(kDead); }
  bool came_again() const { return has(kCameAgain); }
  void kill() { set(kDead, true); }
  void set_came_again(bool on) { set(kCameAgain, on); }

  std::size_t bytes() const { return bytes(wide(), name_size()); }
  std::string_view name() const { return {bytes_ + header(), name_size()}; }
  NamespaceId space() const { return NamespaceId{wide() ? get<std::uint32_t>(12) : byte(2)}; }
  PartitionId partition() const {
    return PartitionId{wide() ? get<std::uint16_t>(16) : static_cast<std::uint16_t>(byte(3))};
  }
  const char* data() const { return bytes_; }

  /// The place in the pool of a counter that is being worked on.
  CounterIndex index() const { return get<std::uint32_t>(4); }
  void activate(CounterIndex index) {
    put<std::uint32_t>(4, index);
    set(kActive, true);
  }

  /// The row of a counter at rest.
  Row row() const {
    Row row;
    if (wide()) {
      row.applied = Offset{get<std::uint64_t>(4)};
      row.total = get<std::int64_t>(24);
      row.events = get<std::uint64_t>(32);
      row.epoch = Epoch{get<std::uint64_t>(40)};
      row.flags = static_cast<std::uint8_t>(byte(1));
    } else {
      row.applied = Offset{std::uint64_t{get<std::uint32_t>(4)} | std::uint64_t{byte(8)} << 32};
      row.total = byte(9) | byte(10) << 8 | byte(11) << 16;
      row.events = static_cast<std::uint64_t>(row.total);
    }
    return row;
  }
  /// Puts the counter to rest with this row; the compact form must be able to hold it, or the form be wide.
  void set_row(const Row& row) {
    set(kActive, false);
    if (wide()) {
      put(4, row.applied.value);
      put(24, row.total);
      put(32, row.events);
      put(40, row.epoch.value);
      bytes_[1] = static_cast<char>(row.flags);
      return;
    }
    QUIPU_CHECK(compact(row));
    put<std::uint32_t>(4, static_cast<std::uint32_t>(row.applied.value));
    bytes_[8] = static_cast<char>(row.applied.value >> 32);
    for (int i = 0; i < 3; ++i) bytes_[9 + i] = static_cast<char>(row.total >> 8 * i);
  }

 private:
  static constexpr std::uint8_t kWide = 1;
  static constexpr std::uint8_t kActive = 2;
  static constexpr std::uint8_t kDead = 4;
  static constexpr std::uint8_t kCameAgain = 8;

  std::uint32_t byte(std::size_t at) const { return static_cast<std::uint8_t>(bytes_[at]); }
  template <class T>
  T get(std::size_t at) const {
    T value;
    std::memcpy(&value, bytes_ + at, sizeof(T));
    return value;
  }
  template <class T>
  void put(std::size_t at, T value) {
    std::memcpy(bytes_ + at, &value, sizeof(T));
  }
  bool has(std::uint8_t flag) const { return (byte(0) & flag) != 0; }
  void set(std::uint8_t flag, bool on) {
    bytes_[0] = static_cast<char>(on ? byte(0) | flag : byte(0) & ~std::uint32_t{flag});
  }
  std::size_t header() const { return wide() ? kWideBytes : kCompactBytes; }
  std::size_t name_size() const { return wide() ? get<std::uint16_t>(2) : byte(1); }

  char* bytes_;
};

}  // namespace quipu
